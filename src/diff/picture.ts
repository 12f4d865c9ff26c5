/** What a report draws of one output, small enough for a file that holds a thousand of them. */
import type { Bounds } from '../accuracy/index.ts';
import { precisionOf, readNumbers, spacingAt } from '../accuracy/precision.ts';
import type { Tensor } from '../core/tensor.ts';

export interface Picture {
  /** Sampled elements, the worst among them: |golden|, |error|, allowed. */
  readonly points: readonly (readonly [size: number, error: number, allowed: number])[];
  /** Elements by error in units in the last place: 0, ≤ 0.5, ≤ 1, ≤ 2, ≤ 4, … */
  readonly ulps: readonly number[];
  /** Mean signed error along each axis, at most 64 bins. */
  readonly axes: readonly (readonly number[])[];
}

const POINTS = 160;
const BINS = 64;

export const pictureOf = (actual: Tensor, bounds: Bounds): Picture => {
  const golden = bounds.golden as Tensor;
  const a = readNumbers(actual);
  const g = bounds.exact ?? readNumbers(golden);
  const t = bounds.allowed?.standard;
  const p = precisionOf(golden.dtype);
  const n = g.length;
  const ulps = new Array<number>(12).fill(0);
  const { dims } = actual;
  const bins = dims.map((d) => Math.min(d, BINS));
  const sums = bins.map((b) => new Float64Array(b));
  const counts = bins.map((b) => new Float64Array(b));
  const strides = dims.map((_, axis) => dims.slice(axis + 1).reduce((m, d) => m * d, 1));
  let [worst, most] = [0, -1];
  for (let i = 0; i < n; i++) {
    const e = a[i]! - g[i]!;
    if (!Number.isFinite(e)) continue;
    const size = Math.abs(e);
    const u = p ? size / spacingAt(g[i]!, p) : size;
    ulps[u === 0 ? 0 : Math.min(11, Math.max(1, Math.ceil(Math.log2(u)) + 2))]!++;
    const eta = size / (t?.[i] ?? 1);
    if (eta > most) [worst, most] = [i, eta];
    if (e !== 0 || n < 100_000)
      for (let axis = 0; axis < dims.length; axis++) {
        const bin = Math.floor(((Math.floor(i / strides[axis]!) % dims[axis]!) * bins[axis]!) / dims[axis]!);
        sums[axis]![bin]! += e;
        counts[axis]![bin]!++;
      }
  }
  const step = Math.max(1, Math.floor(n / POINTS));
  const chosen = new Set<number>([worst]);
  for (let i = 0; i < n && chosen.size <= POINTS; i += step) chosen.add(i);
  const digits = (v: number): number => Number(v.toPrecision(4));
  return {
    points: [...chosen].flatMap((i) => {
      const e = Math.abs(a[i]! - g[i]!);
      return Number.isFinite(e) ? [[digits(Math.abs(g[i]!)), digits(e), digits(t?.[i] ?? 0)] as const] : [];
    }),
    ulps,
    axes: sums.map((s, axis) => Array.from(s, (v, i) => (counts[axis]![i]! > 0 ? digits(v / counts[axis]![i]!) : 0))),
  };
};
