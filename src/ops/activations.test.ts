import { describe, expect, it } from 'vitest';
import {
  Celu,
  Elu,
  Gelu,
  HardSigmoid,
  LeakyRelu,
  Mish,
  PRelu,
  Relu,
  Selu,
  Softplus,
  SwiGLU,
  Swish,
  ThresholdedRelu,
} from './activations.ts';
import { call, errorOf, f32, float, i64, tensor, text, valuesOf } from './testing.ts';

const doubles = (...values: number[]): ReturnType<typeof tensor> => tensor('float64', values);

describe('activations', () => {
  it('neither overflow nor cancel', () => {
    expect(valuesOf(Softplus, [doubles(1000, -1000, -40)])).toEqual([1000, 0, Math.log1p(Math.exp(-40))]);
    expect(valuesOf(Elu, [doubles(1e-20, -1e-20, -1000)])).toEqual([1e-20, -1e-20, -1]);
    expect(valuesOf(Celu, [doubles(-1e-20, 5)], { alpha: float(2) })).toEqual([-1e-20, 5]);
    expect(valuesOf(Mish, [doubles(1000, -1000)])).toEqual([1000, -0]);
    expect(valuesOf(Swish, [doubles(-1000, 1000)])).toEqual([-0, 1000]);
  });

  it('pass NaN on', () => {
    for (const op of [Relu, LeakyRelu, Elu, Celu, Selu, HardSigmoid, Softplus, Swish, Mish, Gelu])
      expect([op.name, ...valuesOf(op, [f32(NaN)])]).toEqual([op.name, NaN]);
    // x > alpha does not hold for NaN.
    expect(valuesOf(ThresholdedRelu, [f32(NaN)])).toEqual([0]);
  });

  it('have ONNX’s default attributes, to the bit', () => {
    expect(valuesOf(LeakyRelu, [doubles(-1)])).toEqual([-0.009999999776482582]);
    expect(valuesOf(HardSigmoid, [doubles(1)])).toEqual([0.20000000298023224 + 0.5]);
    expect(valuesOf(Selu, [doubles(1)])).toEqual([1.0507010221481323]);
  });

  it('work on integers where ONNX has them', () => {
    expect(valuesOf(Relu, [i64(-5, 7)])).toEqual([0n, 7n]);
    expect(valuesOf(PRelu, [i64(-5, 7), i64(3)])).toEqual([-15n, 7n]);
    expect(valuesOf(PRelu, [tensor('uint32', [5]), tensor('uint32', [3])])).toEqual([5]);
  });

  it('broadcast the slope to the input only', () => {
    const x = tensor('float32', [-1, -1, -1, -1], [2, 2]);
    expect(valuesOf(PRelu, [x, tensor('float32', [1, 2], [2, 1])])).toEqual([-1, -1, -2, -2]);
    expect(errorOf(() => call(PRelu, [f32(-1, -1), x]))).toBe(
      "FLAGOS_E_SHAPE: 'slope' of shape [2, 2] does not broadcast to 'X' of shape [2]",
    );
    expect(errorOf(() => call(PRelu, [tensor('float32', [-1], [1]), f32(1, 2)]))).toBe(
      "FLAGOS_E_SHAPE: 'slope' of shape [2] does not broadcast to 'X' of shape [1]",
    );
    expect(errorOf(() => call(SwiGLU, [f32(1, 2), f32(1)]))).toBe("FLAGOS_E_SHAPE: 'B' has shape [1], it must be [2]");
  });

  it('check words', () => {
    expect(errorOf(() => call(Gelu, [f32(1)], { approximate: text('erf') }))).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'approximate' is 'erf', it must be one of none, tanh",
    );
  });
});
