/**
 * Scaled dot-product attention on heads: what every attention op comes down to. Query heads that
 * share a key head are an axis of their own ([batch, key heads, group, query, key]), so indices stay
 * affine. Source: arXiv 1706.03762 (attention), 2305.13245 (grouped queries).
 */
import { add, cast, constant, div, eq, exp, index, max, maxOf, mul, or, not, select, sub, sum, tanh, type Expr } from '../compiler/expr.ts';
import { compute, reshape, type TensorExpr } from '../compiler/tensor-expr.ts';
import type { DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import type { Readable } from './readable.ts';
import { shapeError, showShape } from './util.ts';

/** One score: batch element, query head, query position, key position. */
export interface ScorePlace {
  readonly b: Expr;
  readonly h: Expr;
  readonly i: Expr;
  readonly j: Expr;
}

export interface AttentionParts {
  /** [batch, query heads, queries, head size]. */
  readonly q: Readable;
  /** [batch, key heads, keys, head size]; key heads divide query heads. */
  readonly k: Readable;
  /** [batch, key heads, keys, value size]. */
  readonly v: Readable;
  /** Type of scores, probabilities and result. */
  readonly dtype: DType;
  readonly scale: number;
  /** Scores become cap·tanh(score / cap); 0 for none. */
  readonly softcap?: number;
  /** Whether a key may be seen at all, bool; a query that may see none gives zeros. */
  readonly allowed?: ((at: ScorePlace) => Expr) | undefined;
  /** Added to scores; −Inf hides a key as `allowed` does. */
  readonly bias?: ((at: ScorePlace) => Expr) | undefined;
  /** Type the softmax is calculated in, if not `dtype`. */
  readonly softmaxType?: DType | undefined;
  /** A score of each query head that takes part in the softmax's sum but has no value. */
  readonly sink?: ((h: Expr) => Expr) | undefined;
}

/** Stages of attention; shapes are [batch, query heads, queries, keys]. */
export interface AttentionStages {
  /** Q·K, scaled. */
  readonly raw: TensorExpr;
  readonly capped: TensorExpr;
  /** With bias, −Inf where a key is hidden. */
  readonly biased: TensorExpr;
  readonly probabilities: TensorExpr;
  /** [batch, query heads, queries, value size]. */
  readonly heads: TensorExpr;
  /** [batch, queries, query heads · value size]. */
  readonly packed: TensorExpr;
}

/** A number of every float type, and far below the smallest total. */
const TINY = 2 ** -14;

/** @throws FLAGOS_E_SHAPE */
const checkHeads = ({ q, k, v }: AttentionParts): void => {
  const [batch, heads, , size] = q.shape;
  if (k.shape[0] !== batch || v.shape[0] !== batch || k.shape[3] !== size || v.shape[1] !== k.shape[1] || v.shape[2] !== k.shape[2]) {
    throw shapeError(
      `queries ${showShape(q.shape)}, keys ${showShape(k.shape)} and values ${showShape(v.shape)} (batch, heads, length, size) do not fit together`,
    );
  }
  if (k.shape[1] === 0 || heads! % k.shape[1]! !== 0)
    throw shapeError(`${heads!} query heads are not a multiple of ${k.shape[1]!} key heads`);
};

/** Attention of every query to every key. @throws FLAGOS_E_SHAPE if heads do not fit together. */
export const attend = (parts: AttentionParts): AttentionStages => {
  checkHeads(parts);
  const { q, k, v, dtype, scale, softcap = 0, allowed, bias, sink } = parts;
  const softmaxType = parts.softmaxType ?? dtype;
  const [batch, heads, queries, size] = q.shape as [number, number, number, number];
  const [, shared, keys, valueSize] = v.shape as [number, number, number, number];
  const group = heads / shared;
  const rows = [batch, shared, group, queries];
  const head = (s: Expr, g: Expr): Expr => add(mul(s, group), g);
  const low = (t: DType): Expr => constant(-Infinity, t);

  const score = (b: Expr, s: Expr, g: Expr, i: Expr, j: Expr): Expr =>
    mul(
      sum(size, (d) => mul(cast(q.at(b, head(s, g), i, d!), dtype), cast(k.at(b, s, j, d!), dtype))),
      scale,
    );
  const cap = (e: Expr): Expr => (softcap > 0 ? mul(softcap, tanh(div(e, softcap))) : e);
  const shape = [...rows, keys];
  const withBias = compute(shape, (b, s, g, i, j) => {
    const at: ScorePlace = { b: b!, h: head(s!, g!), i: i!, j: j! };
    const seen = allowed?.(at);
    const added = bias?.(at);
    const e = cap(score(b!, s!, g!, i!, j!));
    if (!seen && !added) return e;
    // A hidden key's score is not looked at: it may be NaN, as that of padding may.
    const hidden = [...(seen ? [not(seen)] : []), ...(added ? [eq(added, low(dtype))] : [])].reduce((x, y) => or(x, y));
    return select(hidden, low(dtype), added ? add(e, added) : e);
  });

  const logits = compute(shape, (...at) => cast(withBias.at(...at), softmaxType));
  const largest = compute(rows, (b, s, g, i) => {
    const m = maxOf(keys, (j) => logits.at(b!, s!, g!, i!, j!));
    return sink ? max(m, cast(sink(head(s!, g!)), softmaxType)) : m;
  });
  // Where every key is hidden nothing is taken off, and e^−∞ leaves zeros.
  const shift = compute(rows, (...at) => select(eq(largest.at(...at), low(softmaxType)), 0, largest.at(...at)));
  const weights = compute(shape, (b, s, g, i, j) => exp(sub(logits.at(b!, s!, g!, i!, j!), shift.at(b!, s!, g!, i!))));
  const totals = compute(rows, (b, s, g, i) => {
    const total = sum(keys, (j) => weights.at(b!, s!, g!, i!, j!));
    const all = sink ? add(total, exp(sub(cast(sink(head(s!, g!)), softmaxType), shift.at(b!, s!, g!, i!)))) : total;
    // The largest weight is 1, so a total is smaller only if there is nothing to divide.
    return max(all, TINY);
  });
  const probabilities = compute(shape, (b, s, g, i, j) => cast(div(weights.at(b!, s!, g!, i!, j!), totals.at(b!, s!, g!, i!)), dtype));
  // One type throughout: then results are divided, not every probability.
  const late = dtype === 'float32' && softmaxType === dtype;
  const mixed = (b: Expr, s: Expr, g: Expr, i: Expr, d: Expr): Expr =>
    late
      ? div(
          sum(keys, (j) => mul(weights.at(b, s, g, i, j!), v.at(b, s, j!, d))),
          totals.at(b, s, g, i),
        )
      : sum(keys, (j) => mul(probabilities.at(b, s, g, i, j!), cast(v.at(b, s, j!, d), dtype)));

  const scores = [batch, heads, queries, keys];
  return {
    raw: reshape(
      compute(shape, (b, s, g, i, j) => score(b!, s!, g!, i!, j!)),
      scores,
    ),
    capped: reshape(
      compute(shape, (b, s, g, i, j) => cap(score(b!, s!, g!, i!, j!))),
      scores,
    ),
    biased: reshape(withBias, scores),
    probabilities: reshape(probabilities, scores),
    heads: reshape(
      compute([...rows, valueSize], (b, s, g, i, d) => mixed(b!, s!, g!, i!, d!)),
      [batch, heads, queries, valueSize],
    ),
    packed: reshape(
      compute([batch, queries, shared, group, valueSize], (b, i, s, g, d) => mixed(b!, s!, g!, i!, d!)),
      [batch, queries, heads * valueSize],
    ),
  };
};

/** [batch, length, heads · size] read as [batch, heads, length, size]. @throws FLAGOS_E_SHAPE, FLAGOS_E_ATTRIBUTE */
export const splitHeads = (x: Readable, heads: number, name: string): Readable => {
  const [batch, length, width] = x.shape as [number, number, number];
  if (heads < 1) throw new FlagosError('FLAGOS_E_ATTRIBUTE', `the number of heads of '${name}' is ${heads}, it must be at least 1`);
  if (width % heads !== 0) throw shapeError(`'${name}' of shape ${showShape(x.shape)} cannot be split into ${heads} heads`);
  const size = width / heads;
  return {
    shape: [batch, heads, length, size],
    at: (b, h, i, d) => x.at(b!, i!, add(mul(index(h!), size), index(d!))),
  };
};

/** A readable as a tensor of its own. */
export const asTensor = (x: Readable): TensorExpr => compute(x.shape, (...i) => x.at(...i));

/** 1 / √size, or what is given in its place. */
export const scaleOf = (given: number | undefined, size: number): number =>
  given === undefined || given === 0 ? 1 / Math.sqrt(size) : given;
