/** Python's `x[a:b:c, …, None, 3]` as tfjs spells it: per entry begin, end and stride, and bits that change their meaning. */
import { FlagosError } from '../../../core/errors.ts';

export interface SliceSpec {
  readonly begin: readonly number[];
  readonly end: readonly number[];
  readonly strides?: readonly number[] | undefined;
  readonly beginMask: number;
  readonly endMask: number;
  readonly ellipsisMask: number;
  readonly newAxisMask: number;
  readonly shrinkAxisMask: number;
}

/** What to take along each axis of the operand, and the shape the result is given at the end. */
export interface DenseSlice {
  readonly starts: number[];
  readonly ends: number[];
  readonly steps: number[];
  readonly shape: number[];
}

const clamp = (v: number, lo: number, hi: number): number => Math.max(lo, Math.min(hi, v));

/** @throws FLAGOS_E_VALUE for a stride of 0, a single index out of range, or two ellipses. */
export const denseSlice = (dims: readonly number[], spec: SliceSpec): DenseSlice => {
  const bad = (why: string): never => {
    throw new FlagosError('FLAGOS_E_VALUE', why);
  };
  const entries = spec.begin.length;
  const has = (mask: number, i: number): boolean => (mask & (1 << i)) !== 0;
  if ((spec.ellipsisMask & (spec.ellipsisMask - 1)) !== 0) bad('Multiple ellipses in slice is not allowed.');
  let consuming = 0;
  for (let i = 0; i < entries; i++) if (!has(spec.ellipsisMask, i) && !has(spec.newAxisMask, i)) consuming++;
  if (consuming > dims.length) bad(`${consuming} indices for a tensor of rank ${dims.length}`);
  const out: DenseSlice = { starts: [], ends: [], steps: [], shape: [] };
  const all = (count: number): void => {
    for (let n = 0; n < count; n++) {
      const dim = dims[out.starts.length]!;
      out.starts.push(0);
      out.ends.push(dim);
      out.steps.push(1);
      out.shape.push(dim);
    }
  };
  let elided = false;
  for (let i = 0; i < entries; i++) {
    if (has(spec.ellipsisMask, i)) {
      elided = true;
      all(dims.length - consuming);
      continue;
    }
    if (has(spec.newAxisMask, i)) {
      out.shape.push(1);
      continue;
    }
    const dim = dims[out.starts.length]!;
    const step = spec.strides?.[i] ?? 1;
    if (step === 0) bad(`strides[${i}] must be non-zero`);
    const from = spec.begin[i]!;
    if (has(spec.shrinkAxisMask, i)) {
      if (step < 0) bad('only stride 1 allowed on non-range indexing.');
      const at = from < 0 ? from + dim : from;
      if (at < 0 || at >= dim) bad(`slice index ${from} of dimension ${out.starts.length} out of bounds.`);
      out.starts.push(at);
      out.ends.push(at + 1);
      out.steps.push(1);
      continue;
    }
    const [lo, hi] = step > 0 ? [0, dim] : [-1, dim - 1];
    const place = (v: number): number => clamp(v < 0 ? v + dim : v, lo, hi);
    const start = has(spec.beginMask, i) ? (step > 0 ? lo : hi) : place(from);
    const end = has(spec.endMask, i) ? (step > 0 ? hi : lo) : place(spec.end[i]!);
    const count = Math.max(0, Math.ceil((end - start) / step));
    out.starts.push(count === 0 ? 0 : start);
    // Before the first element there is no index that does not count from the end.
    out.ends.push(count === 0 ? 0 : end < 0 ? -dim - 1 : end);
    out.steps.push(count === 0 ? 1 : step);
    out.shape.push(count);
  }
  if (!elided) all(dims.length - out.starts.length);
  return out;
};
