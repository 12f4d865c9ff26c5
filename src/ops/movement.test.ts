import { describe, expect, it } from 'vitest';
import { Tensor } from '../core/tensor.ts';
import { Gather } from './gather.ts';
import { Concat, Expand, Slice, Split, Tile, Transpose } from './layout.ts';
import { CenterCropPad, Pad } from './pad.ts';
import { OneHot, Trilu } from './rearrange.ts';
import { ScatterElements, ScatterND, TensorScatter } from './scatter.ts';
import { Reshape, Shape } from './shape.ts';
import { callOp, shapesOf, tensor } from './testing-plain.ts';

const words = tensor('string', [
  ['a', 'b', 'c'],
  ['d', 'e', 'f'],
]);
const ints = (values: Parameters<typeof tensor>[1]): Tensor => tensor('int64', values);

describe('movement of strings', () => {
  it('takes the expressions, over positions', () => {
    expect(callOp(Transpose, [words])[0]).toEqual(
      tensor('string', [
        ['a', 'd'],
        ['b', 'e'],
        ['c', 'f'],
      ]),
    );
    expect(callOp(Gather, [words, ints([-1, 0])], { axis: 1 })[0]).toEqual(
      tensor('string', [
        ['c', 'a'],
        ['f', 'd'],
      ]),
    );
    expect(callOp(Concat, [words, words, tensor('string', [['x', 'y', 'z']])], { axis: 0 })[0]!.data.slice(9)).toEqual([
      'd',
      'e',
      'f',
      'x',
      'y',
      'z',
    ]);
    expect(callOp(Slice, [words, ints([2]), ints([-4]), ints([1]), ints([-2])])[0]).toEqual(
      tensor('string', [
        ['c', 'a'],
        ['f', 'd'],
      ]),
    );
    expect(callOp(Tile, [words, ints([1, 2])])[0]!.data.slice(0, 6)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
    expect(callOp(Expand, [tensor('string', ['q']), ints([2, 2])])[0]!.data).toEqual(['q', 'q', 'q', 'q']);
    expect(callOp(Reshape, [words, ints([3, -1])])[0]!.dims).toEqual([3, 2]);
  });

  it('shows the empty string where nothing was', () => {
    expect(callOp(Pad, [words, ints([0, 1, 0, 0])])[0]!.data).toEqual(['', 'a', 'b', 'c', '', 'd', 'e', 'f']);
    expect(callOp(Pad, [words, ints([0, 1, 0, 0]), tensor('string', '-')])[0]!.data).toEqual(['-', 'a', 'b', 'c', '-', 'd', 'e', 'f']);
    expect(callOp(Trilu, [words], { upper: 1 })[0]!.data).toEqual(['a', 'b', 'c', '', 'e', 'f']);
    expect(callOp(CenterCropPad, [words, ints([3, 1])])[0]!.data).toEqual(['b', 'e', '']);
  });

  it('writes, and keeps other inputs as numbers', () => {
    expect(callOp(ScatterElements, [words, ints([[2]]), tensor('string', [['x']])], { axis: 1 })[0]!.data).toEqual([
      'a',
      'b',
      'x',
      'd',
      'e',
      'f',
    ]);
    expect(callOp(OneHot, [ints([1, -1, 5]), ints([2]), tensor('string', ['off', 'on'])])[0]!.data).toEqual([
      'off',
      'on',
      'off',
      'on',
      'off',
      'off',
    ]);
    expect(callOp(TensorScatter, [words, tensor('string', [['x'], ['y']]), ints([2, 0])], { axis: 1 })[0]!.data).toEqual([
      'a',
      'b',
      'x',
      'y',
      'e',
      'f',
    ]);
  });

  it('gives several outputs, shapes before running, and ops that do not move', () => {
    expect(callOp(Split, [words], { axis: 1, num_outputs: 2 }, 2).map((t) => t.data)).toEqual([
      ['a', 'b', 'd', 'e'],
      ['c', 'f'],
    ]);
    expect(shapesOf(Split, [words], { axis: 1, num_outputs: 2 }, 2)).toEqual([
      [2, 2],
      [2, 1],
    ]);
    expect(shapesOf(Gather, [words, ints([[0], [1]])], { axis: 1 })).toEqual([[2, 2, 1]]);
    expect(callOp(Shape, [words])[0]).toEqual(ints([2, 3]));
  });

  it('refuses to combine what it can only move', () => {
    expect(() => callOp(ScatterND, [words, ints([[0]]), tensor('string', [['x', 'y', 'z']])], { reduction: 'add' })).toThrow(
      /FLAGOS_E_DTYPE: reduction 'add' is not defined for string/,
    );
  });
});

describe('movement of other types', () => {
  it('moves complex numbers whole', () => {
    const z = new Tensor('complex64', [2, 2], Float32Array.from([1, -1, 2, -2, 3, -3, 4, -4]));
    expect(callOp(Transpose, [z])[0]!.data).toEqual(Float32Array.from([1, -1, 3, -3, 2, -2, 4, -4]));
    expect(callOp(Pad, [z, ints([1, 0, 0, 0])])[0]!.data.slice(0, 6)).toEqual(Float32Array.from([0, 0, 0, 0, 1, -1]));
  });

  it.each(['bfloat16', 'float8e4m3fn', 'float8e5m2fnuz', 'float4e2m1', 'int4', 'uint2', 'bool', 'uint64'] as const)(
    'keeps the codes of %s',
    (dtype) => {
      const x = tensor(dtype, [
        [0, 1, 1],
        [1, 0, 1],
      ]);
      expect(callOp(Transpose, [x])[0]).toEqual(
        tensor(dtype, [
          [0, 1],
          [1, 0],
          [1, 1],
        ]),
      );
      expect(callOp(Pad, [x, ints([0, 0, 0, 1])], { mode: 'wrap' })[0]).toEqual(
        tensor(dtype, [
          [0, 1, 1, 0],
          [1, 0, 1, 1],
        ]),
      );
    },
  );

  it('works on empty tensors and scalars', () => {
    expect(callOp(Transpose, [Tensor.zeros('float32', [2, 0, 3])])[0]!.dims).toEqual([3, 0, 2]);
    expect(callOp(Transpose, [tensor('string', 'x')])[0]!.data).toEqual(['x']);
    expect(callOp(Pad, [Tensor.zeros('float32', [0]), ints([1, 1])])[0]).toEqual(tensor('float32', [0, 0]));
    expect(callOp(Gather, [tensor('float32', [5, 6]), Tensor.zeros('int64', [0])])[0]!.dims).toEqual([0]);
  });
});

describe('refusals', () => {
  it('names the index that is outside', () => {
    expect(() => callOp(Gather, [words, ints([0, 3])], { axis: 1 })).toThrow(
      /FLAGOS_E_VALUE: index 3 at position 1 is outside an axis of extent 3/,
    );
    expect(() => callOp(Gather, [tensor('float32', [1, 2]), ints([-3])])).toThrow(/from -2 to 1/);
    expect(() => callOp(ScatterND, [tensor('float32', [1, 2]), ints([[2]]), tensor('float32', [1])])).toThrow(/FLAGOS_E_VALUE/);
    expect(() => callOp(Gather, [Tensor.zeros('float32', [0]), ints([0])])).toThrow(/extent 0/);
    expect(() =>
      callOp(
        TensorScatter,
        [
          words,
          tensor('string', [
            ['x', 'y'],
            ['x', 'y'],
          ]),
          ints([2, 0]),
        ],
        { axis: 1 },
      ),
    ).toThrow(/write index 2/);
  });

  it('says which shape or axis is wrong', () => {
    expect(() => callOp(Transpose, [words], { perm: [0, 0] })).toThrow(/perm is repeated/);
    expect(() => callOp(Concat, [words, tensor('string', [['x']])], { axis: 0 })).toThrow(/FLAGOS_E_SHAPE: cannot concatenate/);
    expect(() => callOp(Concat, [words, words], { axis: 2 })).toThrow(/axis 2 is outside a tensor of rank 2/);
    expect(() => callOp(Pad, [words, ints([0, -4, 0, 0])])).toThrow(/take more from axis 1/);
    expect(() => callOp(Pad, [Tensor.zeros('float32', [0]), ints([1, 0])], { mode: 'edge' })).toThrow(/axis 0 is empty/);
    expect(() => callOp(Split, [words, ints([1, 1])], { axis: 1 }, 2)).toThrow(/do not add up/);
    expect(() => callOp(Slice, [words, ints([0]), ints([1]), ints([0]), ints([0])])).toThrow(/step is 0/);
    expect(() => callOp(Tile, [words, ints([2])])).toThrow(/1 values for 2 axes/);
    expect(() => callOp(Expand, [words, ints([2, 4])])).toThrow(/FLAGOS_E_SHAPE/);
  });
});
