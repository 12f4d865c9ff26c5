/** How far two tensors are apart, in two numbers: what is followed along a model. */
import { dtypeInfo } from '../core/dtype.ts';
import { Tensor, type Value } from '../core/tensor.ts';

export interface Spread {
  readonly maxAbs: number;
  /** Root mean square of the difference. */
  readonly rms: number;
  /** Of the root mean square of the golden; Infinity if that is 0. */
  readonly relative: number;
  /** Elements of which one is finite and the other is not, or infinite with another sign. */
  readonly classMismatches: number;
}

const raw = (t: Tensor): ArrayLike<number | bigint> =>
  t.dtype === 'float32' || t.dtype === 'float64' ? (t.data as Float32Array) : t.toNumbers();

/** Zeros for what is no tensor of numbers. */
export const spreadOf = (actual: Value | undefined, golden: Value | undefined): Spread => {
  const none = { maxAbs: 0, rms: 0, relative: 0, classMismatches: 0 };
  if (!(actual instanceof Tensor) || !(golden instanceof Tensor) || actual.size !== golden.size) return none;
  if (dtypeInfo(golden.dtype).lanes !== 1 || dtypeInfo(golden.dtype).kind === 'string') return none;
  const [a, g] = [raw(actual), raw(golden)];
  let [maxAbs, errors, sizes, classMismatches, n] = [0, 0, 0, 0, 0];
  for (let i = 0; i < g.length; i++) {
    const [x, y] = [Number(a[i]), Number(g[i])];
    if (x === y) {
      if (Number.isFinite(y)) sizes += y * y;
      n++;
      continue;
    }
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      if (x === x || y === y) classMismatches++;
      continue;
    }
    const e = Math.abs(x - y);
    if (e > maxAbs) maxAbs = e;
    errors += e * e;
    sizes += y * y;
    n++;
  }
  if (n === 0) return { ...none, classMismatches };
  return {
    maxAbs,
    rms: Math.sqrt(errors / n),
    relative: errors === 0 ? 0 : sizes === 0 ? Infinity : Math.sqrt(errors / sizes),
    classMismatches,
  };
};
