/** MultiHeadAttention and Attention of onnxruntime. Source: onnxruntime, ContribOperators.md. */
import { add, index, lt, mul, select, sub, sum } from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import { FlagosError } from '../core/errors.ts';
import { appended } from './attention.ts';
import { scaleOf, splitHeads } from './attention-core.ts';
import { flag, float, int, optionalFloat, optionalInts, requiredInt } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import { maskedAttention, refuse } from './ms-attention-mask.ts';
import type { Readable } from './readable.ts';
import { expectShape, shapeError, showShape } from './util.ts';

const types = ['float32', 'float16', 'bfloat16'] as const;

/** Heads with a slice of the projections' bias added. */
const withBias = (x: Readable, bias: TensorExpr | undefined, first: number): Readable => {
  if (!bias) return x;
  const size = x.shape[3]!;
  return { shape: x.shape, at: (b, h, i, d) => add(x.at(b!, h!, i!, d!), bias.at(add(add(mul(index(h!), size), index(d!)), first))) };
};

/** Part `p` of a packed [batch, length, heads, parts, size] as heads. */
const unpack = (x: TensorExpr, p: number): Readable => ({
  shape: [x.shape[0]!, x.shape[2]!, x.shape[1]!, x.shape[4]!],
  at: (b, h, i, d) => x.at(b!, i!, h!, p, d!),
});

const checkPast = (key: unknown, value: unknown): void => {
  if ((key === undefined) !== (value === undefined))
    throw new FlagosError('FLAGOS_E_MODEL_INVALID', 'has a past of keys or values only, they go together');
};

/** Queries, keys and values as heads, from the forms the inputs may have. */
const splitInputs = (
  query: TensorExpr,
  key: TensorExpr | undefined,
  value: TensorExpr | undefined,
  heads: number,
): [Readable, Readable, Readable] => {
  if (query.rank === 5) return [unpack(query, 0), unpack(query, 1), unpack(query, 2)];
  if (query.rank !== 3) throw shapeError(`'query' has shape ${showShape(query.shape)}, it must have 3 or 5 axes`);
  if (!key) throw new FlagosError('FLAGOS_E_MODEL_INVALID', "input 'key' is missing, and 'query' is not packed");
  const q = splitHeads(query, heads, 'query');
  if (key.rank === 5) return [q, unpack(key, 0), unpack(key, 1)];
  if (!value) throw new FlagosError('FLAGOS_E_MODEL_INVALID', "input 'value' is missing, and 'key' is not packed");
  const split = (x: TensorExpr, name: string): Readable => {
    if (x.rank !== 3 && x.rank !== 4) throw shapeError(`'${name}' has shape ${showShape(x.shape)}, it must have 3 or 4 axes`);
    return x.rank === 4 ? x : splitHeads(x, heads, name);
  };
  return [q, split(key, 'key'), split(value, 'value')];
};

export const MultiHeadAttention = defineOp({
  name: 'MultiHeadAttention',
  domain: 'com.microsoft',
  since: 1,
  inputs: {
    query: types,
    key: optional('query'),
    value: optional('query'),
    bias: optional('query'),
    key_padding_mask: optional(['int32']),
    attention_bias: optional('query'),
    past_key: optional('query'),
    past_value: optional('query'),
    past_sequence_length: optional(['int32']),
    cache_indirection: optional(['int32']),
  },
  outputs: { output: 'query', present_key: 'query', present_value: 'query', qk: 'query' },
  attrs: { mask_filter_value: float(-10000), num_heads: requiredInt(), scale: optionalFloat(), unidirectional: flag(false) },
  compute: (
    { query, key, value, bias, key_padding_mask, attention_bias, past_key, past_value, past_sequence_length, cache_indirection },
    attrs,
  ) => {
    if (past_sequence_length || cache_indirection)
      throw refuse('a cache that outputs share with inputs (past_sequence_length, cache_indirection)');
    checkPast(past_key, past_value);
    const [q0, k0, v0] = splitInputs(query, key, value, attrs.num_heads);
    const size = q0.shape[3]!;
    const hidden = attrs.num_heads * size;
    if (bias) expectShape(bias.shape, [2 * hidden + attrs.num_heads * v0.shape[3]!], 'bias');
    // Keys that come as a cache have their bias already.
    const cached = key?.rank === 4;
    const [q, k1, v1] = [withBias(q0, bias, 0), cached ? k0 : withBias(k0, bias, hidden), cached ? v0 : withBias(v0, bias, 2 * hidden)];
    const [present_key, present_value] = [appended(past_key, k1, 'past_key'), appended(past_value, v1, 'past_value')];
    const [k, v] = past_key ? [present_key, present_value] : [k1, v1];
    const stages = maskedAttention(q, k, v, query.dtype, scaleOf(attrs.scale, size), past_key?.shape[2] ?? 0, {
      mask: key_padding_mask,
      maskName: 'key_padding_mask',
      attentionBias: attention_bias,
      filter: attrs.mask_filter_value,
      unidirectional: attrs.unidirectional,
    });
    return { output: stages.packed, present_key, present_value, qk: stages.biased };
  },
});

