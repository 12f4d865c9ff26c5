import { describe, expect, it } from 'vitest';
import { Tensor } from '../core/tensor.ts';
import { Constant, ConstantOfShape } from './constant.ts';
import { Flatten, resolveShape, Shape, Squeeze, Unsqueeze } from './shape.ts';
import { callOp, tensor } from './testing-plain.ts';

const x = Tensor.zeros('float32', [2, 1, 3]);

describe('Reshape', () => {
  it('copies, infers, and keeps empty batches', () => {
    expect(resolveShape([2, 3, 4], [0, -1], false)).toEqual([2, 12]);
    expect(resolveShape([0, 3, 4], [0, -1], false)).toEqual([0, 12]);
    expect(resolveShape([4, 0], [-1, 5], false)).toEqual([0, 5]);
    expect(resolveShape([0, 3], [3, 0], true)).toEqual([3, 0]);
    expect(resolveShape([1, 1], [], false)).toEqual([]);
  });

  it.each([
    [[2, 3], [-1, -1], false, /more than one/],
    [[2, 3], [4, -1], false, /do not divide/],
    [[2, 3], [5], false, /6 elements, not 5/],
    [[0, 3], [0, -1], true, /could be anything/],
    [[2], [1, 0], false, /axis 1 is to be copied/],
    [[2], [-2, 1], false, /negative/],
  ])('refuses %j as %j', (from, to, allowZero, message) => {
    expect(() => resolveShape(from, to, allowZero)).toThrow(message);
  });
});

describe('shapes', () => {
  it('are sliced as arrays are', () => {
    const slice = (start: number, end: number): unknown => [...callOp(Shape, [x], { start, end })[0]!.data];
    expect(slice(-2, 9)).toEqual([1n, 3n]);
    expect(slice(2, 1)).toEqual([]);
    expect(slice(-9, -1)).toEqual([2n, 1n]);
  });

  it('lose and gain axes of extent 1', () => {
    expect(callOp(Squeeze, [x])[0]!.dims).toEqual([2, 3]);
    expect(callOp(Squeeze, [x, tensor('int64', [-2])])[0]!.dims).toEqual([2, 3]);
    expect(callOp(Unsqueeze, [x, tensor('int64', [-1, 0])])[0]!.dims).toEqual([1, 2, 1, 3, 1]);
    expect(callOp(Flatten, [x], { axis: -3 })[0]!.dims).toEqual([1, 6]);
    expect(() => callOp(Squeeze, [x, tensor('int64', [0])])).toThrow(/axis 0 of shape \[2, 1, 3\] cannot be squeezed/);
    expect(() => callOp(Unsqueeze, [x, tensor('int64', [0, 0])])).toThrow(/repeated/);
    expect(() => callOp(Flatten, [x], { axis: 4 })).toThrow(/axis 4/);
  });
});

describe('constants', () => {
  it('take any one attribute', () => {
    expect(callOp(Constant, [], { value_ints: [1, 2] })[0]).toEqual(tensor('int64', [1, 2]));
    expect(callOp(Constant, [], { value_int: { type: 'int', value: 2n ** 60n + 1n } })[0]!.data[0]).toBe(2n ** 60n + 1n);
    expect(callOp(Constant, [], { value_strings: ['a'] })[0]).toEqual(tensor('string', ['a']));
    expect(() => callOp(Constant, [])).toThrow(/has 0 value attributes/);
    expect(() => callOp(Constant, [], { value_int: 1, value_string: 'x' })).toThrow(/has 2 value attributes/);
  });

  it('fill a shape', () => {
    expect(callOp(ConstantOfShape, [tensor('int64', [2, 2])])[0]).toEqual(Tensor.zeros('float32', [2, 2]));
    expect(callOp(ConstantOfShape, [Tensor.zeros('int64', [0])], { value: tensor('uint64', [7]) })[0]).toEqual(tensor('uint64', 7));
    expect(() => callOp(ConstantOfShape, [tensor('int64', [-1])])).toThrow(/\[-1\] is not a shape/);
    expect(() => callOp(ConstantOfShape, [tensor('int64', [1])], { value: tensor('float32', [1, 2]) })).toThrow(/must hold one number/);
  });
});
