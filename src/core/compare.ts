/**
 * Comparing values the way the ONNX backend tests do (numpy's `assert_allclose`): an element passes
 * if |actual − expected| ≤ atol + rtol · |expected|; NaN equals NaN; everything that is not a float is exact.
 */
import { dtypeInfo } from './dtype.ts';
import { describeValue, MapValue, Sequence, Tensor, type Value } from './tensor.ts';

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
  /** Least relative tolerance of bfloat16 values. */
  readonly bfloat16?: number;
}
/** The ONNX project's own tolerance for its backend tests: of bfloat16, two units in the last place (onnx/backend/test/runner). */
export const onnxTolerance: Tolerance = { rtol: 1e-3, atol: 1e-7, bfloat16: 2 ** -6 };

export interface Comparison {
  readonly ok: boolean;
  /** In words, when not ok: what differs and where. */
  readonly problem?: string;
  /** Largest absolute difference, and largest ratio of difference to what is allowed (1 is the limit); 0 for exact matches. */
  readonly maxAbs: number;
  readonly worst: number;
  /** Position (row-major) and values of the worst element. */
  readonly at?: { readonly index: readonly number[]; readonly actual: unknown; readonly expected: unknown };
  readonly compared: number;
}

const failed = (problem: string): Comparison => ({ ok: false, problem, maxAbs: Infinity, worst: Infinity, compared: 0 });

const unravel = (position: number, dims: readonly number[]): number[] => {
  const at = new Array<number>(dims.length);
  for (let d = dims.length - 1, p = position; d >= 0; d--) {
    at[d] = p % dims[d]!;
    p = Math.floor(p / dims[d]!);
  }
  return at;
};

const compareTensors = (actual: Tensor, expected: Tensor, { rtol: given, atol, bfloat16 = 0 }: Tolerance): Comparison => {
  if (actual.dtype !== expected.dtype) return failed(`is ${actual.dtype}, expected ${expected.dtype}`);
  if (actual.dims.length !== expected.dims.length || actual.dims.some((d, i) => d !== expected.dims[i])) {
    return failed(`has shape [${actual.dims}], expected [${expected.dims}]`);
  }
  const { kind, lanes } = dtypeInfo(actual.dtype);
  const rtol = expected.dtype === 'bfloat16' ? Math.max(given, bfloat16) : given;
  const inexact = kind === 'float' || kind === 'complex';
  const a = kind === 'float' ? actual.toNumbers() : actual.data;
  const e = kind === 'float' ? expected.toNumbers() : expected.data;
  let maxAbs = 0;
  let worst = 0;
  let where = -1;
  for (let i = 0; i < a.length; i++) {
    const x = a[i]!;
    const y = e[i]!;
    if (x === y || (x !== x && y !== y)) continue;
    let abs = Infinity;
    let ratio = Infinity;
    if (inexact && Number.isFinite(x) && Number.isFinite(y)) {
      abs = Math.abs(Number(x) - Number(y));
      ratio = abs / (atol + rtol * Math.abs(Number(y)));
    } else if (kind === 'int' || kind === 'uint') abs = Math.abs(Number(x) - Number(y));
    if (abs > maxAbs) maxAbs = abs;
    if (ratio > worst || where < 0) {
      worst = Math.max(worst, ratio);
      where = i;
    }
  }
  const at = where < 0 ? undefined : { index: unravel(Math.floor(where / lanes), actual.dims), actual: a[where], expected: e[where] };
  const ok = worst <= 1;
  return {
    ok,
    maxAbs,
    worst,
    at,
    compared: a.length,
    problem: ok ? undefined : `differs at [${at!.index}]: ${String(at!.actual)}, expected ${String(at!.expected)}`,
  };
};

const merge = (parts: readonly Comparison[]): Comparison => {
  const bad = parts.findIndex((p) => !p.ok);
  return {
    ok: bad < 0,
    problem: bad < 0 ? undefined : `item ${bad} ${parts[bad]!.problem}`,
    maxAbs: Math.max(0, ...parts.map((p) => p.maxAbs)),
    worst: Math.max(0, ...parts.map((p) => p.worst)),
    at: parts[Math.max(bad, 0)]?.at,
    compared: parts.reduce((n, p) => n + p.compared, 0),
  };
};

/** Compares any two values; sequences and maps item by item. */
export const compareValues = (actual: Value | undefined, expected: Value, tolerance: Tolerance = onnxTolerance): Comparison => {
  if (actual === undefined) return failed('is missing');
  if (actual === null || expected === null) {
    return actual === expected
      ? { ok: true, maxAbs: 0, worst: 0, compared: 1 }
      : failed(`is ${describeValue(actual)}, expected ${describeValue(expected)}`);
  }
  if (actual instanceof Tensor && expected instanceof Tensor) return compareTensors(actual, expected, tolerance);
  if (actual instanceof Sequence && expected instanceof Sequence) {
    if (actual.items.length !== expected.items.length) return failed(`has ${actual.items.length} items, expected ${expected.items.length}`);
    return merge(actual.items.map((item, i) => compareValues(item, expected.items[i]!, tolerance)));
  }
  if (actual instanceof MapValue && expected instanceof MapValue) {
    if (actual.entries.size !== expected.entries.size)
      return failed(`has ${actual.entries.size} entries, expected ${expected.entries.size}`);
    return merge([...expected.entries].map(([key, v]) => compareValues(actual.entries.get(key), v, tolerance)));
  }
  return failed(`is ${describeValue(actual)}, expected ${describeValue(expected)}`);
};
