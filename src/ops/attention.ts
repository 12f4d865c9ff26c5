/** Attention of ONNX: grouped queries, causal and windowed masks, key caches inside the op or outside of it. */
import { add, and, cast, constant, ge, le, lt, max, select, type Expr } from '../compiler/expr.ts';
import { concat, type TensorExpr } from '../compiler/tensor-expr.ts';
import { isFloat, type DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { asTensor, attend, splitHeads, type ScorePlace } from './attention-core.ts';
import { flag, float, int, optionalDType, optionalFloat, optionalInt } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import type { Readable } from './readable.ts';
import { floats, numeric } from './types.ts';
import { expectShape, shapeError, showShape } from './util.ts';

/** @throws FLAGOS_E_SHAPE unless the mask broadcasts to scores [batch, heads, queries, keys]; its last axis may be shorter than that. */
const checkMask = (mask: TensorExpr, scores: readonly number[]): void => {
  const fits =
    mask.rank >= 1 &&
    mask.rank <= 4 &&
    mask.shape.every((d, a) => {
      const wanted = scores[a + 4 - mask.rank]!;
      return a === mask.rank - 1 ? d <= wanted : d === 1 || d === wanted;
    });
  if (!fits) throw shapeError(`'attn_mask' of shape ${showShape(mask.shape)} does not broadcast to the scores' shape ${showShape(scores)}`);
};

/** The mask's element for a score; keys after its end are not seen. */
const maskReader =
  (mask: TensorExpr, keys: number, outside: number | boolean, to: DType) =>
  ({ b, h, i, j }: ScorePlace): Expr => {
    const at = [b, h, i, j].slice(4 - mask.rank);
    const own = mask.shape.map((d, a) => (d === 1 && a < mask.rank - 1 ? 0 : at[a]!));
    const value = cast(mask.at(...own), to);
    return mask.shape.at(-1)! < keys ? select(lt(j, mask.shape.at(-1)!), value, constant(outside, to)) : value;
  };

interface Sight {
  readonly causal: boolean;
  readonly left: number;
  readonly right: number;
  /** Keys before the first query, where that is known. */
  readonly past: number;
  readonly queries: number;
  /** Keys that are not padding, for each batch element; then the last query stands at the last of them. */
  readonly filled: TensorExpr | undefined;
}

/** Whether position alone lets a query see a key. Both sides are moved up by what keeps them from being negative. */
const inSight =
  ({ causal, left, right, past, queries, filled }: Sight) =>
  ({ b, i, j }: ScorePlace): Expr => {
    const count = filled && cast(max(filled.at(b), 0), 'index');
    const query = count ? add(i, count) : add(i, past);
    const key = count ? add(j, queries) : j;
    const limits: Expr[] = [];
    if (causal) limits.push(le(key, query));
    if (left >= 0) limits.push(ge(add(key, left), query));
    if (right >= 0) limits.push(le(key, add(query, right)));
    if (count) limits.push(lt(j, count));
    return limits.reduce((x, y) => and(x, y), constant(true, 'bool'));
  };

/** @throws FLAGOS_E_MODEL_INVALID for inputs that exclude or need each other. */
const checkCaches = (pastKey: unknown, pastValue: unknown, filled: unknown): void => {
  if ((pastKey === undefined) !== (pastValue === undefined)) {
    throw new FlagosError('FLAGOS_E_MODEL_INVALID', "has only one of 'past_key' and 'past_value', they go together");
  }
  if (filled !== undefined && pastKey !== undefined) {
    throw new FlagosError('FLAGOS_E_MODEL_INVALID', "has both 'nonpad_kv_seqlen' and a past, it can have one");
  }
};

const heads4 = (x: TensorExpr, heads: number | undefined, name: string): Readable => {
  if (x.rank === 4) return x;
  if (x.rank !== 3) throw shapeError(`'${name}' has shape ${showShape(x.shape)}, it must have 3 or 4 axes`);
  if (heads === undefined) {
    throw new FlagosError('FLAGOS_E_ATTRIBUTE', `'${name}' has 3 axes, so attributes 'q_num_heads' and 'kv_num_heads' are needed`);
  }
  return splitHeads(x, heads, name);
};

/** The keys or values of a cache followed by new ones. */
export const appended = (past: TensorExpr | undefined, x: Readable, name: string): TensorExpr => {
  const now = asTensor(x);
  if (!past) return now;
  if (past.rank !== 4) throw shapeError(`'${name}' has shape ${showShape(past.shape)}, it must have 4 axes`);
  return concat([past, now], 2);
};

export const Attention = defineOp({
  name: 'Attention',
  since: 25,
  inputs: {
    Q: floats,
    K: 'Q',
    V: floats,
    attn_mask: optional([...numeric, 'bool']),
    past_key: optional('Q'),
    past_value: optional('V'),
    nonpad_kv_seqlen: optional(['int64']),
  },
  outputs: { Y: 'Q', present_key: 'Q', present_value: 'V', qk_matmul_output: 'Q' },
  attrs: {
    is_causal: flag(false),
    kv_num_heads: optionalInt(),
    left_window_size: int(-1),
    q_num_heads: optionalInt(),
    qk_matmul_output_mode: int(0),
    right_window_size: int(-1),
    scale: optionalFloat(),
    softcap: float(0),
    softmax_precision: optionalDType(),
  },
  compute: ({ Q, K, V, attn_mask: mask, past_key, past_value, nonpad_kv_seqlen: filled }, attrs) => {
    checkCaches(past_key, past_value, filled);
    const { softmax_precision: softmaxType, qk_matmul_output_mode: mode, left_window_size: left, right_window_size: right } = attrs;
    if (softmaxType && !isFloat(softmaxType))
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'softmax_precision' is ${softmaxType}, it must be a float type`);
    if (mode < 0 || mode > 3)
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'qk_matmul_output_mode' is ${mode}, it must be from 0 to 3`);
    if (left < -1 || right < -1) throw new FlagosError('FLAGOS_E_ATTRIBUTE', `window sizes ${left} and ${right} must be -1 or more`);
    if (Q.rank !== K.rank || Q.rank !== V.rank)
      throw shapeError(`'Q', 'K' and 'V' have ${Q.rank}, ${K.rank} and ${V.rank} axes, they must have the same`);
    const q = heads4(Q, attrs.q_num_heads, 'Q');
    const [newKeys, newValues] = [heads4(K, attrs.kv_num_heads, 'K'), heads4(V, attrs.kv_num_heads, 'V')];
    const [present_key, present_value] = [appended(past_key, newKeys, 'past_key'), appended(past_value, newValues, 'past_value')];
    const [k, v] = past_key ? [present_key, present_value] : [newKeys, newValues];
    const [batch, heads, queries, size] = q.shape as [number, number, number, number];
    const keys = k.shape[2]!;
    if (mask) checkMask(mask, [batch, heads, queries, keys]);
    if (filled) expectShape(filled.shape, [batch], 'nonpad_kv_seqlen');

    const boolean = mask?.dtype === 'bool' ? maskReader(mask, keys, false, 'bool') : undefined;
    const limited = attrs.is_causal || left >= 0 || right >= 0 || filled !== undefined;
    const sight = inSight({ causal: attrs.is_causal, left, right, past: past_key?.shape[2] ?? 0, queries, filled });
    const stages = attend({
      q,
      k,
      v,
      dtype: Q.dtype,
      softcap: attrs.softcap,
      softmaxType,
      scale: attrs.scale ?? 1 / Math.sqrt(size),
      allowed: limited || boolean ? (at) => and(limited ? sight(at) : true, boolean ? boolean(at) : true) : undefined,
      bias: mask && !boolean ? maskReader(mask, keys, -Infinity, Q.dtype) : undefined,
    });
    const byMode = [stages.raw, stages.capped, stages.biased, stages.probabilities];
    return { Y: Q.rank === 3 ? stages.packed : stages.heads, present_key, present_value, qk_matmul_output: byMode[mode] };
  },
});
