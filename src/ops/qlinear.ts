/**
 * onnxruntime's element-wise ops on quantized tensors: each is the real op on dequantized arguments,
 * quantized again. Source: onnxruntime, ContribOperators.md.
 */
import { add, mul, select, sigmoid, type Expr } from '../compiler/expr.ts';
import { map, mapBroadcast, reshape, type TensorExpr } from '../compiler/tensor-expr.ts';
import { float, int, requiredInt } from './attrs.ts';
import { leakyRelu } from './activations.ts';
import { defineOp, optional, step, type OpRecord } from './define.ts';
import { dequantizeElement, quantizeElement } from './quantize.ts';
import { softmax } from './softmax.ts';
import { elementOf, expectRank, normalizeAxis } from './util.ts';

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

/**
 * `opset` is that of the softmax it was made of: before 13 everything from `axis` on is one row.
 * Its inputs have the names of onnxruntime's own record.
 */
export const QLinearSoftmax = defineOp({
  name: 'QLinearSoftmax',
  domain: 'com.microsoft',
  since: 1,
  inputs: { X: bytes, X_scale: ['float32'], x_zero_point: optional('X'), y_scale: ['float32'], y_zero_point: 'X' },
  outputs: { Y: 'X' },
  attrs: { axis: int(-1), opset: requiredInt() },
  compute: ({ X, X_scale, x_zero_point, y_scale, y_zero_point }, { axis: given, opset }) => {
    expectRank(X.shape, 1, 'X');
    const axis = normalizeAxis(given, X.rank);
    const [xScale, xZero] = [elementOf(X_scale, 'X_scale'), zeroOf(x_zero_point, 'x_zero_point')];
    const [yScale, yZero] = [elementOf(y_scale, 'y_scale'), elementOf(y_zero_point, 'y_zero_point')];
    const real = map(X, (x) => dequantizeElement(x, xScale, xZero));
    const width = X.shape.slice(axis).reduce((n, d) => n * d, 1);
    const flat = opset < 13 && width > 0;
    const shares = flat ? reshape(softmax(reshape(real, [X.size / width, width]), 1), X.shape) : softmax(real, axis);
    return map(shares, (y) => quantizeElement(y, yScale, yZero, X.dtype));
  },
  accuracy: step,
});

/** Elements of X where the condition is true, of Y elsewhere, both brought to the scale of the result. */
export const QLinearWhere = defineOp({
  name: 'QLinearWhere',
  domain: 'com.microsoft',
  since: 1,
  inputs: {
    condition: ['bool'],
    X: bytes,
    x_scale: ['float32'],
    x_zero_point: 'X',
    Y: 'X',
    y_scale: ['float32'],
    y_zero_point: 'X',
    z_scale: ['float32'],
    z_zero_point: 'X',
  },
  outputs: { Z: 'X' },
  compute: ({ condition, X, x_scale, x_zero_point, Y, y_scale, y_zero_point, z_scale, z_zero_point }) => {
    const [xScale, xZero] = [elementOf(x_scale, 'x_scale'), elementOf(x_zero_point, 'x_zero_point')];
    const [yScale, yZero] = [elementOf(y_scale, 'y_scale'), elementOf(y_zero_point, 'y_zero_point')];
    const [zScale, zZero] = [elementOf(z_scale, 'z_scale'), elementOf(z_zero_point, 'z_zero_point')];
    return mapBroadcast([condition, X, Y], (c, x, y) =>
      quantizeElement(select(c, dequantizeElement(x, xScale, xZero), dequantizeElement(y, yScale, yZero)), zScale, zZero, X.dtype),
    );
  },
  accuracy: step,
});
