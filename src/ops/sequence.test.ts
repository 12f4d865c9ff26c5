import { describe, expect, it } from 'vitest';
import { Sequence, type Tensor, type Value } from '../core/tensor.ts';
import { Optional, OptionalGetElement, OptionalHasElement } from './optional.ts';
import {
  ConcatFromSequence,
  SequenceAt,
  SequenceConstruct,
  SequenceEmpty,
  SequenceErase,
  SequenceInsert,
  SequenceLength,
  SplitToSequence,
} from './sequence.ts';
import { call, callAll, errorOf, f32, i32, i64, int, tensor, valuesOf } from './testing.ts';

const items = (v: Value): unknown[] => (v as Sequence).items.map((x) => (x as Tensor).toValues());
const shapes = (v: Value): unknown[] => (v as Sequence).items.map((x) => (x as Tensor).dims);
const s = new Sequence([f32(1), f32(2), f32(3)]);
const at = (n: number): Tensor => tensor('int64', [n], []);

describe('sequence ops', () => {
  it('count positions from both ends', () => {
    expect(valuesOf(SequenceAt, [s, at(-1)])).toEqual([3]);
    expect(valuesOf(SequenceAt, [s, i32(0)])).toEqual([1]);
    expect(items(callAll(SequenceInsert, [s, f32(9), at(-1)])[0]!)).toEqual([[1], [2], [9], [3]]);
    expect(items(callAll(SequenceInsert, [s, f32(9), at(3)])[0]!)).toEqual([[1], [2], [3], [9]]);
    expect(items(callAll(SequenceInsert, [new Sequence([]), f32(9), at(0)])[0]!)).toEqual([[9]]);
    expect(items(callAll(SequenceErase, [s])[0]!)).toEqual([[1], [2]]);
    expect(items(callAll(SequenceErase, [s, at(-3)])[0]!)).toEqual([[2], [3]]);
  });

  it('refuse positions outside', () => {
    expect(errorOf(() => call(SequenceAt, [s, at(3)]))).toBe('FLAGOS_E_VALUE: position 3 is outside a sequence of 3');
    expect(errorOf(() => callAll(SequenceInsert, [s, f32(9), at(-4)]))).toBe('FLAGOS_E_VALUE: position -4 is outside a sequence of 3');
    expect(errorOf(() => callAll(SequenceErase, [new Sequence([])]))).toBe('FLAGOS_E_VALUE: an empty sequence has nothing to erase');
    expect(errorOf(() => callAll(SequenceInsert, [s, i64(9)]))).toBe('FLAGOS_E_DTYPE: a sequence of float32 cannot take a tensor of int64');
    expect(errorOf(() => callAll(SequenceConstruct, [f32(1), i64(1)]))).toBe(
      "FLAGOS_E_DTYPE: arguments of 'inputs' are float32 and int64, they must be alike",
    );
    expect(errorOf(() => callAll(SequenceLength, [null]))).toBe(
      "FLAGOS_E_DTYPE: input 'input_sequence' must be a sequence, it is an empty optional",
    );
  });

  it('know empty sequences', () => expect(valuesOf(SequenceLength, callAll(SequenceEmpty, [], { dtype: int(7) }))).toEqual([0n]));

  it('concatenate and stack', () => {
    const pair = new Sequence([tensor('string', ['a', 'b'], [2, 1]), tensor('string', ['c', 'd'], [2, 1])]);
    expect(call(ConcatFromSequence, [pair], { axis: int(-1) })).toEqual(tensor('string', ['a', 'c', 'b', 'd'], [2, 2]));
    expect(call(ConcatFromSequence, [pair], { axis: int(-1), new_axis: int(1) })).toEqual(
      tensor('string', ['a', 'c', 'b', 'd'], [2, 1, 2]),
    );
    expect(call(ConcatFromSequence, [pair], { axis: int(0), new_axis: int(1) }).dims).toEqual([2, 2, 1]);
    expect(errorOf(() => call(ConcatFromSequence, [pair], { axis: int(3), new_axis: int(1) }))).toBe(
      'FLAGOS_E_VALUE: axis 3 is outside a tensor of rank 3',
    );
    expect(errorOf(() => call(ConcatFromSequence, [new Sequence([f32(1, 2), f32(1)])], { axis: int(0), new_axis: int(1) }))).toBe(
      'FLAGOS_E_SHAPE: stack of shapes [2] and [1], which do not fit',
    );
  });

  it('split into equal parts with a rest, given lengths, and single slices', () => {
    const x = tensor('int32', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [2, 5]);
    expect(shapes(callAll(SplitToSequence, [x, at(2)], { axis: int(1) })[0]!)).toEqual([
      [2, 2],
      [2, 2],
      [2, 1],
    ]);
    expect(items(callAll(SplitToSequence, [x, i64(2, 0, 3)], { axis: int(-1), keepdims: int(0) })[0]!)).toEqual([
      [1, 2, 6, 7],
      [],
      [3, 4, 5, 8, 9, 10],
    ]);
    expect(shapes(callAll(SplitToSequence, [x], { axis: int(0) })[0]!)).toEqual([
      [1, 5],
      [1, 5],
    ]);
    expect(shapes(callAll(SplitToSequence, [x], { axis: int(0), keepdims: int(0) })[0]!)).toEqual([[5], [5]]);
    expect(errorOf(() => callAll(SplitToSequence, [x, i64(2, 2)], { axis: int(1) }))).toBe(
      'FLAGOS_E_VALUE: parts [2, 2] do not make up an extent of 5',
    );
    expect(errorOf(() => callAll(SplitToSequence, [x, at(0)]))).toBe('FLAGOS_E_VALUE: parts of length 0 cannot be cut');
  });
});

describe('optional ops', () => {
  it('hold a value or nothing', () => {
    const type = { type: 'type', value: { kind: 'tensor', dtype: 'float32' } } as const;
    expect(callAll(Optional, [], { type })).toEqual([null]);
    expect(callAll(Optional, [f32(1)])).toEqual([f32(1)]);
    expect(errorOf(() => callAll(Optional, []))).toContain('FLAGOS_E_ATTRIBUTE');
    expect(valuesOf(OptionalHasElement, [null])).toEqual([false]);
    expect(valuesOf(OptionalHasElement, [])).toEqual([false]);
    expect(valuesOf(OptionalHasElement, [s])).toEqual([true]);
    expect(callAll(OptionalGetElement, [s])).toEqual([s]);
    expect(errorOf(() => callAll(OptionalGetElement, [null]))).toBe('FLAGOS_E_VALUE: the optional is empty, it has no element to get');
  });
});
