/**
 * GroupQueryAttention of onnxruntime: new keys and values are put into a cache at the place where each
 * sequence ends, and queries see what stands before them. Source: onnxruntime, ContribOperators.md.
 */
import { add, and, cast, constant, ge, index, le, lt, max, select, sub, type Expr } from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import { FlagosError } from '../core/errors.ts';
import { attend, scaleOf, splitHeads, type ScorePlace } from './attention-core.ts';
import { flag, float, int, optionalFloat, optionalInt, requiredInt, string } from './attrs.ts';
import { defineOp, optional, value } from './define.ts';
import { biasReader, refuse } from './ms-attention-mask.ts';
import type { Readable } from './readable.ts';
import { angleTable, rotarySize, rotated } from './rotary.ts';
import { expectShape, scalarOf, shapeError, showShape } from './util.ts';

const types = ['float32', 'float16', 'bfloat16'] as const;

/** Columns first … first + width of a packed [batch, length, …]. */
const columns = (x: TensorExpr, first: number, width: number): Readable => ({
  shape: [x.shape[0]!, x.shape[1]!, width],
  at: (b, i, c) => x.at(b!, i!, add(index(c!), first)),
});

interface Heads {
  readonly q: Readable;
  readonly k: Readable;
  readonly v: Readable;
}

/** @throws FLAGOS_E_SHAPE, FLAGOS_E_MODEL_INVALID */
const headsOf = (query: TensorExpr, key: TensorExpr | undefined, value: TensorExpr | undefined, heads: number, shared: number): Heads => {
  if (query.rank !== 3) throw shapeError(`'query' has shape ${showShape(query.shape)}, it must have 3 axes`);
  if (heads < 1 || shared < 1 || heads % shared !== 0)
    throw new FlagosError('FLAGOS_E_ATTRIBUTE', `'num_heads' ${heads} must be a positive multiple of 'kv_num_heads' ${shared}`);
  if ((key === undefined) !== (value === undefined))
    throw new FlagosError('FLAGOS_E_MODEL_INVALID', "has only one of 'key' and 'value', they go together");
  if (key && value)
    return { q: splitHeads(query, heads, 'query'), k: splitHeads(key, shared, 'key'), v: splitHeads(value, shared, 'value') };
  const width = query.shape[2]!;
  const size = width / (heads + 2 * shared);
  if (!Number.isInteger(size))
    throw shapeError(`'query' of ${width} columns does not hold ${heads} heads of queries and ${shared} of keys and values`);
  return {
    q: splitHeads(columns(query, 0, heads * size), heads, 'query'),
    k: splitHeads(columns(query, heads * size, shared * size), shared, 'query'),
    v: splitHeads(columns(query, (heads + shared) * size, shared * size), shared, 'query'),
  };
};

