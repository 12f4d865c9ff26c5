/** Convolutions of quantized images: integers are multiplied and added exactly in int32. Padding is the zero point, that is, it adds nothing. */
import { add, cast, div, mul, rounded } from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import { flag } from './attrs.ts';
import { channelsFirst, conv, convAttrs, convolve, type ConvAttrs } from './conv.ts';
import { defineOp, exact, optional, step } from './define.ts';
import { requantize } from './q-matmul.ts';
import { alongAxis, centered } from './readable.ts';
import { elementOf, expectShape } from './util.ts';

const bytes = ['int8', 'uint8'] as const;

export const ConvInteger = defineOp({
  name: 'ConvInteger',
  since: 10,
  accuracy: exact,
  inputs: { x: bytes, w: bytes, x_zero_point: optional('x'), w_zero_point: optional('w') },
  outputs: { y: 'int32' },
  attrs: convAttrs,
  compute: ({ x, w, x_zero_point, w_zero_point }, attrs) => {
    const xZero = x_zero_point && elementOf(x_zero_point, 'x_zero_point');
    return conv(
      centered(x, xZero && (() => xZero)),
      centered(w, w_zero_point && alongAxis(w_zero_point, w.shape, 0, 'w_zero_point')),
      undefined,
      attrs,
    );
  },
});

const inputs = {
  x: bytes,
  x_scale: ['float32'],
  x_zero_point: 'x',
  w: bytes,
  w_scale: ['float32'],
  w_zero_point: 'w',
  y_scale: ['float32'],
  y_zero_point: bytes,
  B: optional(['int32']),
} as const;

interface QConvInputs {
  readonly x: TensorExpr;
  readonly x_scale: TensorExpr;
  readonly x_zero_point: TensorExpr;
  readonly w: TensorExpr;
  readonly w_scale: TensorExpr;
  readonly w_zero_point: TensorExpr;
  readonly y_scale: TensorExpr;
  readonly y_zero_point: TensorExpr;
  readonly B: TensorExpr | undefined;
}

/** The bias is int32 in the scale of the sums, so it is added to them before they are scaled. */
const quantizedConv = (t: QConvInputs, attrs: ConvAttrs, last: boolean): TensorExpr => {
  const { x, w, B } = t;
  if (B) expectShape(B.shape, [w.shape[0] ?? 0], 'B');
  const [xZero, yZero] = [elementOf(t.x_zero_point, 'x_zero_point'), elementOf(t.y_zero_point, 'y_zero_point')];
  const [xScale, yScale] = [elementOf(t.x_scale, 'x_scale'), elementOf(t.y_scale, 'y_scale')];
  const wScale = alongAxis(t.w_scale, w.shape, 0, 'w_scale');
  // One factor per feature map, not one per output element.
  const factors = compute([w.shape[0]!], (m) => rounded(div(rounded(mul(xScale, wScale(m!))), yScale)));
  return convolve(
    centered(last ? channelsFirst(x) : x, () => xZero),
    centered(w, alongAxis(t.w_zero_point, w.shape, 0, 'w_zero_point')),
    attrs,
    (dot, m) => requantize(mul(cast(B ? add(dot, B.at(m)) : dot, 'float32'), factors.at(m)), yZero, t.y_zero_point.dtype),
    last,
  );
};

export const QLinearConv = defineOp({
  name: 'QLinearConv',
  since: 10,
  accuracy: step,
  inputs,
  outputs: { y: 'y_zero_point' },
  attrs: convAttrs,
  compute: (t, attrs) => quantizedConv(t, attrs, false),
});

/** onnxruntime's own, which also takes images with channels last. */
export const MsQLinearConv = defineOp({
  name: 'QLinearConv',
  domain: 'com.microsoft',
  since: 1,
  accuracy: step,
  inputs,
  outputs: { y: 'y_zero_point' },
  attrs: { ...convAttrs, channels_last: flag(false) },
  compute: (t, attrs) => quantizedConv(t, attrs, attrs.channels_last),
});
