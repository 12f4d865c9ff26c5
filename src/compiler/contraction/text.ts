/** Pieces of C that the stages of a contraction share. */
import type { Local } from '../loops.ts';
import { advance, affineText, only, splitIndex } from './axes.ts';
import { coefficient, type Load } from './factor.ts';
import type { Axis, StageWriter } from './types.ts';

export const clipHelper = `/* Narrows [x0, x1) to where g + k x >= 0. */
INLINE void clip(i64 g, i64 k, i64* x0, i64* x1) {
  if (k > 0) { if (g < 0) *x0 = max_i64(*x0, (k - 1 - g) / k); }
  else if (g < 0) *x1 = 0;
  else if (k < 0) *x1 = min_i64(*x1, g / -k + 1);
}`;

/** Variables for the digits of axes. */
export const digits = (prefix: string, axes: readonly Axis[]): string[] => axes.map((_, i) => `${prefix}${i}`);

/** What a load's position and guards take from everything but the reduction and the axes of `skip` that are merged away. */
export const fixedPart = (
  w: StageWriter,
  load: Load,
  axes: readonly Axis[],
  names: readonly string[],
  skip: ReadonlySet<string>,
  pad: string,
): void => {
  const own = only(axes, names);
  const pick = (local: Local): string | undefined => own(local) ?? (skip.has(local.name) ? undefined : w.name(local));
  w.push(`${pad}const i64 at = ${affineText(w, load.at, pick)};`);
  load.guards.forEach((g, i) => w.push(`${pad}const i64 g${i} = ${affineText(w, g, pick)};`));
};

/** A guard with its reduction part added. */
export const guardText = (w: StageWriter, load: Load, i: number, axes: readonly Axis[], names: readonly string[]): string => {
  const moving = affineText(w, load.guards[i]!, only(axes, names), false);
  return moving === '0' ? `g${i}` : `g${i} + ${moving}`;
};

/** Loops over axes around what `body` writes. */
export const loops = (w: StageWriter, axes: readonly Axis[], names: readonly string[], pad: string, body: (pad: string) => void): void => {
  let inner = pad;
  axes.forEach((a, i) => {
    w.push(`${inner}for (i64 ${names[i]!} = 0; ${names[i]!} < ${w.param(a.extent)}; ${names[i]!}++) {`);
    inner += '  ';
  });
  body(inner);
  axes.forEach(() => w.push(`${(inner = inner.slice(2))}}`));
};

/**
 * Visits `count` flat indices from `from`: in runs of the innermost axis, so that the loop `body`
 * stands in counts one variable. `body` gets the position in [0, count).
 * @param fixed a number of indices that gets a loop of its own, for the compiler to unroll.
 */
export const eachIndex = (
  w: StageWriter,
  axes: readonly Axis[],
  from: string,
  count: string,
  fixed: number | undefined,
  tag: string,
  pad: string,
  body: (at: string, pad: string) => void,
): void => {
  const x = `${tag}x`;
  const innermost = axes.at(-1);
  const loop = (limit: string, start: string, at: string, p: string): void => {
    w.push(`${p}for (i64 ${x} = 0; ${x} < ${limit}; ${x}++) {`);
    if (innermost) w.push(`${p}  const i64 ${w.name(innermost.v)} = ${start} + ${x};`);
    body(at, `${p}  `);
    w.push(`${p}}`);
  };
  if (axes.length <= 1) {
    if (fixed === undefined) return loop(count, from, x, pad);
    w.push(`${pad}if (${count} == ${fixed}) {`);
    loop(String(fixed), from, x, `${pad}  `);
    w.push(`${pad}} else {`);
    loop(count, from, x, `${pad}  `);
    w.push(`${pad}}`);
    return;
  }
  const outer = axes.slice(0, -1).map((a) => w.name(a.v));
  const last = `${tag}d`;
  w.push(`${pad}{`);
  splitIndex(w, from, axes, [...outer, last], `${pad}  `);
  w.push(`${pad}  for (i64 ${tag}j = 0; ${tag}j < ${count}; ) {`);
  w.push(`${pad}    const i64 ${tag}n = min_i64(${w.param(innermost!.extent)} - ${last}, ${count} - ${tag}j);`);
  loop(`${tag}n`, last, `${tag}j + ${x}`, `${pad}    `);
  w.push(`${pad}    ${tag}j += ${tag}n; ${advance(w, axes, [...outer, last], `${tag}n`)}`);
  w.push(`${pad}  }`);
  w.push(`${pad}}`);
};

export const guardsWith = (load: Load, axis: Axis): number[] => load.guards.flatMap((g, i) => (coefficient(g, axis) === 0 ? [] : [i]));
