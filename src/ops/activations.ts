/** Activation functions of neural networks. Each is written in the form that neither overflows nor cancels. */
import {
  abs,
  add,
  clamp,
  div,
  erf,
  exp,
  expm1,
  gt,
  log1p,
  lt,
  max,
  min,
  mul,
  neg,
  select,
  sigmoid,
  tanh,
  type Expr,
} from '../compiler/expr.ts';
import { atBroadcast, broadcastShapes, compute, map } from '../compiler/tensor-expr.ts';
import { float, oneOf } from './attrs.ts';
import { bounded, contraction, defineOp, exact, ulp } from './define.ts';
import { floats, signedInts } from './types.ts';
import { expectShape, sameShape, shapeError, showShape } from './util.ts';

/** ONNX keeps attributes as float32, so a default of 0.2 is the float32 nearest to it. */
const float32 = (fallback: number): ReturnType<typeof float> => float(Math.fround(fallback));

/** x·Φ(x), Φ the normal distribution function. Source: Hendrycks & Gimpel, arXiv 1606.08415. */
export const erfGelu = (x: Expr): Expr => mul(mul(0.5, x), add(1, erf(mul(x, Math.SQRT1_2))));
/** The approximation of {@link erfGelu} by tanh, from the same paper. */
export const tanhGelu = (x: Expr): Expr =>
  mul(mul(0.5, x), add(1, tanh(mul(Math.sqrt(2 / Math.PI), add(x, mul(0.044715, mul(x, mul(x, x))))))));
/** log(1 + eˣ), without overflow. */
export const softplus = (x: Expr): Expr => add(max(x, 0), log1p(exp(neg(abs(x)))));
/** x·sigmoid(α·x). */
export const swish = (x: Expr, alpha: number): Expr => mul(x, sigmoid(alpha === 1 ? x : mul(alpha, x)));
/** Clamp of α·x + β to [0, 1]. */
export const hardSigmoid = (x: Expr, alpha: number, beta: number): Expr => clamp(add(mul(alpha, x), beta), 0, 1);
/** x above zero, α·x below. */
export const leakyRelu = (x: Expr, alpha: number): Expr => select(lt(x, 0), mul(alpha, x), x);
/** x above zero, α·(eˣ − 1) below. */
export const elu = (x: Expr, alpha: number): Expr => select(lt(x, 0), mul(alpha, expm1(x)), x);

export const Relu = defineOp({
  name: 'Relu',
  since: 6,
  inputs: { X: [...floats, ...signedInts] },
  outputs: { Y: 'X' },
  compute: ({ X }) => map(X, (x) => max(x, 0)),
  accuracy: exact,
});

export const LeakyRelu = defineOp({
  name: 'LeakyRelu',
  since: 6,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  attrs: { alpha: float32(0.01) },
  compute: ({ X }, { alpha }) => map(X, (x) => leakyRelu(x, alpha)),
  accuracy: ulp(1),
});

/** LeakyRelu with a slope per element; the slope is broadcast to X, never X to the slope. */
export const PRelu = defineOp({
  name: 'PRelu',
  since: 7,
  inputs: { X: [...floats, 'int32', 'int64', 'uint32', 'uint64'], slope: 'X' },
  outputs: { Y: 'X' },
  compute: ({ X, slope }) => {
    if (slope.rank > X.rank || !sameShape(broadcastShapes(X.shape, slope.shape), X.shape)) {
      throw shapeError(`'slope' of shape ${showShape(slope.shape)} does not broadcast to 'X' of shape ${showShape(X.shape)}`);
    }
    return compute(X.shape, (...i) => {
      const x = X.at(...i);
      return select(lt(x, 0), mul(atBroadcast(slope, i), x), x);
    });
  },
  accuracy: ulp(1),
});

export const ThresholdedRelu = defineOp({
  name: 'ThresholdedRelu',
  since: 10,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  attrs: { alpha: float(1) },
  compute: ({ X }, { alpha }) => map(X, (x) => select(gt(x, alpha), x, 0)),
  accuracy: exact,
});

export const Elu = defineOp({
  name: 'Elu',
  since: 6,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  attrs: { alpha: float(1) },
  compute: ({ X }, { alpha }) => map(X, (x) => elu(x, alpha)),
  accuracy: bounded(8),
});

export const Celu = defineOp({
  name: 'Celu',
  since: 12,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  attrs: { alpha: float(1) },
  compute: ({ X }, { alpha }) => map(X, (x) => add(max(x, 0), min(mul(alpha, expm1(div(x, alpha))), 0))),
  accuracy: bounded(8),
});

export const Selu = defineOp({
  name: 'Selu',
  since: 6,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  attrs: { alpha: float32(1.67326319217681884765625), gamma: float32(1.05070102214813232421875) },
  compute: ({ X }, { alpha, gamma }) => map(X, (x) => mul(gamma, select(gt(x, 0), x, mul(alpha, expm1(x))))),
  accuracy: bounded(8),
});

export const HardSigmoid = defineOp({
  name: 'HardSigmoid',
  since: 6,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  attrs: { alpha: float32(0.2), beta: float(0.5) },
  compute: ({ X }, { alpha, beta }) => map(X, (x) => hardSigmoid(x, alpha, beta)),
  accuracy: contraction,
});

export const HardSwish = defineOp({
  name: 'HardSwish',
  since: 14,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  compute: ({ X }) => map(X, (x) => mul(x, hardSigmoid(x, 1 / 6, 0.5))),
  accuracy: bounded(4),
});

export const Swish = defineOp({
  name: 'Swish',
  since: 24,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  attrs: { alpha: float(1) },
  compute: ({ X }, { alpha }) => map(X, (x) => swish(x, alpha)),
  accuracy: bounded(8),
});

/** Swish of the gate A times B; no broadcasting. */
export const SwiGLU = defineOp({
  name: 'SwiGLU',
  since: 28,
  inputs: { A: floats, B: 'A' },
  outputs: { Y: 'A' },
  attrs: { alpha: float(1) },
  compute: ({ A, B }, { alpha }) => {
    expectShape(B.shape, A.shape, 'B');
    return compute(A.shape, (...i) => mul(swish(A.at(...i), alpha), B.at(...i)));
  },
  accuracy: ulp(8),
});

export const Mish = defineOp({
  name: 'Mish',
  since: 18,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  compute: ({ X }) => map(X, (x) => mul(x, tanh(softplus(x)))),
  accuracy: bounded(16),
});

export const Softplus = defineOp({
  name: 'Softplus',
  since: 1,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  compute: ({ X }) => map(X, softplus),
  accuracy: bounded(8),
});

export const Softsign = defineOp({
  name: 'Softsign',
  since: 1,
  inputs: { input: floats },
  outputs: { output: 'input' },
  compute: ({ input }) => map(input, (x) => div(x, add(1, abs(x)))),
  accuracy: ulp(2),
});

export const Gelu = defineOp({
  name: 'Gelu',
  since: 20,
  inputs: { X: floats },
  outputs: { Y: 'X' },
  attrs: { approximate: oneOf('none', 'tanh') },
  compute: ({ X }, { approximate }) => map(X, approximate === 'tanh' ? tanhGelu : erfGelu),
  // 1 + erf cancels below zero: held to the size of its terms, not of their sum.
  accuracy: contraction,
});
