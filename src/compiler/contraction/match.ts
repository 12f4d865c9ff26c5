/**
 * Finds contractions among loop nests: parallel loops around one sum of products and one store.
 * It works on loops rather than on tensor expressions, so whatever lowering inlined (transposes,
 * casts, padding before; scales, biases, activations after) is already in place.
 */
import type { LExpr, Local, Stmt } from '../loops.ts';
import { guardsOf, isZero, localsOf } from './factor.ts';
import { purify, substitute, type Meanings } from './purify.ts';
import { type Axis, type Contraction } from './types.ts';

type For = Extract<Stmt, { kind: 'for' }>;

/** Perfectly nested loops from `s` inwards, and what stands inside of them. */
const nestOf = (s: For): { axes: Axis[]; body: readonly Stmt[] } => {
  const axes: Axis[] = [{ v: s.v, extent: s.extent }];
  let body = s.body;
  for (let only = body[0]; body.length === 1 && only?.kind === 'for' && only.parallel === s.parallel; only = body[0]) {
    axes.push({ v: only.v, extent: only.extent });
    body = only.body;
  }
  return { axes, body };
};

const holdsLoop = (stmts: readonly Stmt[]): boolean =>
  stmts.some((s) => s.kind === 'for' || s.kind === 'call' || (s.kind === 'if' && (holdsLoop(s.then) || holdsLoop(s.otherwise))));

/** Factors of a product; a condition around it is put around each factor, as far as it matters there. */
const factorsOf = (e: LExpr): LExpr[] => {
  if (e.kind === 'binary' && e.op === 'mul') return [...factorsOf(e.a), ...factorsOf(e.b)];
  if (e.kind === 'select' && isZero(e.b) && guardsOf(e.cond)) {
    const inner = factorsOf(e.a);
    return inner.length < 2 ? [e] : inner.map((f): LExpr => guarded(e.cond, f, e.b));
  }
  return [e];
};

/** Parts of a condition, all of which must hold. */
export const conjuncts = (e: LExpr): LExpr[] => (e.kind === 'binary' && e.op === 'and' ? [...conjuncts(e.a), ...conjuncts(e.b)] : [e]);

/** `f` where those parts of the condition hold that depend on nothing `f` does not depend on. */
const guarded = (cond: LExpr, f: LExpr, zero: LExpr): LExpr => {
  const known = localsOf(f);
  const own = conjuncts(cond).filter((c) => [...localsOf(c)].every((name) => known.has(name)));
  if (own.length === 0) return f;
  const all = own.reduce((a, b): LExpr => ({ kind: 'binary', type: 'bool', op: 'and', a, b }));
  return { kind: 'select', type: f.type, cond: all, a: f, b: zero };
};

/** Whether every part of the condition ended up around some factor: else guarding factors apart would change the sum. */
const coversCondition = (e: LExpr, factors: readonly LExpr[]): boolean => {
  if (e.kind !== 'select' || !isZero(e.b)) return true;
  const known = factors.map((f) => localsOf(f));
  return conjuncts(e.cond).every((c) => known.some((k) => [...localsOf(c)].every((name) => k.has(name))));
};

const product = (factors: readonly LExpr[]): LExpr => factors.reduce((a, b): LExpr => ({ kind: 'binary', type: a.type, op: 'mul', a, b }));

/** Splits factors in two so that as many axes as possible move only one side. */
const split = (factors: readonly LExpr[], axes: readonly Axis[]): [LExpr, LExpr] | undefined => {
  const uses = factors.map((f) => localsOf(f));
  let best: { score: number; parts: [LExpr, LExpr] } | undefined;
  for (let mask = 1; mask < 1 << (factors.length - 1); mask++) {
    const side = (i: number): boolean => ((mask >> i) & 1) === 1;
    const moves = (axis: Axis, which: boolean): boolean => uses.some((u, i) => side(i) === which && u.has(axis.v.name));
    const score = axes.reduce((s, a) => (moves(a, true) !== moves(a, false) ? s * a.extent : s), 1);
    if (!best || score > best.score)
      best = { score, parts: [product(factors.filter((_, i) => !side(i))), product(factors.filter((_, i) => side(i)))] };
  }
  return best?.parts;
};

/** A loop nest with one reduction in it: `acc` starts as `start`, becomes `step` for each point of `reduce`, and is finished. */
export interface ReductionNest {
  readonly axes: readonly Axis[];
  readonly reduce: readonly Axis[];
  readonly acc: Local;
  readonly start: LExpr;
  /** The next value of `acc`, without names for parts of it. */
  readonly step: LExpr;
  /** Run once per output element; ends in its store. */
  readonly finish: readonly Stmt[];
}

/** Reads a statement as a reduction nest, if it is one. */
export const matchReduction = (s: Stmt): ReductionNest | undefined => {
  if (s.kind !== 'for' || !s.parallel) return undefined;
  const { axes, body } = nestOf(s);
  const at = body.findIndex((b) => b.kind === 'for');
  const [start, loop] = [body[at - 1], body[at]];
  if (loop?.kind !== 'for' || loop.parallel || start?.kind !== 'var' || !start.value) return undefined;
  const [before, after] = [body.slice(0, at - 1), body.slice(at + 1)];
  if (holdsLoop(before) || holdsLoop(after)) return undefined;
  if (after.at(-1)?.kind !== 'store' || after.slice(0, -1).some((f) => f.kind === 'store')) return undefined;
  const inner = nestOf(loop);
  const step = inner.body.at(-1);
  if (step?.kind !== 'set' || step.local.name !== start.local.name) return undefined;
  const meanings: Meanings = new Map();
  if (!purify(before, meanings) || !purify(inner.body.slice(0, -1), meanings)) return undefined;
  // An empty axis leaves nothing to do, or nothing to add up: loops say that best.
  if ([...axes, ...inner.axes].some((a) => a.extent === 0)) return undefined;
  return {
    axes,
    reduce: inner.axes,
    acc: start.local,
    start: start.value,
    step: substitute(step.value, meanings),
    finish: [...before, ...after],
  };
};

/** The contraction a reduction nest computes, if it computes one. */
export const contractionOf = ({ axes, reduce, acc, start, step, finish }: ReductionNest): Contraction | undefined => {
  const adds = step.kind === 'binary' && step.op === 'add' && step.a.kind === 'local' && step.a.name === acc.name;
  if (!adds || !isZero(start)) return undefined;
  const factors = factorsOf(step.b);
  if (factors.length < 2 || factors.length > 4 || !coversCondition(step.b, factors)) return undefined;
  const parts = split(factors, axes);
  if (!parts || parts.some((f) => localsOf(f).has(acc.name))) return undefined;
  return { axes, reduce, type: acc.type, a: parts[0], b: parts[1], sum: acc, finish };
};
