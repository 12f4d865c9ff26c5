import { describe, expect, it } from 'vitest';
import { Tensor } from '../core/tensor.ts';
import { ArgMax, ArgMin } from './arg-reduce.ts';
import { CumProd, CumSum } from './cumulative.ts';
import { ReduceL2, ReduceLogSumExp, ReduceMax, ReduceMean, ReduceMin, ReduceProd, ReduceSum } from './reduce.ts';
import { callOp, tensor } from './testing-plain.ts';

const axes = (...list: number[]): Tensor => tensor('int64', list);

describe('reductions', () => {
  it('of nothing give the identity', () => {
    const none = Tensor.zeros('float32', [2, 0]);
    expect(callOp(ReduceSum, [none, axes(1)])[0]).toEqual(tensor('float32', [[0], [0]]));
    expect(callOp(ReduceProd, [none, axes(1)], { keepdims: 0 })[0]).toEqual(tensor('float32', [1, 1]));
    expect(callOp(ReduceMax, [none, axes(-1)], { keepdims: 0 })[0]).toEqual(tensor('float32', [-Infinity, -Infinity]));
    expect(callOp(ReduceMin, [Tensor.zeros('int8', [0])])[0]).toEqual(tensor('int8', [127]));
    expect(callOp(ReduceMax, [Tensor.zeros('bool', [0])])[0]).toEqual(tensor('bool', [false]));
    expect(callOp(ReduceLogSumExp, [none])[0]).toEqual(tensor('float32', [[-Infinity]]));
  });

  it('keep NaN, survive large values, and divide integers toward zero', () => {
    expect(callOp(ReduceMax, [tensor('float32', [1, NaN, 2])])[0]!.data[0]).toBeNaN();
    expect(callOp(ReduceLogSumExp, [tensor('float64', [1000, 1000])])[0]!.data[0]).toBe(1000 + Math.log(2));
    expect(callOp(ReduceLogSumExp, [tensor('float32', [Infinity, 1])])[0]!.data[0]).toBe(Infinity);
    expect(callOp(ReduceLogSumExp, [tensor('float32', [-Infinity, -Infinity])])[0]!.data[0]).toBe(-Infinity);
    expect(callOp(ReduceMean, [tensor('int32', [-3, -4])])[0]!.data[0]).toBe(-3);
    // The squares do not fit int32, their root does.
    expect(callOp(ReduceL2, [tensor('int32', [60000, 80000])])[0]!.data[0]).toBe(100000);
    // Neither the sum nor the count fits float16.
    expect(
      callOp(ReduceMean, [
        tensor(
          'float16',
          Array.from({ length: 70000 }, () => 2),
        ),
      ])[0],
    ).toEqual(tensor('float16', [2]));
  });

  it('over no axes are what is done besides reducing', () => {
    expect(callOp(ReduceL2, [tensor('float32', [-3, 4]), axes()], { noop_with_empty_axes: 1 })[0]).toEqual(tensor('float32', [3, 4]));
    expect(callOp(ReduceSum, [tensor('float32', 5)])[0]).toEqual(tensor('float32', 5));
    expect(() => callOp(ReduceSum, [tensor('float32', [5]), axes(1)])).toThrow(/axis 1 is outside a tensor of rank 1/);
    expect(() => callOp(ReduceSum, [tensor('float32', [5]), axes(0, -1)])).toThrow(/repeated/);
  });

  it('find the first or last extreme, NaN before all', () => {
    const x = tensor('float32', [2, 3, 1, 3]);
    expect(callOp(ArgMax, [x], { keepdims: 0 })[0]!.data[0]).toBe(1n);
    expect(callOp(ArgMax, [x], { keepdims: 0, select_last_index: 1 })[0]!.data[0]).toBe(3n);
    expect(callOp(ArgMin, [tensor('float32', [2, NaN, 1])])[0]!.data[0]).toBe(1n);
    expect(() => callOp(ArgMax, [Tensor.zeros('float32', [2, 0])], { axis: 1 })).toThrow(/empty/);
  });

  it('run along an axis', () => {
    const x = tensor('int64', [
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(callOp(CumSum, [x, axes(-1)], { exclusive: 1, reverse: 1 })[0]).toEqual(
      tensor('int64', [
        [5, 3, 0],
        [11, 6, 0],
      ]),
    );
    expect(callOp(CumProd, [x, tensor('int32', 0)])[0]).toEqual(
      tensor('int64', [
        [1, 2, 3],
        [4, 10, 18],
      ]),
    );
    expect(callOp(CumSum, [Tensor.zeros('float32', [0, 2]), tensor('int32', 0)])[0]!.dims).toEqual([0, 2]);
  });
});
