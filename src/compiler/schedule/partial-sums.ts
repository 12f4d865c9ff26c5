/**
 * Long reductions in several accumulators: one chain of additions waits for each to finish before it
 * starts the next. The order of additions changes; chips that do this declare it (`reassociated`).
 */
import type { LExpr, Local } from '../loops.ts';
import { at, constantOf, fresh, instantiate, k, type For, type Sched } from './ir.ts';

const CHAINS = 4;
const LEAST_EXTENT = 16;

const identities: Partial<Record<string, number>> = { add: 0, mul: 1, max: -Infinity, min: Infinity };

interface Reduction {
  readonly loop: For;
  readonly sum: Local;
  readonly op: 'add' | 'max' | 'min';
  readonly extent: number;
}

/** A loop that does nothing but add up (or find an extreme) in one float variable. */
const reductionOf = (s: Sched): Reduction | undefined => {
  if (s.kind !== 'for' || s.parallel || s.lanes || constantOf(s.from) !== 0) return undefined;
  const extent = constantOf(s.to);
  const last = s.body.at(-1);
  if (extent === undefined || extent < LEAST_EXTENT || last?.kind !== 'set' || !s.body.slice(0, -1).every((s) => s.kind === 'let'))
    return undefined;
  const { value, local } = last;
  if (value.kind !== 'binary' || value.a.kind !== 'local' || value.a.name !== local.name) return undefined;
  const { op } = value;
  const isFloat = local.type === 'float32' || local.type === 'float64' || local.type === 'float16' || local.type === 'bfloat16';
  return isFloat && (op === 'add' || op === 'max' || op === 'min') ? { loop: s, sum: local, op, extent } : undefined;
};

const split = ({ loop, sum, op, extent }: Reduction): Sched[] => {
  const type = sum.type;
  const combine = (a: LExpr, b: LExpr): LExpr => ({ kind: 'binary', type, op, a, b });
  const parts = Array.from({ length: CHAINS }, () => fresh(type, 'a'));
  const v = fresh('index', 'i');
  const whole = Math.floor(extent / CHAINS);
  const body = parts.flatMap((part, lane) =>
    instantiate(
      loop.body,
      new Map<string, LExpr>([
        [loop.v.name, at.add(at.mul(v, CHAINS), k(lane))],
        [sum.name, part],
      ]),
    ),
  );
  return [
    ...parts.map((local): Sched => ({ kind: 'var', local, value: { kind: 'const', type, value: identities[op]! } })),
    { kind: 'for', v, from: k(0), to: k(whole), parallel: false, body },
    ...(extent % CHAINS === 0 ? [] : instantiate([{ ...loop, from: k(whole * CHAINS) }], new Map())),
    { kind: 'set', local: sum, value: parts.reduce<LExpr>(combine, sum) },
  ];
};

/** Splits the innermost reductions of statements. */
export const splitReductions = (stmts: readonly Sched[]): Sched[] =>
  stmts.flatMap((s): Sched[] => {
    if (s.kind === 'if') return [{ ...s, then: splitReductions(s.then), otherwise: splitReductions(s.otherwise) }];
    if (s.kind !== 'for' || s.lanes) return [s];
    const found = reductionOf(s);
    return found ? split(found) : [{ ...s, body: splitReductions(s.body) }];
  });
