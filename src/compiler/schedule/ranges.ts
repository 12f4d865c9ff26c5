/** Bounds of index expressions: interval arithmetic over loop counters whose extents are known. */
import type { LExpr } from '../loops.ts';

export type Range = readonly [number, number];
/** Ranges of locals by name; what is not in it may have any value. */
export type Ranges = ReadonlyMap<string, Range>;

const everything: Range = [-Infinity, Infinity];
const times = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b);

export const rangeOf = (e: LExpr, ranges: Ranges): Range => {
  if (e.type !== 'index') return everything;
  if (e.kind === 'const') return [Number(e.value), Number(e.value)];
  if (e.kind === 'local') return ranges.get(e.name) ?? everything;
  if (e.kind === 'select') {
    const [a, b] = [rangeOf(e.a, ranges), rangeOf(e.b, ranges)];
    return [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
  }
  if (e.kind !== 'binary') return everything;
  const [a, b] = [rangeOf(e.a, ranges), rangeOf(e.b, ranges)];
  switch (e.op) {
    case 'add':
      return [a[0] + b[0], a[1] + b[1]];
    case 'sub':
      return [a[0] - b[1], a[1] - b[0]];
    case 'mul': {
      const corners = [times(a[0], b[0]), times(a[0], b[1]), times(a[1], b[0]), times(a[1], b[1])];
      return [Math.min(...corners), Math.max(...corners)];
    }
    case 'min':
      return [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
    case 'max':
      return [Math.max(a[0], b[0]), Math.max(a[1], b[1])];
    case 'floordiv':
    case 'div':
      return b[0] > 0 && b[0] === b[1] && (e.op === 'floordiv' || a[0] >= 0)
        ? [Math.floor(a[0] / b[0]), Math.floor(a[1] / b[0])]
        : everything;
    case 'floormod':
    case 'rem':
      if (!(b[0] > 0) || (e.op === 'rem' && a[0] < 0)) return everything;
      return a[0] >= 0 && a[1] < b[0] ? a : [0, b[1] - 1];
    default:
      return everything;
  }
};

/** Whether a comparison of index expressions is decided by ranges alone. */
export const decide = (e: LExpr, ranges: Ranges): boolean | undefined => {
  if (e.kind !== 'binary' || e.a.type !== 'index') return undefined;
  const [a, b] = [rangeOf(e.a, ranges), rangeOf(e.b, ranges)];
  switch (e.op) {
    case 'lt':
      return a[1] < b[0] ? true : a[0] >= b[1] ? false : undefined;
    case 'le':
      return a[1] <= b[0] ? true : a[0] > b[1] ? false : undefined;
    case 'ge':
      return a[0] >= b[1] ? true : a[1] < b[0] ? false : undefined;
    case 'gt':
      return a[0] > b[1] ? true : a[1] <= b[0] ? false : undefined;
    default:
      return undefined;
  }
};
