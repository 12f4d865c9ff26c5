import { beforeEach, describe, expect, it } from 'vitest';
import { Sequence, Tensor, type Value } from '../core/tensor.ts';
import { opSet } from '../ops/index.ts';
import { decidingInputs, PlanCache, PLAN_LIMIT, typeOfInput } from './plan-cache.ts';

const f32 = (...dims: number[]): Tensor => Tensor.zeros('float32', dims);
const i64 = (...values: number[]): Tensor => Tensor.from('int64', [values.length], values);
const strings = (...values: string[]): Tensor => Tensor.from('string', [values.length], values);

describe('PlanCache', () => {
  let dropped: string[];
  let cache: PlanCache<string>;
  beforeEach(() => {
    dropped = [];
    cache = new PlanCache<string>([false, true], (p) => void dropped.push(p));
  });

  it('knows plans by types and shapes, and by the contents of inputs that decide shapes', () => {
    const x = f32(2, 3);
    cache.add([x, i64(1)], 'a');
    expect(cache.find([f32(2, 3), i64(1)])).toBe('a');
    for (const [other, by] of [
      [f32(3, 2), i64(1)],
      [f32(2, 3, 1), i64(1)],
      [Tensor.zeros('int32', [2, 3]), i64(1)],
      [x, i64(2)],
      [x, i64(1, 1)],
      [x, undefined],
      [undefined, i64(1)],
    ]) {
      expect(cache.find([other, by])).toBeUndefined();
    }
    cache.add([x, undefined], 'without');
    cache.add([f32(4), i64(1)], 'b');
    expect([cache.find([x, i64(1)]), cache.find([x, undefined]), cache.find([f32(4), i64(1)])]).toEqual(['a', 'without', 'b']);
  });

  it('keeps copies, so that changing an input afterwards changes nothing', () => {
    const by = i64(5);
    cache.add([f32(1), by], 'a');
    (by.data as BigInt64Array)[0] = 6n;
    expect(cache.find([f32(1), by])).toBeUndefined();
    expect(cache.find([f32(1), i64(5)])).toBe('a');
  });

  it('tells strings apart however they are cut', () => {
    cache.add([undefined, strings('a,b', 'c')], 'a');
    expect(cache.find([undefined, strings('a', 'b,c')])).toBeUndefined();
    expect(cache.find([undefined, strings('a,b', 'c')])).toBe('a');
  });

  it('takes NaN for NaN', () => {
    const nan = (): Tensor => Tensor.from('float32', [1], [NaN]);
    cache.add([undefined, nan()], 'a');
    expect(cache.find([undefined, nan()])).toBe('a');
  });

  it('takes sequences for the same whatever is in them but its type, and never for tensors', () => {
    const s = (...items: Value[]): Sequence => new Sequence(items);
    cache.add([s(f32(1)), undefined], 'a');
    expect(cache.find([s(f32(2), f32(3)), undefined])).toBe('a');
    expect(cache.find([s(Tensor.zeros('int8', [1])), undefined])).toBeUndefined();
    expect(cache.find([null, undefined])).toBeUndefined();
    expect(cache.find([f32(1), undefined])).toBeUndefined();
    expect(typeOfInput(s(f32(2, 3)))).toEqual({ kind: 'sequence', element: { kind: 'tensor', dtype: 'float32' } });
  });

  it('gives up the least recently used', () => {
    for (let i = 0; i < PLAN_LIMIT; i++) cache.add([f32(i), undefined], `${i}`);
    expect(cache.find([f32(0), undefined])).toBe('0');
    cache.add([f32(1000), undefined], 'new');
    expect(dropped).toEqual(['1']);
    expect(cache.find([f32(0), undefined])).toBe('0');
    expect(cache.find([f32(1), undefined])).toBeUndefined();
  });

  it('forgets one plan, or all', () => {
    cache.add([f32(1), undefined], 'a');
    cache.add([f32(2), undefined], 'b');
    cache.remove('b');
    expect(cache.find([f32(2), undefined])).toBeUndefined();
    cache.clear();
    expect(cache.find([f32(1), undefined])).toBeUndefined();
    expect(dropped).toEqual(['b', 'a']);
  });
});

it('inputs that decide shapes are those that nodes read as values, and conditions of If', () => {
  const node = (op: string, inputs: string[]): Parameters<typeof decidingInputs>[0]['nodes'][number] => ({
    name: op,
    op,
    domain: '',
    version: 21,
    inputs,
    outputs: [`${op}_out`],
    attrs: {},
  });
  const graph = {
    name: 'g',
    outputs: [],
    initializers: new Map(),
    types: new Map(),
    inputs: ['x', 'shape', 'other', 'unknown'].map((name) => ({ name, type: undefined })),
    nodes: [node('Reshape', ['x', 'shape']), node('Add', ['x', 'other']), node('Frobnicate', ['unknown'])],
  };
  expect(decidingInputs(graph, opSet)).toEqual([false, true, false, false]);
});
