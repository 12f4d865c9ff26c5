/**
 * The familiar measures of the difference of two tensors, none of which is the verdict. Elements that
 * are not finite on both sides count as classes only.
 */
import type { Tensor } from '../core/tensor.ts';
import { dtypeInfo } from '../core/dtype.ts';
import { precisionOf, readNumbers, spacingAt } from './precision.ts';
import { quantile } from './quantile.ts';

export interface ClassCounts {
  readonly nan: number;
  readonly posInf: number;
  readonly negInf: number;
}

export interface Metrics {
  readonly elements: number;
  /** Elements that are finite on both sides: what all of the following are over. */
  readonly compared: number;
  readonly maxAbs: number;
  readonly meanAbs: number;
  /** 99.9 % quantile. */
  readonly p999Abs: number;
  /** Relative to |golden|; elements whose golden is 0 are left out, unless both are. */
  readonly maxRel: number;
  readonly meanRel: number;
  readonly p999Rel: number;
  /** In spacings of the golden's type at the golden value; integers: in ones. */
  readonly maxUlp: number;
  readonly meanUlp: number;
  readonly rmse: number;
  /** Mean of actual − golden. */
  readonly bias: number;
  /** Of the angle between both; 1 if they are equal, 0 if only one of them is 0. */
  readonly cosine: number;
  /** Signal to noise, dB: Σ golden² over Σ (actual − golden)²; Infinity if equal. */
  readonly sqnr: number;
  /** What rounding alone leaves at best in the golden's type, dB. Infinity for types that do not round. */
  readonly sqnrCeiling: number;
  /** Peak signal to noise, dB; the peak is the golden's range. */
  readonly psnr: number;
  /** Share of the k largest along the last axis that both have, by k; only where the axis is longer than k. */
  readonly topK: Readonly<Record<number, number>>;
  readonly actual: ClassCounts;
  readonly golden: ClassCounts;
  readonly classMismatches: number;
}

type Numbers = Float32Array | Float64Array;

const classes = (x: Numbers): ClassCounts => {
  let [nan, posInf, negInf] = [0, 0, 0];
  for (const v of x) {
    if (v !== v) nan++;
    else if (v === Infinity) posInf++;
    else if (v === -Infinity) negInf++;
  }
  return { nan, posInf, negInf };
};

/** Rounding errors spread evenly over a spacing s have variance s²/12: for values spread over a binade, 6.02 dB a bit and 1.25 more on average. */
export const sqnrCeilingOf = (t: Tensor): number => {
  const p = precisionOf(t.dtype);
  if (!p) return Infinity;
  let [signal, noise] = [0, 0];
  for (const y of readNumbers(t)) {
    if (!Number.isFinite(y) || y === 0) continue;
    // Scaled so that squares neither overflow nor vanish.
    const s = spacingAt(y, p) / Math.abs(y);
    signal += y * y;
    noise += (y * s) ** 2 / 12;
  }
  return noise === 0 ? Infinity : 10 * Math.log10(signal / noise);
};

const topKOf = (a: Numbers, g: Numbers, dims: readonly number[], ks: readonly number[]): Record<number, number> => {
  const length = dims.at(-1) ?? 1;
  const found: Record<number, number> = {};
  if (dims.length === 0 || g.length === 0) return found;
  const order = (x: Numbers, from: number): number[] =>
    Array.from({ length }, (_, i) => i).sort((i, j) => x[from + j]! - x[from + i]! || i - j);
  for (const k of ks) {
    if (length <= k) continue;
    let common = 0;
    for (let from = 0; from < g.length; from += length) {
      const best = new Set(order(g, from).slice(0, k));
      for (const i of order(a, from).slice(0, k)) if (best.has(i)) common++;
    }
    found[k] = common / (k * (g.length / length));
  }
  return found;
};

/**
 * @param golden right values; where they are known before rounding, `exact` has them (one number each).
 * Both tensors must be of one shape and of numbers. @throws FLAGOS_E_DTYPE for strings.
 */
export const metrics = (
  actual: Tensor,
  golden: Tensor,
  { exact, topK = [1, 5] }: { exact?: Float64Array | undefined; topK?: readonly number[] } = {},
): Metrics => {
  const a = readNumbers(actual);
  const rounded = readNumbers(golden);
  const g = exact ?? rounded;
  const p = precisionOf(golden.dtype);
  const n = Math.min(a.length, g.length);
  const [abs, rel] = [new Float64Array(n), new Float64Array(n)];
  let [compared, related, mismatches, maxAbs, maxRel] = [0, 0, 0, 0, 0];
  let [sumAbs, sumRel, maxUlp, sumUlp, sumSquares, bias, aa, gg, ag, low, high] = [0, 0, 0, 0, 0, 0, 0, 0, 0, Infinity, -Infinity];
  for (let i = 0; i < n; i++) {
    const [x, y, r] = [a[i]!, g[i]!, rounded[i]!];
    if (!Number.isFinite(x) || !Number.isFinite(r)) {
      if (x !== r && !(x !== x && r !== r)) mismatches++;
      continue;
    }
    // A value that rounds to what there is is right, whatever stands behind the last place.
    const d = x === r ? 0 : x - y;
    const e = Math.abs(d);
    abs[compared++] = e;
    if (e > maxAbs) maxAbs = e;
    if (y !== 0 || x === 0) {
      const relative = y === 0 ? 0 : e / Math.abs(y);
      rel[related++] = relative;
      sumRel += relative;
      if (relative > maxRel) maxRel = relative;
    }
    const ulps = p ? e / spacingAt(y, p) : e;
    maxUlp = Math.max(maxUlp, ulps);
    sumUlp += ulps;
    sumAbs += e;
    sumSquares += d * d;
    bias += d;
    aa += x * x;
    gg += y * y;
    ag += x * y;
    low = Math.min(low, y);
    high = Math.max(high, y);
  }
  const [absolute, relative] = [abs.subarray(0, compared), rel.subarray(0, related)];
  const mean = (s: number, count: number): number => (count === 0 ? 0 : s / count);
  const decibels = (power: number): number => (sumSquares === 0 ? Infinity : 10 * Math.log10(power / sumSquares));
  return {
    elements: n,
    compared,
    maxAbs,
    meanAbs: mean(sumAbs, compared),
    maxRel,
    meanRel: mean(sumRel, related),
    p999Abs: quantile(absolute, 0.999),
    p999Rel: quantile(relative, 0.999),
    maxUlp,
    meanUlp: mean(sumUlp, compared),
    rmse: Math.sqrt(mean(sumSquares, compared)),
    bias: mean(bias, compared),
    cosine: sumSquares === 0 ? 1 : aa === 0 || gg === 0 ? 0 : ag / (Math.sqrt(aa) * Math.sqrt(gg)),
    sqnr: decibels(gg),
    sqnrCeiling: sqnrCeilingOf(golden),
    psnr: decibels(compared * (high - low) ** 2),
    topK: dtypeInfo(golden.dtype).lanes === 1 ? topKOf(a, rounded, golden.dims, topK) : {},
    actual: classes(a),
    golden: classes(rounded),
    classMismatches: mismatches,
  };
};
