/** What authors of vendors may ask of a node, and how it says no. */
import { expect, it } from 'vitest';
import { tensorType, type Node, type ValueType } from '../core/graph.ts';
import { Tensor } from '../core/tensor.ts';
import type { Region } from './contract.ts';
import { Facts, Refused } from './facts.ts';

const node = (attrs: Node['attrs'] = {}): Node => ({
  name: 'n',
  op: 'Conv',
  domain: '',
  version: 22,
  attrs,
  inputs: ['x', 'w', ''],
  outputs: ['y'],
});
const factsOf = (n: Node, types: Record<string, ValueType> = {}): Facts => {
  const constants = new Map([['w', Tensor.from('int64', [2], [3n, -1n])]]);
  const region: Region = { nodes: [n], inputs: [], outputs: [], constants, types: new Map(Object.entries(types)) };
  return new Facts(n, region);
};
const reasonOf = (ask: () => unknown): string => {
  try {
    ask();
  } catch (thrown) {
    if (thrown instanceof Refused) return thrown.reason;
    throw thrown;
  }
  return 'none';
};

it('knows shapes and constants, and refuses what is not known yet', () => {
  const known = factsOf(node(), { x: tensorType('float32', [2, 3]) });
  expect(known.dims(0)).toEqual([2, 3]);
  expect(known.numbers(1, 'the sizes')).toEqual([3, -1]);
  expect([known.has(1), known.has(2)]).toEqual([true, false]);
  expect(reasonOf(() => known.outDims())).toBe('SHAPE_UNKNOWN');
  expect(reasonOf(() => known.numbers(0, 'the sizes'))).toBe('SHAPE_UNKNOWN');
  expect(reasonOf(() => factsOf(node(), { x: tensorType('float32', ['n', 3]) }).dims(0))).toBe('SHAPE_UNKNOWN');
});

it('refuses other element types, and nothing at all', () => {
  const known = factsOf(node(), { x: tensorType('float32', [0]) });
  expect(reasonOf(() => known.needType(0, 'int32'))).toBe('DTYPE');
  expect(reasonOf(() => known.needType(0, 'float32'))).toBe('SHAPE');
});

it('reads attributes, with what stands for them when they are left out', () => {
  const known = factsOf(
    node({ group: { type: 'int', value: 4n }, alpha: { type: 'float', value: 0.5 }, pads: { type: 'ints', value: [1n, 2] } }),
  );
  expect([known.int('group', 1), known.int('axis', 7), known.float('alpha', 1), known.string('auto_pad', 'NOTSET')]).toEqual([
    4,
    7,
    0.5,
    'NOTSET',
  ]);
  expect(known.ints('pads')).toEqual([1, 2]);
  expect(known.ints('strides')).toBeUndefined();
});

it('works windows out', () => {
  const same = (auto: string): number[][] => {
    const { before, after } = factsOf(node({ auto_pad: { type: 'string', value: auto }, strides: { type: 'ints', value: [2] } })).window(
      [7],
      [4],
      [4],
    );
    return [[...before], [...after]];
  };
  expect(same('SAME_UPPER')).toEqual([[1], [2]]);
  expect(same('SAME_LOWER')).toEqual([[2], [1]]);
  expect(factsOf(node({ pads: { type: 'ints', value: [1, 0] } })).window([7], [4], [5])).toMatchObject({ before: [1], after: [0] });
  // One more window than fits: ceil_mode.
  expect(reasonOf(() => factsOf(node({ strides: { type: 'ints', value: [2] } })).window([6], [3], [3]))).toBe('ATTR');
  expect(reasonOf(() => factsOf(node({ pads: { type: 'ints', value: [-1, 0] } })).window([7], [2], [5]))).toBe('ATTR');
});
