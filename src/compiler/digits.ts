/**
 * Indices under another grouping of axes: where one axis stands for several of the other shape, its
 * index is divided into theirs; where several stand for one, they are put together. And back: digits
 * of one index that lie next to each other in memory are that index again.
 */
import { ix, type LExpr } from './loops.ts';

/** Part of a position: an index times a stride. */
export interface Digit {
  readonly e: LExpr;
  readonly stride: number;
}

const isOp = (e: LExpr, op: 'floordiv' | 'floormod'): e is Extract<LExpr, { kind: 'binary' }> =>
  e.kind === 'binary' && e.type === 'index' && e.op === op;
const divisor = (e: Extract<LExpr, { kind: 'binary' }>): number | undefined => (e.b.kind === 'const' ? Number(e.b.value) : undefined);

/** high · n + low as one index, if that is what they are digits of. */
const joined = (high: LExpr, low: LExpr, n: number): LExpr | undefined => {
  if (!isOp(low, 'floormod') || divisor(low) !== n) return undefined;
  if (isOp(high, 'floordiv') && divisor(high) === n && high.a === low.a) return low.a;
  if (!isOp(high, 'floormod') || !isOp(high.a, 'floordiv') || divisor(high.a) !== n || high.a.a !== low.a) return undefined;
  return ix.floormod(low.a, n * divisor(high)!);
};

/** The same sum of digits, neighbours put together. */
export const joinDigits = (digits: readonly Digit[]): readonly Digit[] => {
  for (const [i, low] of digits.entries()) {
    for (const [j, high] of digits.entries()) {
      const n = high.stride / low.stride;
      const e = i === j || !Number.isInteger(n) || n < 2 ? undefined : joined(high.e, low.e, n);
      if (e) return joinDigits(digits.flatMap((d, k) => (k === i ? [{ e, stride: low.stride }] : k === j ? [] : [d])));
    }
  }
  return digits;
};

/** An axis, and the index on it. */
interface Place {
  readonly e: LExpr;
  readonly extent: number;
}

const positionIn = (places: readonly Place[]): LExpr =>
  places.reduce((position, { e, extent }) => ix.add(ix.mul(position, extent), e), ix.k(0));

/** Splits axes before the longest run at their end that has a number of elements that divides `n`. */
const cut = (places: readonly Place[], n: number): { high: readonly Place[]; low: readonly Place[]; size: number } => {
  let [at, size] = [places.length, 1];
  for (let next = at - 1, product = 1; next >= 0; next--) {
    product *= places[next]!.extent;
    if (product > n) break;
    if (product > 0 && n % product === 0) [at, size] = [next, product];
  }
  return { high: places.slice(0, at), low: places.slice(at), size };
};

/**
 * ⌊position / stride⌋, and of that the rest modulo `extent`, if one is given; whole axes that make no difference
 * are left out, so that single indices are divided, not sums of them: a loop over such an index can be split.
 */
const digitOf = (places: readonly Place[], stride: number, extent: number | undefined): LExpr => {
  const { high, size } = cut(places, stride);
  const step = stride / size;
  if (extent === undefined) return ix.floordiv(positionIn(high), step);
  const { high: above, low, size: inner } = cut(high, step * extent);
  if (inner % step !== 0) return ix.floormod(ix.floordiv(positionIn(high), step), extent);
  const rest = ix.floormod(positionIn(above), (step * extent) / inner);
  return ix.add(ix.mul(rest, inner / step), ix.floordiv(positionIn(low), step));
};

/** The index in shape `to` of index `at` in shape `from`; undefined if their axes do not group. */
export const regroup = (at: readonly LExpr[], from: readonly number[], to: readonly number[]): LExpr[] | undefined => {
  const out: LExpr[] = [];
  let i = 0;
  let j = 0;
  while (i < from.length || j < to.length) {
    const [i0, j0] = [i, j];
    let [a, b] = [from[i++] ?? 1, to[j++] ?? 1];
    while (a !== b) {
      if (a < b && i < from.length) a *= from[i++]!;
      else if (b < a && j < to.length) b *= to[j++]!;
      else return undefined;
    }
    const group: Place[] = [];
    for (let d = i0; d < i && d < from.length; d++) group.push({ e: at[d]!, extent: from[d]! });
    let stride = b;
    for (let d = j0; d < j && d < to.length; d++) {
      stride = stride === 0 ? 0 : stride / to[d]!;
      out.push(to[d] === 1 ? ix.k(0) : digitOf(group, stride || 1, d === j0 ? undefined : to[d] || 1));
    }
  }
  return out;
};
