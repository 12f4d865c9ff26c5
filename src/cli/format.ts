/** Numbers and tables for people. */
import { sizeOf, Tensor, describeValue, type Value } from '../core/tensor.ts';
import { dtypeInfo } from '../core/dtype.ts';
import type { Io } from './io.ts';
import { firstValues } from './json.ts';

/** 1536 → `1.5 KiB`. */
export const bytes = (n: number): string => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  for (; n >= 1024 && unit < units.length - 1; unit++) n /= 1024;
  return `${unit === 0 ? n : n.toFixed(1)} ${units[unit]!}`;
};

/** Milliseconds with three meaningful digits: `0.213 ms`, `41.2 ms`, `3.41 s`. */
export const duration = (ms: number): string => (ms < 1000 ? `${Number(ms.toPrecision(3))} ms` : `${Number((ms / 1000).toPrecision(3))} s`);

const SMALL = 1e-4;

/** A number with six meaningful digits, anything else as it is. */
export const short = (v: unknown): string => {
  if (typeof v === 'number') {
    if (!Number.isFinite(v) || Number.isInteger(v)) return String(v);
    return Math.abs(v) < SMALL ? v.toExponential(5).replace(/\.?0+e/, 'e') : String(Number(v.toPrecision(6)));
  }
  if (Array.isArray(v)) return `(${v.map(short).join(', ')})`;
  return typeof v === 'string' ? JSON.stringify(v) : String(v);
};

/** `1 node`, `2 nodes`. */
export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;

/** Rows under a heading, columns as wide as their widest cell; the last one takes what is left. */
export const table = (io: Io, heading: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = heading.map((h, i) => Math.max(h.length, ...rows.map((r) => (r[i] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((c, i) => (i === heading.length - 1 ? c : c.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  return `${[io.paint.dim(line(heading)), ...rows.map(line)].join('\n')}\n`;
};

/** What a tensor's elements look like as a whole; undefined where they are no numbers, or there are none. */
export interface Stats {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly nan: number;
  readonly inf: number;
}

export const statsOf = (t: Tensor): Stats | undefined => {
  const { kind } = dtypeInfo(t.dtype);
  if (kind === 'string' || kind === 'complex' || t.size === 0) return undefined;
  let [min, max, sum, nan, inf] = [Infinity, -Infinity, 0, 0, 0];
  for (const v of t.toNumbers()) {
    if (v !== v) nan++;
    else {
      if (v < min) min = v;
      if (v > max) max = v;
      if (Number.isFinite(v)) sum += v;
      else inf++;
    }
  }
  const finite = t.size - nan - inf;
  return { min: nan === t.size ? NaN : min, max: nan === t.size ? NaN : max, mean: finite > 0 ? sum / finite : NaN, nan, inf };
};

const FIRST = 6;

/** A value on one line: type, range, first elements. */
export const summary = (value: Value): string => {
  if (!(value instanceof Tensor)) return describeValue(value);
  const stats = statsOf(value);
  const range =
    stats && sizeOf(value.dims) > 1
      ? `  min ${short(stats.min)}  max ${short(stats.max)}  mean ${short(stats.mean)}${stats.nan > 0 ? `  NaN ${stats.nan}` : ''}${stats.inf > 0 ? `  Inf ${stats.inf}` : ''}`
      : '';
  const first = firstValues(value, FIRST).map(short).join(' ');
  return `${describeValue(value)}${range}  ${value.size > 1 ? 'first ' : ''}${first}${value.size > FIRST ? ' …' : ''}`;
};
