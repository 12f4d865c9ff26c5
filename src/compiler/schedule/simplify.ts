/**
 * What is decided by the ranges of loop counters: guards that always hold (or never) go, and
 * divisions of what cannot be negative become the machine's own, which round toward zero. Sums are
 * ordered from outer counters to inner ones, so that what is known outside stands together in front.
 */
import type { LExpr } from '../loops.ts';
import { mapChildren } from '../loops.ts';
import { conjunction, conjuncts } from './guards.ts';
import { at, k, mapExpressions, type Sched } from './ir.ts';
import { linearOf, mentions } from './linear.ts';
import { decide, rangeOf, type Range, type Ranges } from './ranges.ts';

/** How far inside the innermost counter of an expression is: `ranges` is filled from the outside in. */
const depthOf = (e: LExpr, depths: ReadonlyMap<string, number>): number => {
  if (e.kind === 'const') return -1;
  if (e.kind === 'local') return depths.get(e.name) ?? -1;
  let depth = -1;
  mapChildren(e, (c) => {
    depth = Math.max(depth, depthOf(c, depths));
    return c;
  });
  return depth;
};

interface Known {
  readonly ranges: Ranges;
  readonly depths: ReadonlyMap<string, number>;
}

/**
 * The same sum, outer terms first. A constant that is added stands last if the rest is sure not to be
 * negative (so that it may become part of an address), else first.
 */
const ordered = (e: LExpr, known: Known): LExpr => {
  const { constant, terms } = linearOf(e);
  const sorted = terms
    .map((t) => ({ ...t, atom: simplifyExpr(t.atom, known) }))
    .map((t) => ({ ...t, depth: depthOf(t.atom, known.depths) }))
    .sort((a, b) => a.depth - b.depth);
  const positive = sorted.findIndex((t) => t.coefficient > 0);
  // Starting with what is added avoids "0 - x".
  const first = positive > 0 && sorted[positive]!.depth === sorted[0]!.depth ? sorted.splice(positive, 1) : [];
  const sum = [...first, ...sorted].reduce<LExpr>(
    (total, { coefficient, atom }) =>
      coefficient < 0 ? at.sub(total, at.mul(atom, -coefficient)) : at.add(total, at.mul(atom, coefficient)),
    k(0),
  );
  if (constant < 0 && sum.kind !== 'const') return at.sub(sum, k(-constant));
  return rangeOf(sum, known.ranges)[0] >= 0 ? at.add(sum, k(constant)) : at.add(k(constant), sum);
};

const simplifyExpr = (e: LExpr, known: Known): LExpr => {
  const { ranges } = known;
  if (e.kind === 'const' || e.kind === 'local') return e;
  if (e.kind === 'select') {
    const all = conjuncts(e.cond).map((c) => ({ c, decided: decide(c, ranges) }));
    if (all.some((x) => x.decided === false)) return simplifyExpr(e.b, known);
    const cond = conjunction(all.flatMap((x) => (x.decided ? [] : [x.c])));
    if (!cond) return simplifyExpr(e.a, known);
    return { ...e, cond: simplifyExpr(cond, known), a: simplifyExpr(e.a, known), b: simplifyExpr(e.b, known) };
  }
  if (e.type === 'index' && e.kind === 'binary' && (e.op === 'add' || e.op === 'sub' || e.op === 'mul')) {
    const { constant, terms } = linearOf(e);
    const [only] = terms;
    const isAtom = terms.length === 1 && constant === 0 && only!.coefficient === 1 && only!.atom === e;
    return isAtom ? mapChildren(e, (c) => simplifyExpr(c, known)) : ordered(e, known);
  }
  const made = mapChildren(e, (c) => simplifyExpr(c, known));
  if (made.kind !== 'binary' || made.a.type !== 'index') return made;
  if (made.type !== 'index') return made;
  const [a, b] = [rangeOf(made.a, ranges), rangeOf(made.b, ranges)];
  if (made.op === 'min') return a[1] <= b[0] ? made.a : b[1] <= a[0] ? made.b : made;
  if (made.op === 'max') return a[0] >= b[1] ? made.a : b[0] >= a[1] ? made.b : made;
  if (made.op !== 'floordiv' && made.op !== 'floormod') return made;
  if (!(a[0] >= 0 && b[0] > 0 && b[0] === b[1])) return made;
  if (a[1] < b[0]) return made.op === 'floormod' ? made.a : k(0);
  // Beyond 31 bits a number is not a machine integer in every language.
  return a[1] < 2 ** 31 && b[0] < 2 ** 31 ? { ...made, op: made.op === 'floordiv' ? 'div' : 'rem' } : made;
};

