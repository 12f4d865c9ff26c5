/**
 * Linear attention: a recurrence over tokens whose state is a matrix per head. Heads of queries that
 * share a state are an axis of their own.
 */
import { add, cast, constant, exp, floordiv, floormod, mul, sub, sum, type Expr } from '../compiler/expr.ts';
import { compute, fill, reshape, scan, type TensorExpr } from '../compiler/tensor-expr.ts';
import { FlagosError } from '../core/errors.ts';
import { scaleOf, splitHeads } from './attention-core.ts';
import { float, int, oneOf, requiredInt } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import { expectShape, shapeError, showShape } from './util.ts';

const types = ['float32', 'float16', 'bfloat16'] as const;

/** @throws FLAGOS_E_MODEL_INVALID unless a gate is given exactly when the rule has it. */
const checkGate = (given: TensorExpr | undefined, needed: boolean, name: string, rule: string): void => {
  if ((given !== undefined) !== needed) {
    throw new FlagosError(
      'FLAGOS_E_MODEL_INVALID',
      `update rule '${rule}' ${needed ? 'needs' : 'has no'} input '${name}', it is ${given ? 'given' : 'missing'}`,
    );
  }
};

/** A gate [batch, length, …] read per batch element, state head, token and key element; `widths` are the last extents it may have. */
const gateReader = (gate: TensorExpr, batch: number, length: number, heads: number, widths: readonly number[], name: string) => {
  const width = gate.shape[2] ?? 0;
  if (gate.rank !== 3 || gate.shape[0] !== batch || gate.shape[1] !== length || !widths.includes(width)) {
    throw shapeError(`'${name}' has shape ${showShape(gate.shape)}, it must be [${batch}, ${length}, ${widths.join(' or ')}]`);
  }
  const perHead = width / heads;
  return (b: Expr, h: Expr, t: Expr, d: Expr): Expr =>
    cast(gate.at(b, t, width === 1 ? 0 : perHead === 1 ? h : add(mul(h, perHead), d)), 'float32');
};

export const LinearAttention = defineOp({
  name: 'LinearAttention',
  since: 27,
  inputs: { query: types, key: 'query', value: 'query', past_state: optional(types), decay: optional('query'), beta: optional('query') },
  outputs: { output: 'query', present_state: ({ dtype }) => dtype('past_state') ?? dtype('query') },
  attrs: {
    chunk_size: int(64),
    kv_num_heads: requiredInt(),
    q_num_heads: requiredInt(),
    scale: float(0),
    update_rule: oneOf('gated_delta', 'linear', 'gated', 'delta'),
  },
  compute: ({ query, key, value, past_state, decay, beta }, { kv_num_heads: heads, q_num_heads, scale, update_rule: rule }) => {
    for (const [name, x] of Object.entries({ query, key, value })) {
      if (x.rank !== 3) throw shapeError(`'${name}' has shape ${showShape(x.shape)}, it must have 3 axes`);
    }
    if (heads < 1 || q_num_heads < 1 || q_num_heads % heads !== 0) {
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', `'q_num_heads' ${q_num_heads} must be a positive multiple of 'kv_num_heads' ${heads}`);
    }
    const gated = rule === 'gated' || rule === 'gated_delta';
    const corrected = rule === 'delta' || rule === 'gated_delta';
    checkGate(decay, gated, 'decay', rule);
    checkGate(beta, corrected, 'beta', rule);
    const [q, k, v] = [splitHeads(query, q_num_heads, 'query'), splitHeads(key, heads, 'key'), splitHeads(value, heads, 'value')];
    const [batch, , length, keySize] = q.shape as [number, number, number, number];
    const valueSize = v.shape[3]!;
    expectShape(k.shape, [batch, heads, length, keySize], 'key, split into heads,');
    expectShape(v.shape, [batch, heads, length, valueSize], 'value, split into heads,');
    const group = q_num_heads / heads;
    const state = [batch, heads, keySize, valueSize];
    if (past_state) expectShape(past_state.shape, state, 'past_state');
    const growth = decay && gateReader(decay, batch, length, heads, [heads, heads * keySize], 'decay');
    const rate = beta && gateReader(beta, batch, length, heads, [heads, 1], 'beta');
    const factor = scaleOf(scale, keySize);
    const float32 = (e: Expr): Expr => cast(e, 'float32');
    const zero = constant(0, 'index');

    const initial = past_state ? compute(state, (...i) => float32(past_state.at(...i))) : fill(state, 0, 'float32');
    const run = scan(length, [initial], (t, [s]) => {
      const kept = growth ? compute(state, (b, h, d, m) => mul(s!.at(b!, h!, d!, m!), exp(growth(b!, h!, t, d!)))) : s!;
      // What the state already answers to this key is taken off the value before it is written.
      const written = compute([batch, heads, valueSize], (b, h, m) => {
        const now = float32(v.at(b!, h!, t, m!));
        if (!rate) return now;
        const known = sum(keySize, (d) => mul(kept.at(b!, h!, d!, m!), float32(k.at(b!, h!, t, d!))));
        return mul(rate(b!, h!, t, zero), sub(now, known));
      });
      const next = compute(state, (b, h, d, m) => add(kept.at(b!, h!, d!, m!), mul(float32(k.at(b!, h!, t, d!)), written.at(b!, h!, m!))));
      const out = compute([batch, heads, group, valueSize], (b, h, g, m) =>
        mul(
          sum(keySize, (d) => mul(float32(q.at(b!, add(mul(h!, group), g!), t, d!)), next.at(b!, h!, d!, m!))),
          factor,
        ),
      );
      return { state: [next], out: [out] };
    });
    const heads4 = reshape(run.out[0]!, [length, batch, q_num_heads, valueSize]);
    const output = compute([batch, length, q_num_heads * valueSize], (b, t, e) =>
      heads4.at(t!, b!, floordiv(e!, valueSize), floormod(e!, valueSize)),
    );
    return { output, present_state: run.state[0] };
  },
});
