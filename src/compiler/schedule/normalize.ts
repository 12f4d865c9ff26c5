/**
 * Loop IR as scheduling wants it: index arithmetic that lowering named and moved out of loops is put
 * back where it is used, so that loops of one nest follow each other without statements in between
 * and every position can be read off as a sum over loop counters. What is moved out again, and how
 * far, is decided after scheduling (`invariants.ts`).
 */
import { FlagosError } from '../../core/errors.ts';
import { affineOf } from '../affine.ts';
import { isIndexArithmetic } from '../hoist.ts';
import type { LExpr, Stmt } from '../loops.ts';
import { k, loop, substitute, type Sched } from './ir.ts';
import { straighten } from './straighten.ts';

/** Puts affine index names back in their places. */
const resolve = (stmts: readonly Stmt[], known: ReadonlyMap<string, LExpr>): Stmt[] => {
  const values = new Map(known);
  const use = (e: LExpr): LExpr => substitute(e, values);
  return stmts.flatMap((s): Stmt[] => {
    switch (s.kind) {
      case 'let': {
        const value = use(s.value);
        if (!isIndexArithmetic(value) || !affineOf(value)) return [{ ...s, value }];
        values.set(s.local.name, value);
        return [];
      }
      case 'for':
        return [{ ...s, body: resolve(s.body, values) }];
      case 'var':
        return [{ ...s, value: s.value && use(s.value) }];
      case 'set':
        return [{ ...s, value: use(s.value) }];
      case 'store':
        return [{ ...s, at: use(s.at), value: use(s.value) }];
      case 'if':
        return [{ ...s, cond: use(s.cond), then: resolve(s.then, values), otherwise: resolve(s.otherwise, values) }];
      default:
        return [s];
    }
  });
};

const isIndexLet = (s: Stmt): boolean => s.kind === 'let' && isIndexArithmetic(s.value);

/** Moves index arithmetic between two loops of a nest into the inner one. */
const sink = (stmts: readonly Stmt[]): Stmt[] =>
  stmts.map((s): Stmt => {
    if (s.kind === 'if') return { ...s, then: sink(s.then), otherwise: sink(s.otherwise) };
    if (s.kind !== 'for') return s;
    const last = s.body.at(-1);
    const before = s.body.slice(0, -1);
    if (last?.kind !== 'for' || last.parallel !== s.parallel || !before.every(isIndexLet)) return { ...s, body: sink(s.body) };
    return { ...s, body: sink([{ ...last, body: [...before, ...last.body] }]) };
  });

export const normalize = (stmts: readonly Stmt[]): Stmt[] => sink(straighten(resolve(stmts, new Map())));

/** Loop IR as scheduled loop IR, nothing decided yet. */
export const toSched = (stmts: readonly Stmt[]): Sched[] =>
  stmts.map((s): Sched => {
    switch (s.kind) {
      case 'for':
        return { ...loop(s.v, k(s.extent), toSched(s.body), s.parallel), ...(s.unroll ? { unroll: true } : {}) };
      case 'if':
        return { ...s, then: toSched(s.then), otherwise: toSched(s.otherwise) };
      case 'let':
      case 'var':
      case 'set':
      case 'store':
        return s;
      default:
        throw new FlagosError('FLAGOS_E_INTERNAL', `a statement written for another chip cannot be scheduled here`);
    }
  });
