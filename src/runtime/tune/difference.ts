/** How far the results of two contenders are apart: the price of a faster one. */
import { MapValue, Sequence, Tensor, type Value } from '../../core/tensor.ts';

export interface Difference {
  /** Largest difference, as a part of the largest expected value of its output; Infinity where they are not comparable. */
  readonly relative: number;
  /** Cosine of the angle between results and expected results, the smallest over outputs; 1 for the same direction. */
  readonly cosine: number;
}

const floats = (t: Tensor): boolean => t.dtype.startsWith('float') || t.dtype === 'bfloat16';
const numbers = (t: Tensor): number[] => t.toValues().map(Number);

const none: Difference = { relative: 0, cosine: 1 };
const incomparable: Difference = { relative: Infinity, cosine: -1 };

const ofTensors = (got: Tensor, expected: Tensor): Difference => {
  if (got.dtype !== expected.dtype || got.dims.join() !== expected.dims.join()) return incomparable;
  if (!floats(expected)) return numbersDiffer(got, expected) ? incomparable : none;
  const [a, b] = [numbers(got), numbers(expected)];
  let [worst, scale, dot, aa, bb] = [0, 0, 0, 0, 0];
  for (let i = 0; i < b.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    if (Object.is(x, y)) {
      if (!Number.isFinite(x)) continue;
    } else if (!Number.isFinite(x) || !Number.isFinite(y)) return incomparable;
    worst = Math.max(worst, Math.abs(x - y));
    scale = Math.max(scale, Math.abs(y));
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return { relative: worst === 0 ? 0 : worst / scale, cosine: aa === 0 || bb === 0 ? (aa === bb ? 1 : 0) : dot / Math.sqrt(aa * bb) };
};

const numbersDiffer = (got: Tensor, expected: Tensor): boolean => {
  const [a, b] = [got.toValues(), expected.toValues()];
  return b.some((y, i) => a[i] !== y);
};

const worse = (a: Difference, b: Difference): Difference => ({
  relative: Math.max(a.relative, b.relative),
  cosine: Math.min(a.cosine, b.cosine),
});

const ofValues = (got: Value | undefined, expected: Value | undefined): Difference => {
  if (got instanceof Tensor && expected instanceof Tensor) return ofTensors(got, expected);
  if (got instanceof Sequence && expected instanceof Sequence && got.items.length === expected.items.length)
    return differenceOf(got.items, expected.items);
  if (got instanceof MapValue && expected instanceof MapValue && got.entries.size === expected.entries.size)
    return differenceOf(
      [...expected.entries.keys()].map((k) => got.entries.get(k)),
      [...expected.entries.values()],
    );
  return got === expected ? none : incomparable;
};

export const differenceOf = (got: readonly (Value | undefined)[], expected: readonly (Value | undefined)[]): Difference =>
  expected.map((e, i) => ofValues(got[i], e)).reduce(worse, got.length === expected.length ? none : incomparable);
