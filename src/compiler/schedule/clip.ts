/**
 * Guards of padded windows become loop bounds. Where a term of a reduction is replaced by the
 * reduction's identity outside of some bounds on a counter, the loop over that counter visits only
 * what is inside. Loops over output positions are split first where that makes all bounds on them
 * hold throughout: the inside of an image then has no guards along that axis.
 */
import type { LExpr } from '../loops.ts';
import { at, constantOf, instantiate, k, type For, type Sched } from './ir.ts';
import { coefficientOf, mentions, without } from './linear.ts';
import { conjunction, conjuncts, slackOf } from './guards.ts';
import { decide, rangeOf, type Range, type Ranges } from './ranges.ts';

/** Whether an expression is what a reduction starts from. */
const isIdentity = (e: LExpr, op: string): boolean => {
  if (e.kind !== 'const') return false;
  if (op === 'add') return Number(e.value) === 0;
  if (op === 'mul') return Number(e.value) === 1;
  return op === 'max' ? e.value === -Infinity : op === 'min' ? e.value === Infinity : false;
};

/** A reduction's step as a guarded term: sum of `a` where `cond` holds. A product with a guarded 0 is a guarded product. */
const guardedTerm = (term: LExpr, op: string): { cond: LExpr; a: LExpr; b: LExpr } | undefined => {
  if (term.kind === 'select' && isIdentity(term.b, op)) return term;
  if (op !== 'add' || term.kind !== 'binary' || term.op !== 'mul') return undefined;
  const [x, y] = [guardedTerm(term.a, op), guardedTerm(term.b, op)];
  if (x && !y) return { cond: x.cond, a: { ...term, a: x.a }, b: x.b };
  if (y && !x) return { cond: y.cond, a: { ...term, b: y.a }, b: y.b };
  return undefined;
};

const simplified = (cond: LExpr, ranges: Ranges): LExpr[] => conjuncts(cond).filter((c) => decide(c, ranges) !== true);

/** Bounds on counters of the loops being entered, found further inside. */
type Bounds = Map<string, { from: LExpr[]; to: LExpr[] }>;

const ceilDiv = (e: LExpr, n: number): LExpr => at.div(at.add(e, k(n - 1)), n);

/** Turns a condition into a bound on one of the counters of the reduction, if it is about exactly one. */
const bind = (cond: LExpr, counters: readonly string[], bounds: Bounds): boolean => {
  const slack = slackOf(cond);
  if (!slack) return false;
  const found = counters.flatMap((v) => {
    const c = coefficientOf(slack, v);
    return c === 0 ? [] : [{ v, c }];
  });
  const [only] = found;
  if (found.length !== 1 || only?.c === undefined) return false;
  const rest = without(slack, only.v);
  const b = bounds.get(only.v) ?? { from: [], to: [] };
  // c·v + rest ≥ 0
  if (only.c > 0) b.from.push(ceilDiv(at.sub(k(0), rest), only.c));
  else b.to.push(at.add(at.div(rest, -only.c), k(1)));
  bounds.set(only.v, b);
  return true;
};

/** The body of a reduction without the guards that bounds can say. */
const unguard = (s: Sched, counters: readonly string[], ranges: Ranges, bounds: Bounds): Sched => {
  if (s.kind === 'for' && !s.parallel) {
    const range: Range = [rangeOf(s.from, ranges)[0], rangeOf(s.to, ranges)[1] - 1];
    const inner = new Map([...ranges, [s.v.name, range] as const]);
    const body = s.body.length === 1 ? [unguard(s.body[0]!, [...counters, s.v.name], inner, bounds)] : s.body;
    const own = bounds.get(s.v.name);
    // A bound may use only what is known where the loop starts.
    if (!own) return { ...s, body };
    return { ...s, body, from: own.from.reduce(at.max, s.from), to: own.to.reduce(at.min, s.to) };
  }
  if (s.kind !== 'set' || s.value.kind !== 'binary' || s.value.a.kind !== 'local' || s.value.a.name !== s.local.name) return s;
  const term = guardedTerm(s.value.b, s.value.op);
  if (!term) return s;
  const rest = simplified(term.cond, ranges).filter((c) => !bind(c, counters, bounds));
  const cond = conjunction(rest);
  const b: LExpr = cond ? { kind: 'select', type: term.a.type, cond, a: term.a, b: term.b } : term.a;
  return { ...s, value: { ...s.value, b } };
};

