/** Masks of onnxruntime's attention ops: they add a large negative number to scores rather than hide keys. Source: onnxruntime, ContribOperators.md. */
import { add, and, cast, constant, ge, gt, le, lt, max, select, type Expr } from '../compiler/expr.ts';
import type { TensorExpr } from '../compiler/tensor-expr.ts';
import { FlagosError } from '../core/errors.ts';
import { attend, type AttentionStages, type ScorePlace } from './attention-core.ts';
import type { Readable } from './readable.ts';
import { shapeError, showShape } from './util.ts';

/** @throws FLAGOS_E_UNSUPPORTED: what only makes sense between kernels of one chip. */
export const refuse = (what: string): FlagosError => new FlagosError('FLAGOS_E_UNSUPPORTED', `${what} cannot be run here`);

interface ScoreShape {
  readonly batch: number;
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  /** Keys before the first query. */
  readonly past: number;
}

/**
 * Whether a mask keeps a key. Its shape says what it is: lengths [batch], ends and starts [2·batch],
 * ones and zeros [batch, keys], [batch, queries, keys] or [batch, 1, longest, longest].
 */
const keptBy = (mask: TensorExpr, { batch, queries, keys, past }: ScoreShape, name: string): ((at: ScorePlace) => Expr) => {
  const bound = (i: Expr): Expr => cast(max(mask.at(i), 0), 'index');
  const isShape = (...shape: number[]): boolean => mask.rank === shape.length && shape.every((d, a) => d === mask.shape[a]);
  if (isShape(batch)) return ({ b, j }) => lt(j, bound(b));
  if (isShape(2 * batch)) return ({ b, j }) => and(lt(j, bound(b)), ge(j, bound(add(b, batch))));
  if (isShape(batch, keys)) return ({ b, j }) => gt(mask.at(b, j), 0);
  if (isShape(batch, queries, keys)) return ({ b, i, j }) => gt(mask.at(b, i, j), 0);
  if (mask.rank === 4 && mask.shape[0] === batch && mask.shape[1] === 1 && mask.shape[2]! >= past + queries && mask.shape[3]! >= keys) {
    return ({ b, i, j }) => gt(mask.at(b, 0, add(i, past), j), 0);
  }
  if (isShape(3 * batch + 2)) throw refuse('a mask of cumulated sequence lengths');
  throw shapeError(
    `'${name}' has shape ${showShape(mask.shape)}, which is no mask for ${batch} sequences, ${queries} queries and ${keys} keys`,
  );
};

/** An addition to scores [1 or batch, 1 or heads, queries, keys], read for any score. @throws FLAGOS_E_SHAPE */
export const biasReader = (
  bias: TensorExpr,
  [batch, heads, queries, keys]: readonly [number, number, number, number],
): ((at: ScorePlace) => Expr) => {
  const [b0, h0, l0, t0] = bias.shape;
  if (bias.rank !== 4 || (b0 !== 1 && b0 !== batch) || (h0 !== 1 && h0 !== heads) || l0 !== queries || t0! < keys) {
    throw shapeError(`'attention_bias' has shape ${showShape(bias.shape)}, it must be [1 or ${batch}, 1 or ${heads}, ${queries}, ${keys}]`);
  }
  return ({ b, h, i, j }) => bias.at(b0 === 1 ? 0 : b, h0 === 1 ? 0 : h, i, j);
};

export interface Masks {
  readonly mask: TensorExpr | undefined;
  readonly maskName: string;
  readonly attentionBias: TensorExpr | undefined;
  /** What a masked key's score gets added. */
  readonly filter: number;
  /** Whether keys after a query are hidden. */
  readonly unidirectional: boolean;
}

/** Attention with these masks. @param past how many of the keys stand before the first query. */
export const maskedAttention = (
  q: Readable,
  k: Readable,
  v: Readable,
  dtype: TensorExpr['dtype'],
  scale: number,
  past: number,
  masks: Masks,
): AttentionStages => {
  const [batch, heads, queries] = q.shape as [number, number, number];
  const keys = k.shape[2]!;
  const kept = masks.mask && keptBy(masks.mask, { batch, heads, queries, keys, past }, masks.maskName);
  const added = masks.attentionBias && biasReader(masks.attentionBias, [batch, heads, queries, keys]);
  const filtered = kept && ((at: ScorePlace): Expr => select(kept(at), constant(0, dtype), constant(masks.filter, dtype)));
  const readers = [filtered, added].flatMap((r) => (r ? [r] : []));
  return attend({
    q,
    k,
    v,
    dtype,
    scale,
    allowed: masks.unidirectional ? ({ i, j }) => le(j, add(i, past)) : undefined,
    bias: readers.length > 0 ? (at) => readers.map((r) => r(at)).reduce((x, y) => add(x, y)) : undefined,
  });
};
