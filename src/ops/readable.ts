/**
 * What an op reads, seen another way: transposed, with a zero point taken off, with heads split out.
 * Contractions and windows take readables, so one function serves float and quantized, plain and
 * transposed arguments, and the compiler still sees one sum of products of loads.
 */
import { cast, sub, type Expr, type Operand } from '../compiler/expr.ts';
import type { TensorExpr } from '../compiler/tensor-expr.ts';
import type { DType } from '../core/dtype.ts';
import { sameShape, shapeError, showShape } from './util.ts';

/** Something with elements at indices; every tensor expression is one. */
export interface Readable {
  readonly shape: readonly number[];
  readonly at: (...i: Operand[]) => Expr;
}

/** The axes in another order: axis d of the result is axis `order[d]` of `x`. */
export const permuted = (x: Readable, order: readonly number[]): Readable => ({
  shape: order.map((d) => x.shape[d]!),
  at: (...i) => x.at(...order.map((_, d) => i[order.indexOf(d)]!)),
});

/** The last two axes exchanged; a vector stays. */
export const transposed = (x: Readable): Readable => {
  const rank = x.shape.length;
  return rank < 2 ? x : permuted(x, [...Array.from({ length: rank - 2 }, (_, d) => d), rank - 1, rank - 2]);
};

/** Elements in another type. */
export const widened = (x: Readable, to: DType): Readable => ({ shape: x.shape, at: (...i) => cast(x.at(...i), to) });

/** An integer tensor as int32 with its zero point taken off; `zero` gives the zero point's element for an element of `x`. */
export const centered = (x: Readable, zero: ((...i: Operand[]) => Expr) | undefined): Readable => ({
  shape: x.shape,
  at: (...i) => (zero ? sub(cast(x.at(...i), 'int32'), cast(zero(...i), 'int32')) : cast(x.at(...i), 'int32')),
});

/**
 * How a parameter (scale, zero point) is read along one axis of a tensor of `shape`: one element for
 * everything, a vector along `axis`, or a tensor of the same rank with extent 1 elsewhere (leading
 * axes may be whole).
 * @throws FLAGOS_E_SHAPE if the parameter's shape is none of these.
 */
export const alongAxis = (parameter: TensorExpr, shape: readonly number[], axis: number, name: string): ((...i: Operand[]) => Expr) => {
  if (parameter.size === 1) return () => parameter.flat(0);
  if (sameShape(parameter.shape, [shape[axis]!])) return (...i) => parameter.at(i[axis]!);
  const fits =
    parameter.rank === shape.length && parameter.shape.every((d, a) => d === 1 || (d === shape[a] && (a === axis || a < shape.length - 2)));
  if (fits) return (...i) => parameter.at(...parameter.shape.map((d, a) => (d === 1 ? 0 : i[a]!)));
  throw shapeError(
    `'${name}' has shape ${showShape(parameter.shape)}, it must hold one value or ${shape[axis]!} values along axis ${axis} of ${showShape(shape)}`,
  );
};