/** Reductions of a body with guards turned into bounds. */
export const clipReductions = (stmts: readonly Sched[], ranges: Ranges): Sched[] =>
  stmts.map((s): Sched => {
    if (s.kind === 'if') return { ...s, then: clipReductions(s.then, ranges), otherwise: clipReductions(s.otherwise, ranges) };
    if (s.kind !== 'for') return s;
    if (!s.parallel) return unguard(s, [], ranges, new Map());
    const range: Range = [rangeOf(s.from, ranges)[0], rangeOf(s.to, ranges)[1] - 1];
    return { ...s, body: clipReductions(s.body, new Map([...ranges, [s.v.name, range]])) };
  });

/** Conditions anywhere in a body. */
const conditions = (stmts: readonly Sched[]): LExpr[] => {
  const found: LExpr[] = [];
  const visit = (e: LExpr): void => {
    if (e.kind === 'select') found.push(...conjuncts(e.cond));
    switch (e.kind) {
      case 'const':
      case 'local':
        return;
      case 'read':
        return visit(e.at);
      case 'unary':
      case 'cast':
      case 'bitcast':
        return visit(e.x);
      case 'binary':
        visit(e.a);
        visit(e.b);
        return;
      case 'select':
        visit(e.cond);
        visit(e.a);
        visit(e.b);
    }
  };
  const walk = (list: readonly Sched[]): void => {
    for (const s of list) {
      if (s.kind === 'for') walk(s.body);
      else if (s.kind === 'if') {
        found.push(...conjuncts(s.cond));
        walk(s.then);
        walk(s.otherwise);
      } else if (s.kind === 'store' || s.kind === 'let' || s.kind === 'set') visit(s.value);
      else if (s.kind === 'var' && s.value) visit(s.value);
    }
  };
  walk(stmts);
  return found;
};

/** Ranges of every counter inside a statement. */
const innerRanges = (s: Sched, ranges: Ranges): Map<string, Range> => {
  const all = new Map(ranges);
  const walk = (x: Sched): void => {
    if (x.kind === 'if') [...x.then, ...x.otherwise].forEach(walk);
    if (x.kind !== 'for') return;
    all.set(x.v.name, [rangeOf(x.from, all)[0], rangeOf(x.to, all)[1] - 1]);
    x.body.forEach(walk);
  };
  walk(s);
  return all;
};

/** A loop as several: where some condition on its counter may fail, and where all of them are sure to hold. */
export const splitInterior = (s: For, ranges: Ranges): Sched[] => {
  const extent = constantOf(s.to);
  if (extent === undefined || constantOf(s.from) !== 0) return [s];
  const all = innerRanges(s, ranges);
  const own = new Set([s.v.name]);
  let [lo, hi] = [0, extent];
  for (const cond of conditions(s.body)) {
    const slack = slackOf(cond);
    if (!slack || !mentions(slack, own)) continue;
    const c = coefficientOf(slack, s.v.name);
    if (c === undefined || c === 0) continue;
    const [least] = rangeOf(without(slack, s.v.name), all);
    if (!Number.isFinite(least)) continue;
    if (c > 0) lo = Math.max(lo, Math.ceil(-least / c));
    else hi = Math.min(hi, Math.floor(least / -c) + 1);
  }
  if ((lo === 0 && hi === extent) || lo >= hi) return [s];
  const part = (from: number, to: number): Sched[] => (from < to ? instantiate([{ ...s, from: k(from), to: k(to) }], new Map()) : []);
  return [...part(0, lo), ...part(lo, hi), ...part(hi, extent)];
};

/** Loops without those that run once: what a border of one row or column reads is then known where it is written. */
export const withoutSingles = (stmts: readonly Sched[]): Sched[] =>
  stmts.flatMap((s): Sched[] => {
    if (s.kind === 'if') return [{ ...s, then: withoutSingles(s.then), otherwise: withoutSingles(s.otherwise) }];
    if (s.kind !== 'for') return [s];
    const [from, to] = [constantOf(s.from), constantOf(s.to)];
    const body = withoutSingles(s.body);
    return from !== undefined && to === from + 1 ? instantiate(body, new Map([[s.v.name, k(from)]])) : [{ ...s, body }];
  });