const inside = (stmts: readonly Sched[], outer: Known): Sched[] => {
  const [ranges, depths] = [new Map(outer.ranges), new Map(outer.depths)];
  const known: Known = { ranges, depths };
  const define = (name: string, range: Range): void => {
    ranges.set(name, range);
    depths.set(name, depths.size);
  };
  return stmts.flatMap((s): Sched[] => {
    if (s.kind === 'for') {
      const [from, to] = [simplifyExpr(s.from, known), simplifyExpr(s.to, known)];
      const range: Range = [rangeOf(from, ranges)[0], rangeOf(to, ranges)[1] - 1];
      const body: Known = { ranges: new Map([...ranges, [s.v.name, range]]), depths: new Map([...depths, [s.v.name, depths.size]]) };
      return [{ ...s, from, to, body: inside(s.body, body) }];
    }
    if (s.kind === 'if') {
      const decided = conjuncts(s.cond).map((c) => decide(c, ranges));
      if (decided.includes(false)) return inside(s.otherwise, known);
      if (decided.every((d) => d === true)) return inside(s.then, known);
      return [{ ...s, cond: simplifyExpr(s.cond, known), then: inside(s.then, known), otherwise: inside(s.otherwise, known) }];
    }
    const [made] = mapExpressions([s], (e) => simplifyExpr(e, known));
    if (made!.kind === 'let' && made!.local.type === 'index') define(made!.local.name, rangeOf(made!.value, ranges));
    return [made!];
  });
};

/**
 * A largest or smallest value starts from the first of its candidates, where that stands behind its
 * declaration: against the infinity that loses to everything, any candidate is the result, NaN too.
 */
const startedLate = (stmts: readonly Sched[]): Sched[] => {
  const out: Sched[] = [];
  for (const s of stmts) {
    if (s.kind === 'for') out.push({ ...s, body: startedLate(s.body) });
    else if (s.kind === 'if') out.push({ ...s, then: startedLate(s.then), otherwise: startedLate(s.otherwise) });
    else {
      const declared = s.kind === 'set' ? out.at(-1) : undefined;
      const term =
        s.kind === 'set' && declared?.kind === 'var' && declared.local.name === s.local.name ? firstTerm(s.value, declared) : undefined;
      if (term) out.splice(-1, 1, { ...(declared as Extract<Sched, { kind: 'var' }>), value: term });
      else out.push(s);
    }
  }
  return out;
};

/** What a variable becomes by its first step, if what it was declared with has no part in that. */
const firstTerm = (e: LExpr, { local, value }: Extract<Sched, { kind: 'var' }>): LExpr | undefined => {
  if (e.kind !== 'binary' || e.a.kind !== 'local' || e.a.name !== local.name || value?.kind !== 'const') return undefined;
  const loses = e.op === 'max' ? value.value === -Infinity : e.op === 'min' && value.value === Infinity;
  return loses && !mentions(e.b, new Set([local.name])) ? e.b : undefined;
};

export const simplify = (stmts: readonly Sched[]): Sched[] => startedLate(inside(stmts, { ranges: new Map(), depths: new Map() }));
