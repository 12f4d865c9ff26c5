/** DynamicQuantizeLSTM of onnxruntime: what dynamic quantization makes of LSTM. Source: onnxruntime, ContribOperators.md. */
import { cast, mul, sub } from '../compiler/expr.ts';
import { compute, map, type TensorExpr } from '../compiler/tensor-expr.ts';
import { flag } from './attrs.ts';
import { contraction, defineOp, optional } from './define.ts';
import { dequantizeElement, dynamicQuantize } from './quantize.ts';
import { recurrentAttrs } from './recurrent.ts';
import { lstm } from './rnn.ts';
import { expectShape, sameShape, shapeError, showShape } from './util.ts';

const bytes = ['int8', 'uint8'] as const;

/** What is left of a tensor after it was quantized to uint8 by its own range. */
const throughBytes = (x: TensorExpr): TensorExpr => {
  const { y, scale, zeroPoint } = dynamicQuantize(x);
  return map(y, (q) => dequantizeElement(q, scale.at(), zeroPoint.at()));
};

/**
 * Weights [directions, inner, 4·hidden] as LSTM has them: [directions, 4·hidden, inner], in float32.
 * @param scale one per direction, or one per direction and column. @throws FLAGOS_E_SHAPE
 */
const weights = (q: TensorExpr, scale: TensorExpr, zero: TensorExpr, name: string): TensorExpr => {
  if (q.rank !== 3) throw shapeError(`'${name}' has shape ${showShape(q.shape)}, it must have 3 axes`);
  const [directions, inner, columns] = q.shape as [number, number, number];
  const byColumn = scale.rank === 2;
  expectShape(scale.shape, byColumn ? [directions, columns] : [directions], `${name}_scale`);
  if (!sameShape(zero.shape, scale.shape)) expectShape(zero.shape, scale.shape, `${name}_zero_point`);
  return compute([directions, columns, inner], (d, c, k) => {
    const at = byColumn ? [d!, c!] : [d!];
    return mul(cast(sub(cast(q.at(d!, k!, c!), 'int32'), cast(zero.at(...at), 'int32')), 'float32'), scale.at(...at));
  });
};

/**
 * An LSTM with weights of 8 bits, whose input, and whose hidden state at every step, are quantized by their own range
 * before they are multiplied. Products of quantized numbers are exact in float32, so they are written as such.
 */
export const DynamicQuantizeLSTM = defineOp({
  name: 'DynamicQuantizeLSTM',
  domain: 'com.microsoft',
  since: 1,
  inputs: {
    X: ['float32'],
    W: bytes,
    R: bytes,
    B: optional('X'),
    sequence_lens: optional(['int32']),
    initial_h: optional('X'),
    initial_c: optional('X'),
    P: optional('X'),
    W_scale: ['float32'],
    W_zero_point: 'W',
    R_scale: ['float32'],
    R_zero_point: 'R',
  },
  outputs: { Y: 'X', Y_h: 'X', Y_c: 'X' },
  attrs: { ...recurrentAttrs, input_forget: flag(false) },
  compute: ({ X, W, R, B, sequence_lens, initial_h, initial_c, P, W_scale, W_zero_point, R_scale, R_zero_point }, attrs) =>
    lstm(
      {
        X: throughBytes(X),
        W: weights(W, W_scale, W_zero_point, 'W'),
        R: weights(R, R_scale, R_zero_point, 'R'),
        B,
        sequence_lens,
        initial: { initial_h, initial_c },
        P,
      },
      attrs,
      throughBytes,
    ),
  accuracy: contraction,
});
