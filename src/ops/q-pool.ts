/** Average pooling and concatenation of quantized tensors. Source: onnxruntime, ContribOperators.md. */
import { cast, div, mul, rounded, sub, sum, type Expr } from '../compiler/expr.ts';
import { compute, concat, type TensorExpr } from '../compiler/tensor-expr.ts';
import { FlagosError } from '../core/errors.ts';
import { flag, requiredInt } from './attrs.ts';
import { channelsFirst } from './conv.ts';
import { defineOp, optional, step, variadic } from './define.ts';
import { overWindows, pointsOf, poolAttrs, poolWindows } from './pool.ts';
import { requantize } from './q-matmul.ts';
import { dequantizeElement, quantizeElement } from './quantize.ts';
import { elementOf, expectRank, normalizeAxis } from './util.ts';

const bytes = ['uint8', 'int8'] as const;
const { dilations: _none, ...attrsWithoutDilations } = poolAttrs;

export const QLinearAveragePool = defineOp({
  name: 'QLinearAveragePool',
  domain: 'com.microsoft',
  since: 1,
  accuracy: step,
  inputs: { X: bytes, x_scale: ['float32'], x_zero_point: optional('X'), y_scale: ['float32'], y_zero_point: optional('X') },
  outputs: { Y: 'X' },
  attrs: { ...attrsWithoutDilations, channels_last: flag(false), count_include_pad: flag(false) },
  compute: ({ X, x_scale, x_zero_point, y_scale, y_zero_point }, attrs) => {
    const last = attrs.channels_last;
    const { image, windows } = poolWindows(X, { ...attrs, dilations: undefined }, last);
    const [xScale, xZero] = [elementOf(x_scale, 'x_scale'), x_zero_point && elementOf(x_zero_point, 'x_zero_point')];
    const [yScale, yZero] = [elementOf(y_scale, 'y_scale'), y_zero_point && elementOf(y_zero_point, 'y_zero_point')];
    const real = { shape: image.shape, at: (...i: Parameters<typeof image.at>) => dequantizeElement(image.at(...i), xScale, xZero) };
    return overWindows(
      real,
      windows,
      ({ w, read }) => {
        const mean = div(
          sum(windows.kernel, (...k) => read(k, 0)),
          cast(pointsOf(windows, w, attrs.count_include_pad), 'float32'),
        );
        return quantizeElement(mean, yScale, yZero, X.dtype);
      },
      last,
    );
  },
});

export const QLinearGlobalAveragePool = defineOp({
  name: 'QLinearGlobalAveragePool',
  domain: 'com.microsoft',
  since: 1,
  accuracy: step,
  inputs: { X: bytes, x_scale: ['float32'], x_zero_point: 'X', y_scale: ['float32'], y_zero_point: 'X' },
  outputs: { Y: 'X' },
  attrs: { channels_last: flag(false) },
  compute: ({ X, x_scale, x_zero_point, y_scale, y_zero_point }, { channels_last: last }) => {
    expectRank(X.shape, 3, 'X');
    const image = last ? channelsFirst(X) : X;
    const [batch, channels, ...extents] = image.shape as [number, number, ...number[]];
    const count = extents.reduce((n, d) => n * d, 1);
    const zero = cast(elementOf(x_zero_point, 'x_zero_point'), 'int32');
    const factor = rounded(div(elementOf(x_scale, 'x_scale'), rounded(mul(elementOf(y_scale, 'y_scale'), count))));
    const element = (n: Expr, c: Expr): Expr => {
      const total = sum(extents, (...p) => sub(cast(image.at(n, c, ...p), 'int32'), zero));
      return requantize(mul(cast(total, 'float32'), factor), elementOf(y_zero_point, 'y_zero_point'), X.dtype);
    };
    const ones = extents.map(() => 1);
    return last
      ? compute([batch, ...ones, channels], (...at) => element(at[0]!, at.at(-1)!))
      : compute([batch, channels, ...ones], (n, c) => element(n!, c!));
  },
});

/** Arguments come as tensor, scale, zero point, tensor, scale, zero point, … */
export const QLinearConcat = defineOp({
  name: 'QLinearConcat',
  domain: 'com.microsoft',
  since: 1,
  accuracy: step,
  inputs: { Y_scale: ['float32'], Y_zero_point: bytes, inputs: variadic([...bytes, 'float32'], { least: 3, mixed: true }) },
  outputs: { Y: 'Y_zero_point' },
  attrs: { axis: requiredInt() },
  compute: ({ Y_scale, Y_zero_point, inputs }, { axis }) => {
    if (inputs.length % 3 !== 0) {
      throw new FlagosError(
        'FLAGOS_E_MODEL_INVALID',
        `has ${inputs.length} tensors, scales and zero points to concatenate, which is not a multiple of 3`,
      );
    }
    const [yScale, yZero] = [elementOf(Y_scale, 'Y_scale'), elementOf(Y_zero_point, 'Y_zero_point')];
    const parts = Array.from({ length: inputs.length / 3 }, (_, i): TensorExpr => {
      const [x, scale, zero] = [
        inputs[3 * i]!,
        elementOf(inputs[3 * i + 1]!, `scale ${i}`),
        elementOf(inputs[3 * i + 2]!, `zero point ${i}`),
      ];
      return compute(x.shape, (...at) => quantizeElement(dequantizeElement(x.at(...at), scale, zero), yScale, yZero, Y_zero_point.dtype));
    });
    expectRank(parts[0]!.shape, 1, 'inputs');
    return concat(parts, normalizeAxis(axis, parts[0]!.rank));
  },
});
