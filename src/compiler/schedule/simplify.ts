/**
 * What is decided by the ranges of loop counters: guards that always hold (or never) go, and
 * divisions of what cannot be negative become the machine's own, which round toward zero.
 */
import type { LExpr } from '../loops.ts';
import { mapChildren } from '../loops.ts';
import { conjunction, conjuncts } from './guards.ts';
import { mapExpressions, type Sched } from './ir.ts';
import { decide, rangeOf, type Range, type Ranges } from './ranges.ts';

const simplifyExpr = (e: LExpr, ranges: Ranges): LExpr => {
  if (e.kind === 'const' || e.kind === 'local') return e;
  if (e.kind === 'select') {
    const all = conjuncts(e.cond).map((c) => ({ c, known: decide(c, ranges) }));
    if (all.some((x) => x.known === false)) return simplifyExpr(e.b, ranges);
    const cond = conjunction(all.flatMap((x) => (x.known ? [] : [x.c])));
    if (!cond) return simplifyExpr(e.a, ranges);
    return { ...e, cond: simplifyExpr(cond, ranges), a: simplifyExpr(e.a, ranges), b: simplifyExpr(e.b, ranges) };
  }
  const made = mapChildren(e, (c) => simplifyExpr(c, ranges));
  if (made.kind !== 'binary' || made.type !== 'index' || (made.op !== 'floordiv' && made.op !== 'floormod')) return made;
  const [a, b] = [rangeOf(made.a, ranges), rangeOf(made.b, ranges)];
  if (!(a[0] >= 0 && b[0] > 0 && b[0] === b[1])) return made;
  if (a[1] < b[0]) return made.op === 'floormod' ? made.a : { kind: 'const', type: 'index', value: 0 };
  // Beyond 31 bits a number is not a machine integer in every language.
  return a[1] < 2 ** 31 && b[0] < 2 ** 31 ? { ...made, op: made.op === 'floordiv' ? 'div' : 'rem' } : made;
};

export const simplify = (stmts: readonly Sched[], known: Ranges = new Map()): Sched[] => {
  const ranges = new Map(known);
  return stmts.flatMap((s): Sched[] => {
    if (s.kind === 'for') {
      const [from, to] = [simplifyExpr(s.from, ranges), simplifyExpr(s.to, ranges)];
      const range: Range = [rangeOf(from, ranges)[0], rangeOf(to, ranges)[1] - 1];
      return [{ ...s, from, to, body: simplify(s.body, new Map([...ranges, [s.v.name, range]])) }];
    }
    if (s.kind === 'if') {
      const decided = decide(s.cond, ranges);
      if (decided !== undefined) return simplify(decided ? s.then : s.otherwise, ranges);
      return [{ ...s, cond: simplifyExpr(s.cond, ranges), then: simplify(s.then, ranges), otherwise: simplify(s.otherwise, ranges) }];
    }
    const [made] = mapExpressions([s], (e) => simplifyExpr(e, ranges));
    if (made!.kind === 'let' && made!.local.type === 'index') ranges.set(made!.local.name, rangeOf(made!.value, ranges));
    return [made!];
  });
};
