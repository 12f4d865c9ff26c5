/**
 * onnxruntime's element-wise ops on quantized tensors: each is the real op on dequantized arguments,
 * quantized again. Source: onnxruntime, ContribOperators.md.
 */
import { add, mul, sigmoid, type Expr } from '../compiler/expr.ts';
import { map, mapBroadcast, type TensorExpr } from '../compiler/tensor-expr.ts';
import { float } from './attrs.ts';
import { leakyRelu } from './activations.ts';
import { defineOp, optional, step, type OpRecord } from './define.ts';
import { dequantizeElement, quantizeElement } from './quantize.ts';
import { elementOf } from './util.ts';

const bytes = ['uint8', 'int8'] as const;

/** A zero point that may be omitted. */
const zeroOf = (zeroPoint: TensorExpr | undefined, name: string): Expr | undefined => zeroPoint && elementOf(zeroPoint, name);

const binary = (name: string, f: (a: Expr, b: Expr) => Expr): OpRecord =>
  defineOp({
    name,
    domain: 'com.microsoft',
    since: 1,
    inputs: {
      A: bytes,
      A_scale: ['float32'],
      A_zero_point: optional('A'),
      B: 'A',
      B_scale: ['float32'],
      B_zero_point: optional('A'),
      C_scale: ['float32'],
      C_zero_point: optional('A'),
    },
    outputs: { C: 'A' },
    compute: ({ A, A_scale, A_zero_point, B, B_scale, B_zero_point, C_scale, C_zero_point }) => {
      const [aScale, aZero] = [elementOf(A_scale, 'A_scale'), zeroOf(A_zero_point, 'A_zero_point')];
      const [bScale, bZero] = [elementOf(B_scale, 'B_scale'), zeroOf(B_zero_point, 'B_zero_point')];
      const [cScale, cZero] = [elementOf(C_scale, 'C_scale'), zeroOf(C_zero_point, 'C_zero_point')];
      return mapBroadcast([A, B], (a, b) =>
        quantizeElement(f(dequantizeElement(a, aScale, aZero), dequantizeElement(b, bScale, bZero)), cScale, cZero, A.dtype),
      );
    },
    accuracy: step,
  });

export const QLinearAdd = binary('QLinearAdd', add);
export const QLinearMul = binary('QLinearMul', mul);

interface UnaryInputs {
  readonly X: TensorExpr;
  readonly X_scale: TensorExpr;
  readonly X_zero_point: TensorExpr | undefined;
  readonly Y_scale: TensorExpr;
  readonly Y_zero_point: TensorExpr | undefined;
}
const unaryInputs = {
  X: bytes,
  X_scale: ['float32'],
  X_zero_point: optional('X'),
  Y_scale: ['float32'],
  Y_zero_point: optional('X'),
} as const;

const unary = ({ X, X_scale, X_zero_point, Y_scale, Y_zero_point }: UnaryInputs, f: (x: Expr) => Expr): TensorExpr => {
  const [xScale, xZero] = [elementOf(X_scale, 'X_scale'), zeroOf(X_zero_point, 'X_zero_point')];
  const [yScale, yZero] = [elementOf(Y_scale, 'Y_scale'), zeroOf(Y_zero_point, 'Y_zero_point')];
  return map(X, (x) => quantizeElement(f(dequantizeElement(x, xScale, xZero)), yScale, yZero, X.dtype));
};

export const QLinearSigmoid = defineOp({
  name: 'QLinearSigmoid',
  domain: 'com.microsoft',
  since: 1,
  inputs: unaryInputs,
  outputs: { Y: 'X' },
  compute: (inputs) => unary(inputs, sigmoid),
  accuracy: step,
});

export const QLinearLeakyRelu = defineOp({
  name: 'QLinearLeakyRelu',
  domain: 'com.microsoft',
  since: 1,
  inputs: unaryInputs,
  outputs: { Y: 'X' },
  attrs: { alpha: float(Math.fround(0.01)) },
  compute: (inputs, { alpha }) => unary(inputs, (x) => leakyRelu(x, alpha)),
  accuracy: step,
});
