/** How far a value is from what it should be, with the worst element. */
import { compareValues } from '../../core/compare.ts';
import { dtypeInfo, type DType } from '../../core/dtype.ts';
import { Tensor, type Value } from '../../core/tensor.ts';

export interface Allowed {
  /** Relative to each element's size, but never to less than the root mean square of the tensor; undefined: by the element type. */
  readonly rtol: number | undefined;
  readonly atol: number | undefined;
}

export interface Difference {
  readonly ok: boolean;
  /** Largest absolute difference. */
  readonly maxAbs: number;
  /** Largest difference relative to the expected element, or to the tensor's root mean square where that is larger. */
  readonly maxRel: number;
  /** In words, where there are no numbers to give. */
  readonly problem?: string | undefined;
  readonly worst?: { readonly index: readonly number[]; readonly actual: unknown; readonly expected: unknown } | undefined;
  readonly elements: number;
}

const DEFAULT_RTOL = 1e-4;
/** Mantissa bits of types that cannot hold 1e-4: two units in the last place are allowed them. */
const mantissa: Readonly<Partial<Record<DType, number>>> = {
  float16: 10,
  bfloat16: 7,
  float8e4m3fn: 3,
  float8e4m3fnuz: 3,
  float8e5m2: 2,
  float8e5m2fnuz: 2,
  float8e8m0: 0,
  float4e2m1: 1,
};
const rtolFor = (dtype: DType): number => Math.max(DEFAULT_RTOL, 2 ** (1 - (mantissa[dtype] ?? 23)));

const unravel = (position: number, dims: readonly number[]): number[] => {
  const at = new Array<number>(dims.length);
  for (let d = dims.length - 1, p = position; d >= 0; d--) {
    at[d] = p % dims[d]!;
    p = Math.floor(p / dims[d]!);
  }
  return at;
};

const rootMeanSquare = (values: Float64Array): number => {
  let sum = 0;
  let n = 0;
  for (const v of values) {
    if (!Number.isFinite(v)) continue;
    sum += v * v;
    n++;
  }
  return n === 0 ? 0 : Math.sqrt(sum / n);
};

const floats = (actual: Tensor, expected: Tensor, { rtol, atol }: Allowed): Difference => {
  const a = actual.toNumbers();
  const e = expected.toNumbers();
  const scale = rootMeanSquare(e);
  const r = rtol ?? rtolFor(expected.dtype);
  const base = atol ?? 0;
  let [maxAbs, maxRel, worst, where] = [0, 0, 0, -1];
  for (let i = 0; i < e.length; i++) {
    const x = a[i]!;
    const y = e[i]!;
    if (x === y || (x !== x && y !== y)) continue;
    const abs = Number.isFinite(x) && Number.isFinite(y) ? Math.abs(x - y) : Infinity;
    const size = Math.max(Math.abs(y), scale);
    const allowed = base + r * size;
    const ratio = abs === Infinity ? Infinity : allowed > 0 ? abs / allowed : Infinity;
    if (abs > maxAbs) maxAbs = abs;
    if (abs / size > maxRel) maxRel = abs / size;
    if (ratio > worst) [worst, where] = [ratio, i];
  }
  const at = where < 0 ? undefined : { index: unravel(where, expected.dims), actual: a[where], expected: e[where] };
  return { ok: worst <= 1, maxAbs, maxRel, worst: at, elements: e.length };
};

/** Anything but floats of one shape and type is held to be equal. */
export const measure = (actual: Value | undefined, expected: Value, allowed: Allowed): Difference => {
  const sameForm =
    actual instanceof Tensor &&
    expected instanceof Tensor &&
    actual.dtype === expected.dtype &&
    actual.dims.length === expected.dims.length &&
    actual.dims.every((d, i) => d === expected.dims[i]);
  if (sameForm && dtypeInfo(expected.dtype).kind === 'float') return floats(actual, expected, allowed);
  const { ok, problem, maxAbs, at, compared } = compareValues(actual, expected, {
    rtol: allowed.rtol ?? DEFAULT_RTOL,
    atol: allowed.atol ?? 0,
  });
  return { ok, maxAbs, maxRel: ok ? 0 : Infinity, problem, worst: at, elements: compared };
};