/** Widths of Q, K and V in the merged weights. @throws FLAGOS_E_SHAPE, FLAGOS_E_ATTRIBUTE */
export const widthsOf = (given: readonly number[] | undefined, total: number, heads: number): readonly [number, number, number] => {
  const [q, k, v] = given && given.length > 0 ? given : [total / 3, total / 3, total / 3];
  if ([q, k, v].some((w) => !Number.isInteger(w) || w! < 1 || w! % heads !== 0) || q !== k || q! + k! + v! !== total) {
    throw new FlagosError(
      'FLAGOS_E_ATTRIBUTE',
      `weights of ${total} columns cannot be split into queries, keys and values of ${heads} heads`,
      { hint: "see 'qkv_hidden_sizes'" },
    );
  }
  return [q!, k!, v!];
};

/** What attention over merged projections may be given besides. */
interface ProjectedInputs {
  readonly mask: TensorExpr | undefined;
  /** Keys and values of before, [2, batch, heads, before, size]. */
  readonly past: TensorExpr | undefined;
  readonly attentionBias: TensorExpr | undefined;
}

interface ProjectedAttrs {
  readonly num_heads: number;
  readonly mask_filter_value: number;
  readonly scale: number | undefined;
  readonly unidirectional: boolean;
}

/**
 * Attention over queries, keys and values that stand side by side in [batch, length, columns].
 * @param widths columns of each. @returns `output` [batch, length, columns of values], and `present`: past and now.
 */
export const attendProjected = (
  projected: TensorExpr,
  [qWidth, , vWidth]: readonly [number, number, number],
  { mask, past, attentionBias }: ProjectedInputs,
  attrs: ProjectedAttrs,
): { output: TensorExpr; present: TensorExpr | undefined } => {
  const [batch, length] = projected.shape as [number, number];
  const heads = attrs.num_heads;
  const part = (first: number, columns: number): Readable =>
    splitHeads({ shape: [batch, length, columns], at: (b, i, c) => projected.at(b!, i!, add(index(c!), first)) }, heads, 'weights');
  const [q, k1, v1] = [part(0, qWidth), part(qWidth, qWidth), part(2 * qWidth, vWidth)];
  const [size, valueSize] = [qWidth / heads, vWidth / heads];
  const before = past?.shape[3] ?? 0;
  if (past) expectShape(past.shape, [2, batch, heads, before, size], 'past');
  const keys = before + length;
  if (size !== valueSize && past) throw shapeError(`a past needs keys and values of one size, they are ${size} and ${valueSize}`);
  const joined = (which: number, now: Readable): Readable => ({
    shape: [batch, heads, keys, now.shape[3]!],
    at: (b, h, j, d) => {
      const at = index(j!);
      if (!past) return now.at(b!, h!, at, d!);
      return select(lt(at, before), past.at(which, b!, h!, at, d!), now.at(b!, h!, sub(at, before), d!));
    },
  });
  const [k, v] = [joined(0, k1), joined(1, v1)];
  const stages = maskedAttention(q, k, v, projected.dtype, scaleOf(attrs.scale, size), before, {
    mask,
    maskName: 'mask_index',
    attentionBias,
    filter: attrs.mask_filter_value,
    unidirectional: attrs.unidirectional,
  });
  const present =
    size === valueSize
      ? compute([2, batch, heads, keys, size], (which, b, h, j, d) => select(lt(which!, 1), k.at(b!, h!, j!, d!), v.at(b!, h!, j!, d!)))
      : undefined;
  return { output: stages.packed, present };
};

/** Projections of one input by merged weights, then attention. */
export const MsAttention = defineOp({
  name: 'Attention',
  domain: 'com.microsoft',
  since: 1,
  inputs: {
    input: types,
    weights: 'input',
    bias: optional('input'),
    mask_index: optional(['int32']),
    past: optional('input'),
    attention_bias: optional('input'),
    past_sequence_length: optional(['int32']),
  },
  outputs: { output: 'input', present: 'input' },
  attrs: {
    do_rotary: flag(false),
    mask_filter_value: float(-10000),
    num_heads: requiredInt(),
    past_present_share_buffer: flag(false),
    qkv_hidden_sizes: optionalInts(),
    rotary_embedding_dim: int(0),
    scale: optionalFloat(),
    unidirectional: flag(false),
  },
  compute: ({ input, weights, bias, mask_index, past, attention_bias, past_sequence_length }, attrs) => {
    if (attrs.past_present_share_buffer || past_sequence_length)
      throw refuse('a cache that outputs share with inputs (past_present_share_buffer)');
    if (attrs.do_rotary) throw refuse('rotary embedding inside of Attention (do_rotary), which has no tables,');
    if (input.rank !== 3) throw shapeError(`'input' has shape ${showShape(input.shape)}, it must have 3 axes`);
    const [batch, length, width] = input.shape as [number, number, number];
    const heads = attrs.num_heads;
    const total = weights.shape.at(-1) ?? 0;
    expectShape(weights.shape, [width, total], 'weights');
    if (heads < 1) throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'num_heads' is ${heads}, it must be at least 1`);
    const widths = widthsOf(attrs.qkv_hidden_sizes, total, heads);
    if (bias) expectShape(bias.shape, [total], 'bias');
    const projected = compute([batch, length, total], (b, i, c) => {
      const dot = sum(width, (e) => mul(input.at(b!, i!, e!), weights.at(e!, c!)));
      return bias ? add(dot, bias.at(c!)) : dot;
    });
    return attendProjected(projected, widths, { mask: mask_index, past, attentionBias: attention_bias }, attrs);
  },
});
