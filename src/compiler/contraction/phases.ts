/**
 * Sums whose number of steps depends on where the result stands. With stride s a transposed convolution takes window
 * points r, r + s, … at the r-th place of each stride, and a window whose length is no multiple of s has one point more
 * for the first places than for the others. Such a nest is cut into one for each set of places that take as many
 * points. Each is dense: nothing is multiplied for points there are none of, which would be work, and would make NaN
 * of a zero in place of the weight where the image holds an infinity.
 */
import { affineOf, type Affine } from '../affine.ts';
import { mapExpressions } from '../flatten.ts';
import { ix, mapChildren, type LExpr, type Stmt } from '../loops.ts';
import { coefficient, guardsOf } from './factor.ts';
import { conjuncts, contractionOf, matchReduction, type ReductionNest } from './match.ts';
import { substitute } from './purify.ts';
import type { Axis } from './types.ts';

interface Phases {
  /** The output axis that counts places, and the reduction axis that counts points: any, if there is one point or none. */
  readonly place: Axis;
  readonly point: Axis;
  /** Where this is ≥ 0 there is a point. */
  readonly guard: Affine;
}

/** Places [from, to) of an axis, all of which take the points [first, end). */
interface Group {
  readonly from: number;
  readonly to: number;
  readonly first: number;
  readonly end: number;
}

const conditionsOf = (e: LExpr, out: LExpr[] = []): LExpr[] => {
  if (e.kind === 'select') out.push(...conjuncts(e.cond));
  mapChildren(e, (c) => {
    conditionsOf(c, out);
    return c;
  });
  return out;
};

/** More places than a stride may have: what a guard tells apart there is inside and outside of an image. */
const MOST_PLACES = 8;

/** A guard under which all places of an axis together reach no further than one step of a reduction does. */
const phasesOf = ({ axes, reduce, step }: ReductionNest): Phases | undefined => {
  for (const cond of conditionsOf(step)) {
    const guard = guardsOf(cond)?.[0];
    const place = guard && axes.find((a) => guard.terms.has(a.v.name));
    const point = guard && reduce.find((a) => guard.terms.has(a.v.name));
    if (!place || guard.terms.size !== (point ? 2 : 1)) continue;
    const reach = Math.abs(coefficient(guard, place)) * (place.extent - 1);
    if (point ? reach < Math.abs(coefficient(guard, point)) : place.extent <= MOST_PLACES)
      return { place, point: point ?? reduce[0]!, guard };
  }
  return undefined;
};

const groupsOf = ({ place, point, guard }: Phases): Group[] => {
  const groups: Group[] = [];
  const step = coefficient(guard, point);
  for (let r = 0; r < place.extent; r++) {
    const here = guard.constant + coefficient(guard, place) * r;
    // here + step · j ≥ 0
    const first = step > 0 ? Math.max(0, Math.ceil(-here / step)) : 0;
    const all = step === 0 ? here >= 0 : step > 0 || here >= -step * (point.extent - 1);
    const end = all ? point.extent : step === 0 ? 0 : Math.max(0, Math.floor(here / -step) + 1);
    const last = groups.at(-1);
    if (last && last.first === first && last.end === end) groups[groups.length - 1] = { ...last, to: r + 1 };
    else groups.push({ from: r, to: r + 1, first, end });
  }
  return groups;
};

/** An axis as `count` of its values from `from` on, and what its counter then stands for; no axis for a single value. */
const narrowed = (axes: readonly Axis[], axis: Axis, from: number, count: number): { axes: readonly Axis[]; meaning: LExpr } => {
  if (count === 1 && axes.length > 1) return { axes: axes.filter((a) => a !== axis), meaning: ix.k(from) };
  return { axes: axes.map((a) => (a === axis ? { ...a, extent: count } : a)), meaning: ix.add(axis.v, ix.k(from)) };
};

/** Whether a condition holds for all values of some counters. */
const alwaysHolds = (cond: LExpr, axes: readonly Axis[]): boolean => {
  const extents = new Map(axes.map((a) => [a.v.name, a.extent]));
  return (
    guardsOf(cond)?.every((g) => {
      const least = [...g.terms].reduce(
        (s, [name, t]) => s + Math.min(0, t.coefficient * ((extents.get(name) ?? Infinity) - 1)),
        g.constant,
      );
      return least >= 0;
    }) ?? false
  );
};

/** An expression without the conditions that always hold. */
const simplified = (e: LExpr, axes: readonly Axis[]): LExpr => {
  const inner = mapChildren(e, (c) => simplified(c, axes));
  if (inner.kind !== 'select') return inner;
  const open = conjuncts(inner.cond).filter((c) => !alwaysHolds(c, axes));
  if (open.length === 0) return inner.a;
  return { ...inner, cond: open.reduce((a, b): LExpr => ({ kind: 'binary', type: 'bool', op: 'and', a, b })) };
};

const pieceOf = (nest: ReductionNest, { place, point }: Phases, { from, to, first, end }: Group): ReductionNest => {
  const [outer, inner] = [narrowed(nest.axes, place, from, to - from), narrowed(nest.reduce, point, first, Math.max(0, end - first))];
  const meanings = new Map([
    [place.v.name, outer.meaning],
    [point.v.name, inner.meaning],
  ]);
  return {
    ...nest,
    axes: outer.axes,
    reduce: inner.axes,
    step: simplified(tidy(substitute(nest.step, meanings)), [...outer.axes, ...inner.axes]),
    finish: mapExpressions(nest.finish, (e) => tidy(substitute(e, meanings))),
  };
};

/** Index arithmetic on constants done. */
const tidy = (e: LExpr): LExpr => {
  const known = affineOf(e);
  return known?.terms.size === 0 ? ix.k(known.constant) : mapChildren(e, tidy);
};

const nested = (axes: readonly Axis[], parallel: boolean, body: readonly Stmt[]): readonly Stmt[] =>
  axes.reduceRight<readonly Stmt[]>((inner, { v, extent }) => [{ kind: 'for', v, extent, parallel, body: inner }], body);

const statementsOf = ({ axes, reduce, acc, start, step, finish }: ReductionNest): readonly Stmt[] => {
  const sum = reduce.some((a) => a.extent === 0) ? [] : nested(reduce, false, [{ kind: 'set', local: acc, value: step }]);
  return nested(axes, true, [{ kind: 'var', local: acc, value: start }, ...sum, ...finish]);
};

/** Pieces of a nest, from the outermost phases inwards. */
const piecesOf = (nest: ReductionNest, phases: Phases): readonly Stmt[] =>
  groupsOf(phases).flatMap((g) => {
    const piece = pieceOf(nest, phases, g);
    const more = g.first < g.end ? phasesOf(piece) : undefined;
    return more ? piecesOf(piece, more) : statementsOf(piece);
  });

/** Statements with sums of products cut into one for each set of output places that take the same points. */
export const splitPhases = (stmts: readonly Stmt[]): Stmt[] =>
  stmts.flatMap((s): readonly Stmt[] => {
    if (s.kind !== 'for' || s.fixed) return [s];
    if (!s.parallel) return [{ ...s, body: splitPhases(s.body) }];
    const nest = matchReduction(s);
    const phases = nest && contractionOf(nest) && phasesOf(nest);
    return phases ? piecesOf(nest, phases) : [s];
  });
