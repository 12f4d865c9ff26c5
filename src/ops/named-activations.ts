/**
 * Activation functions by name, with parameters alpha and beta: what recurrent ops and fused ops have
 * in attributes. Source: ONNX operator page of LSTM.
 */
import { abs, add, div, ge, max, mul, select, sigmoid, tanh, type Expr } from '../compiler/expr.ts';
import { elu, hardSigmoid, leakyRelu, softplus } from './activations.ts';

export type Activation = (x: Expr) => Expr;

/** A function with its parameters' defaults. */
export interface ActivationKind {
  /** Defaults; undefined where the function has no such parameter. */
  readonly alpha?: number;
  readonly beta?: number;
  readonly make: (alpha: number, beta: number) => Activation;
}

/** By lower-case name. */
export const activationKinds: ReadonlyMap<string, ActivationKind> = new Map(
  Object.entries<ActivationKind>({
    relu: { make: () => (x) => max(x, 0) },
    tanh: { make: () => tanh },
    sigmoid: { make: () => sigmoid },
    softsign: { make: () => (x) => div(x, add(1, abs(x))) },
    softplus: { make: () => softplus },
    affine: { alpha: 1, beta: 0, make: (alpha, beta) => (x) => add(mul(alpha, x), beta) },
    leakyrelu: { alpha: Math.fround(0.01), make: (alpha) => (x) => leakyRelu(x, alpha) },
    thresholdedrelu: { alpha: 1, make: (alpha) => (x) => select(ge(x, alpha), x, 0) },
    scaledtanh: { alpha: 1, beta: 1, make: (alpha, beta) => (x) => mul(alpha, tanh(mul(beta, x))) },
    hardsigmoid: { alpha: Math.fround(0.2), beta: 0.5, make: (alpha, beta) => (x) => hardSigmoid(x, alpha, beta) },
    elu: { alpha: 1, make: (alpha) => (x) => elu(x, alpha) },
  }),
);
