/**
 * The matrices of Winograd's convolution F(m, r): m results of a window of r = 3 points from n = m + r − 1
 * products in place of m·r. In one dimension y = Aᵀ[(G g) ⊙ (Bᵀ d)], in two Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A.
 * They follow from n − 1 points at which polynomials are evaluated, and ∞ (Toom–Cook).
 *
 * Sources: A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks", 2016;
 * B. Barabasz, A. Anderson, K. Soodhalter and D. Gregg, "Error analysis and improving the accuracy of
 * Winograd convolution for deep neural networks", 2020.
 */

/** Results of one tile along an axis. */
export type WinogradSize = 2 | 4;

/** Points of a window along an axis. */
export const WINDOW = 3;

export interface WinogradMatrices {
  readonly m: WinogradSize;
  /** Points of a patch along an axis, m + 2; a tile takes n² products in place of 9·m². */
  readonly n: number;
  /** Aᵀ, m × n: from products to results. */
  readonly results: readonly (readonly number[])[];
  /** G, n × 3: of the weights. */
  readonly weights: readonly (readonly number[])[];
  /** Bᵀ, n × n: of the patch. */
  readonly patch: readonly (readonly number[])[];
}

/** Coefficients of Π (x − p), lowest power first. */
const withRoots = (roots: readonly number[]): number[] =>
  roots.reduce<number[]>((c, p) => [...c, 0].map((_, i) => (c[i - 1] ?? 0) - p * (c[i] ?? 0)), [1]);

/** The matrices for given finite points, without rounding where points are small powers of two; m + 1 points make F(m, 3). */
export const matricesOf = (m: WinogradSize, points: readonly number[]): WinogradMatrices => {
  const n = m + WINDOW - 1;
  const powers = (p: number, count: number): number[] => Array.from({ length: count }, (_, i) => p ** i);
  const last = (count: number): number[] => Array.from({ length: count }, (_, i) => (i === count - 1 ? 1 : 0));
  const padded = (row: readonly number[]): number[] => Array.from({ length: n }, (_, i) => row[i] ?? 0);
  const columns = [...points.map((p) => powers(p, m)), last(m)];
  const finite = points.map((p, i) => {
    const others = points.filter((_, j) => j !== i);
    const scale = others.reduce((s, q) => s * (p - q), 1);
    // Negated on both sides where that makes the weights' row positive: it only saves signs.
    const sign = scale < 0 ? -1 : 1;
    return {
      weights: powers(p, WINDOW).map((x) => (sign * x) / scale),
      patch: padded(withRoots(others).map((x) => sign * x || 0)),
    };
  });
  return {
    m,
    n,
    results: Array.from({ length: m }, (_, i) => columns.map((c) => c[i]!)),
    weights: [...finite.map((f) => f.weights), last(WINDOW)],
    patch: [...finite.map((f) => f.patch), withRoots(points)],
  };
};

/** Points of F(2, 3) and F(4, 3), those of opposite sign next to each other. */
export const winogradPoints: Readonly<Record<WinogradSize, readonly number[]>> = { 2: [0, 1, -1], 4: [0, 1, -1, 0.5, -0.5] };

export const winogradMatrices: Readonly<Record<WinogradSize, WinogradMatrices>> = {
  2: matricesOf(2, winogradPoints[2]),
  4: matricesOf(4, winogradPoints[4]),
};