export const GroupQueryAttention = defineOp({
  name: 'GroupQueryAttention',
  domain: 'com.microsoft',
  since: 1,
  inputs: {
    query: types,
    key: optional('query'),
    value: optional('query'),
    past_key: optional('query'),
    past_value: optional('query'),
    seqlens_k: ['int32'],
    total_sequence_length: value(['int32']),
    cos_cache: optional('query'),
    sin_cache: optional('query'),
    position_ids: optional(['int64']),
    attention_bias: optional('query'),
    head_sink: optional('query'),
    k_scale: optional(['float32']),
    v_scale: optional(['float32']),
    q_norm_weight: optional('query'),
    k_norm_weight: optional('query'),
    query_seqlens: optional(['int32']),
  },
  outputs: { output: 'query', present_key: 'query', present_value: 'query', output_qk: 'query' },
  attrs: {
    causal: flag(true),
    do_rotary: flag(false),
    k_norm_epsilon: optionalFloat(),
    k_quant_type: string('NONE'),
    kv_cache_bit_width: optionalInt(),
    kv_num_heads: requiredInt(),
    local_window_size: int(-1),
    num_heads: requiredInt(),
    q_norm_epsilon: optionalFloat(),
    qk_norm_epsilon: float(Math.fround(1e-6)),
    qk_output: int(0),
    rotary_interleaved: flag(false),
    scale: optionalFloat(),
    sliding_window_cache: flag(false),
    smooth_softmax: int(-1),
    softcap: float(0),
    v_quant_type: string('NONE'),
  },
  compute: (inputs, attrs) => {
    const { query, past_key, past_value, seqlens_k: lengths, head_sink, attention_bias: bias } = inputs;
    if (attrs.k_quant_type !== 'NONE' || attrs.v_quant_type !== 'NONE' || inputs.k_scale || inputs.v_scale)
      throw refuse('a quantized cache');
    if (attrs.sliding_window_cache) throw refuse('a cache of the size of the window (sliding_window_cache)');
    if (inputs.q_norm_weight || inputs.k_norm_weight) throw refuse('normalization of queries and keys inside of the op (q_norm_weight)');
    if (attrs.qk_output !== 0 && attrs.qk_output !== 2) throw refuse('scores before the softmax as an output (qk_output)');
    if (inputs.query_seqlens) throw refuse('queries of different lengths (query_seqlens)');
    if ((past_key === undefined) !== (past_value === undefined))
      throw new FlagosError('FLAGOS_E_MODEL_INVALID', "has only one of 'past_key' and 'past_value', they go together");
    const { q: q0, k: k0, v } = headsOf(query, inputs.key, inputs.value, attrs.num_heads, attrs.kv_num_heads);
    const [batch, heads, queries, size] = q0.shape as [number, number, number, number];
    const shared = k0.shape[1]!;
    if (k0.shape[2] !== queries) throw shapeError(`there are ${queries} queries and ${k0.shape[2]!} new keys, they must be as many`);
    if (lengths.size !== batch) throw shapeError(`'seqlens_k' has shape ${showShape(lengths.shape)}, it must hold ${batch} numbers`);
    const total = scalarOf(inputs.total_sequence_length, 'total_sequence_length');
    const capacity = Math.max(past_key?.shape[2] ?? 0, total, queries);
    for (const [name, past] of Object.entries({ past_key, past_value }))
      if (past) expectShape(past.shape, [batch, shared, past_key!.shape[2]!, size], name);
    if (head_sink) expectShape(head_sink.shape, [heads], 'head_sink');

    /** Tokens of a sequence, and those of them that were in the cache before. The first call starts an empty one, even if it is padded. */
    const filled = (b: Expr): Expr => cast(max(add(lengths.flat(b), 1), 0), 'index');
    const first = total === queries;
    const before = (b: Expr): Expr => {
      if (first) return constant(0, 'index');
      const count = filled(b);
      return select(ge(count, queries), sub(count, queries), constant(0, 'index'));
    };

    const turned = (x: Readable): Readable => {
      if (!attrs.do_rotary) return x;
      const { cos_cache, sin_cache, position_ids } = inputs;
      if (!cos_cache || !sin_cache)
        throw new FlagosError('FLAGOS_E_MODEL_INVALID', "has no 'cos_cache' and 'sin_cache', which do_rotary needs");
      const dimension = rotarySize(2 * (cos_cache.shape.at(-1) ?? 0), size);
      if (position_ids) expectShape(position_ids.shape, [batch, queries], 'position_ids');
      const position = (b: Expr, i: Expr): Expr => (position_ids ? position_ids.at(b, i) : cast(add(before(b), i), 'int64'));
      const reader = (t: TensorExpr, name: string): ReturnType<typeof angleTable> => angleTable(t, dimension / 2, name, position);
      return rotated(x, {
        cos: reader(cos_cache, 'cos_cache'),
        sin: reader(sin_cache, 'sin_cache'),
        size: dimension,
        interleaved: attrs.rotary_interleaved,
      });
    };
    const cache = (past: TensorExpr | undefined, now: Readable): TensorExpr =>
      compute([batch, shared, capacity, size], (b, h, j, d) => {
        const start = before(b!);
        const nothing = constant(0, query.dtype);
        const kept = past ? select(and(lt(j!, start), lt(j!, past.shape[2]!)), past.at(b!, h!, j!, d!), nothing) : nothing;
        return select(and(ge(j!, start), lt(j!, add(start, queries))), now.at(b!, h!, sub(j!, start), d!), kept);
      });
    const [present_key, present_value] = [cache(past_key, turned(k0)), cache(past_value, v)];

    const window = attrs.local_window_size;
    const allowed = ({ b, i, j }: ScorePlace): Expr => {
      const position = add(before(b), i);
      const seen = attrs.causal ? le(j, position) : lt(j, filled(b));
      return window > 0 ? and(seen, ge(add(j, window), add(position, 1))) : seen;
    };
    // The cache may be longer than the sequences; the bias is not.
    const added = bias && biasReader(bias, [batch, heads, queries, total]);
    const sink = head_sink
      ? (h: Expr): Expr => head_sink.at(h)
      : attrs.smooth_softmax === 1
        ? (): Expr => constant(0, query.dtype)
        : undefined;
    const stages = attend({
      q: turned(q0),
      k: present_key,
      v: present_value,
      dtype: query.dtype,
      scale: scaleOf(attrs.scale, size),
      softcap: attrs.softcap,
      sink,
      allowed,
      bias: added && ((at) => select(lt(at.j, bias!.shape[3]!), added(at), constant(0, query.dtype))),
    });
    return { output: stages.packed, present_key, present_value, output_qk: stages.probabilities };
  },
});
