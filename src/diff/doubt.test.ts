/** Worst elements calculated once more: who of both sides is wrong there. */
import { expect, it } from 'vitest';
import { errorModel } from '../accuracy/index.ts';
import { tensorType } from '../core/graph.ts';
import { Tensor } from '../core/tensor.ts';
import { opSet } from '../ops/index.ts';
import type { Region } from '../plugins/contract.ts';
import { doubtOf, type Doubt } from './doubt.ts';

const K = 300;
const node = { name: 'm', op: 'MatMul', domain: '', version: 13, inputs: ['a', 'b'], outputs: ['y'], attrs: {} };
const f32 = (dims: readonly number[], make: (i: number) => number): Tensor =>
  Tensor.from(
    'float32',
    dims,
    Array.from({ length: dims.reduce((n, d) => n * d, 1) }, (_, i) => make(i)),
  );
const a = f32([2, K], (i) => Math.sin(i) * 1e3);
const b = f32([K, 3], (i) => Math.cos(i * 7));
const region: Region = {
  nodes: [node],
  inputs: [a, b].map((t, i) => ({ name: node.inputs[i]!, type: tensorType('float32', t.dims) })),
  outputs: [{ name: 'y', type: tensorType('float32', [2, 3]) }],
  constants: new Map(),
  types: new Map([
    ...[a, b].map((t, i) => [node.inputs[i]!, tensorType('float32', t.dims)] as const),
    ['y', tensorType('float32', [2, 3])],
  ]),
};
const [bounds] = errorModel(opSet.find('', 'MatMul')!, node, [a, b], { numerics: { inputs: 'same', accumulate: 'same', notes: [] } });
const right = bounds!.golden as Tensor;
const off = (at: number, by: number): Tensor => f32([2, 3], (i) => right.toNumbers()[i]! + (i === at ? by : 0));
const doubt = (actual: Tensor, golden: Tensor): Doubt | undefined =>
  doubtOf({ ops: opSet, region, inputs: [a, b], output: 0, actual, golden, bounds: bounds! });

it('blames who is further from the exact value than its arithmetic explains', () => {
  expect(doubt(off(4, 10), right)).toMatchObject({ blame: 'chip', elements: [{ at: 4, chipWrong: true, goldenWrong: false }] });
  expect(doubt(right, off(4, 10))).toMatchObject({ blame: 'golden', elements: [{ at: 4, chipWrong: false, goldenWrong: true }] });
  expect(doubt(off(1, 10), off(4, 10))).toMatchObject({ blame: 'both' });
  const within = bounds!.allowed!.standard![2]! / 2;
  expect(doubt(off(2, within), off(2, -within))).toMatchObject({ blame: 'neither' });
  expect(doubt(right, right)).toBeUndefined();
});

it('gives the exact value, which float64 confirms', () => {
  const [e] = doubt(off(4, 10), right)!.elements;
  expect(Math.abs(e!.exact - bounds!.exact![4]!)).toBeLessThan(1e-9);
});

it('says so where it cannot tell', () => {
  const acos = { ...node, op: 'Acos', inputs: ['y'], outputs: ['z'] };
  const unknown = {
    ...region,
    nodes: [acos],
    inputs: [{ name: 'y', type: tensorType('float32', [2, 3]) }],
    outputs: [{ name: 'z', type: tensorType('float32', [2, 3]) }],
  };
  expect(doubtOf({ ops: opSet, region: unknown, inputs: [right], output: 0, actual: off(4, 10), golden: right, bounds: bounds! })).toEqual({
    blame: undefined,
    elements: [],
    why: 'acos is not evaluated exactly',
  });
  // Classes count as well.
  const infinite = f32([2, 3], (i) => (i === 0 ? Infinity : right.toNumbers()[i]!));
  expect(doubt(infinite, right)).toMatchObject({ blame: 'chip', elements: [{ at: 0 }] });
});
