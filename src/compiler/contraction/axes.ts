/**
 * Index spaces: which axes can be counted as one because every position moves through them as
 * through one, and C text that takes a flat index apart.
 */
import type { Affine } from '../affine.ts';
import { mergeLoops } from '../flatten.ts';
import type { Local, Stmt } from '../loops.ts';
import { coefficient } from './factor.ts';
import type { Axis, StageWriter } from './types.ts';

/** Neighbouring axes as one, where all of the given forms allow it. The counter of a merged axis is its innermost axis'. */
export const mergeAxes = (axes: readonly Axis[], forms: readonly Affine[]): Axis[] => {
  const merged: Axis[] = [];
  for (const axis of axes) {
    const outer = merged.at(-1);
    if (outer && forms.every((f) => coefficient(f, outer) === coefficient(f, axis) * axis.extent))
      merged[merged.length - 1] = { v: axis.v, extent: outer.extent * axis.extent };
    else merged.push(axis);
  }
  return merged;
};

/** Merges axes inside of statements: their counters are replaced by those of the axes returned. */
export const mergeInside = (axes: readonly Axis[], stmts: readonly Stmt[]): { axes: readonly Axis[]; stmts: readonly Stmt[] } => {
  let body = stmts;
  const merged: Axis[] = [];
  for (const axis of axes) {
    const outer = merged.at(-1);
    const loop = outer && mergeLoops({ kind: 'for', ...outer, parallel: true, body: [] }, { kind: 'for', ...axis, parallel: true, body });
    if (loop) {
      merged[merged.length - 1] = { v: loop.v, extent: loop.extent };
      body = loop.body;
    } else merged.push(axis);
  }
  return { axes: merged, stmts: body };
};

/** Declares the digits of a flat index, outermost first, as variables of the given names. */
export const splitIndex = (w: StageWriter, flat: string, axes: readonly Axis[], names: readonly string[], pad: string): void => {
  if (axes.length === 0) return;
  if (axes.length === 1) return w.push(`${pad}i64 ${names[0]!} = ${flat};`);
  const extents = axes.map((a) => w.param(a.extent));
  w.push(`${pad}i64 rest = ${flat};`);
  for (let d = axes.length - 1; d > 0; d--) w.push(`${pad}i64 ${names[d]!} = rest % ${extents[d]!}; rest /= ${extents[d]!};`);
  w.push(`${pad}i64 ${names[0]!} = rest;`);
};

/** Moves digits on by `by` in the innermost axis, carrying at most once: `by` must not pass its end. */
export const advance = (w: StageWriter, axes: readonly Axis[], names: readonly string[], by: string): string => {
  let carry = '';
  for (let d = 1; d < axes.length; d++)
    carry = `if (${names[d]!} == ${w.param(axes[d]!.extent)}) { ${names[d]!} = 0; ${names[d - 1]!}++; ${carry} }`;
  const innermost = names.at(-1);
  return innermost ? `${innermost} += ${by}; ${carry}` : '';
};

/** An affine form as text. `pick` gives the variable of a local; terms it gives none for are left out. */
export const affineText = (w: StageWriter, form: Affine, pick: (local: Local) => string | undefined, constant = true): string => {
  const terms = [...form.terms.values()].flatMap(({ local, coefficient: k }) => {
    const text = pick(local);
    return text === undefined ? [] : [k === 1 ? text : `${text} * ${w.param(k)}`];
  });
  if (constant && form.constant !== 0) terms.push(w.param(form.constant));
  return terms.join(' + ') || '0';
};

/** Picks the variables of some axes, and nothing else. */
export const only =
  (axes: readonly Axis[], names: readonly string[]) =>
  (local: Local): string | undefined => {
    const i = axes.findIndex((a) => a.v.name === local.name);
    return i < 0 ? undefined : names[i];
  };
