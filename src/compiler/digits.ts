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
    // Position within the group, then its digits.
    let position: LExpr = ix.k(0);
    for (let d = i0; d < i && d < from.length; d++) position = ix.add(ix.mul(position, from[d]!), at[d]!);
    let stride = b;
    for (let d = j0; d < j && d < to.length; d++) {
      stride = stride === 0 ? 0 : stride / to[d]!;
      const q = ix.floordiv(position, stride || 1);
      out.push(to[d] === 1 ? ix.k(0) : d === j0 ? q : ix.floormod(q, to[d] || 1));
    }
  }
  return out;
};
