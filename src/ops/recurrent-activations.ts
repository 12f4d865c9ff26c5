/**
 * Activation functions a recurrent op may name. `activation_alpha` and `activation_beta` are handed
 * out in order to those that take one. Source: ONNX operator page of LSTM.
 */
import { abs, add, div, ge, max, mul, select, sigmoid, tanh, type Expr } from '../compiler/expr.ts';
import { FlagosError } from '../core/errors.ts';
import { elu, hardSigmoid, leakyRelu, softplus } from './activations.ts';
import type { RecurrentAttrs } from './recurrent.ts';

export type Activation = (x: Expr) => Expr;

interface Kind {
  /** Defaults; undefined where the function has no such parameter. */
  readonly alpha?: number;
  readonly beta?: number;
  readonly make: (alpha: number, beta: number) => Activation;
}

const kinds: Readonly<Record<string, Kind>> = {
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
};

/**
 * The functions of each direction.
 * @param defaults names for one direction, used where the op names none.
 * @throws FLAGOS_E_ATTRIBUTE for unknown names or a wrong number of them.
 */
export const activationsOf = (attrs: RecurrentAttrs, defaults: readonly string[]): Activation[][] => {
  const directions = attrs.direction === 'bidirectional' ? 2 : 1;
  const names = attrs.activations ?? Array.from({ length: directions }, () => defaults).flat();
  if (names.length !== directions * defaults.length) {
    throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'activations' has ${names.length} names, it must have ${directions * defaults.length}`);
  }
  const alphas = [...(attrs.activation_alpha ?? [])];
  const betas = [...(attrs.activation_beta ?? [])];
  const all = names.map((name) => {
    const kind = kinds[name.toLowerCase()];
    if (!kind) throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'activations' names '${name}', which is none of the functions the op knows`);
    const alpha = kind.alpha === undefined ? 0 : (alphas.shift() ?? kind.alpha);
    const beta = kind.beta === undefined ? 0 : (betas.shift() ?? kind.beta);
    return kind.make(alpha, beta);
  });
  return Array.from({ length: directions }, (_, d) => all.slice(d * defaults.length, (d + 1) * defaults.length));
};
