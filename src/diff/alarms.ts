/**
 * What a wrong (or suspiciously right) tensor looks like, in words that point at the cause. Alarms about
 * patterns are looked for where elements are out of bounds; those about what no bound sees, always.
 */
import { dtypeInfo } from '../core/dtype.ts';
import { hashOf } from '../core/hash.ts';
import { MapValue, Sequence, Tensor, type Value } from '../core/tensor.ts';
import type { Bounds, Score } from '../accuracy/index.ts';
import { precisionOf, readNumbers, spacingAt } from '../accuracy/precision.ts';

export type AlarmKind =
  | 'all-zero'
  | 'constant'
  | 'equals-input'
  | 'stale'
  | 'permuted'
  | 'scaled'
  | 'shifted'
  | 'tail-only'
  | 'rounding-bias'
  | 'inf-lost'
  | 'input-modified'
  | 'other-chip'
  | 'flaky';

export interface Alarm {
  readonly kind: AlarmKind;
  readonly text: string;
}

/** Values of the call before, to tell an output that was never written. */
export interface LastCall {
  readonly actual: Value | undefined;
  readonly golden: Value | undefined;
}

const equalBits = (a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean => {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
};
const isConstant = (x: Float32Array | Float64Array): boolean => x.every((v) => Object.is(v, x[0]));
const rms = (x: Float64Array): number => Math.sqrt(x.reduce((s, v) => s + (Number.isFinite(v) ? v * v : 0), 0) / Math.max(1, x.length));

/** Elements whose error is out of bounds, by position. */
const outOfBounds = (a: Float64Array, g: Float64Array, bounds: Bounds): Uint8Array => {
  const t = bounds.allowed?.standard ?? bounds.allowed?.loose;
  const bad = new Uint8Array(g.length);
  const exact = bounds.exact ?? g;
  for (let i = 0; i < g.length; i++)
    bad[i] = a[i] === g[i] || (a[i] !== a[i] && g[i] !== g[i]) || Math.abs(a[i]! - exact[i]!) <= (t?.[i] ?? 0) ? 0 : 1;
  return bad;
};

/** The axis and index from which on elements are wrong and before which none is; only where that is the smaller part. */
const tailOf = (bad: Uint8Array, dims: readonly number[]): { axis: number; from: number } | undefined => {
  let stride = bad.length;
  for (let axis = 0; axis < dims.length; axis++) {
    const n = dims[axis]!;
    stride /= n;
    const seen = new Uint8Array(n);
    for (let i = 0; i < bad.length; i++) if (bad[i]) seen[Math.floor(i / stride) % n] = 1;
    const from = seen.indexOf(1);
    if (from > 0 && n - from <= n / 2 && seen.subarray(from).every((s) => s === 1)) return { axis, from };
  }
  return undefined;
};

/** Mean error toward or away from zero in spacings: rounding to nearest has none, cutting off has a half. */
const roundingBias = (a: Float32Array | Float64Array, exact: Float64Array, dtype: Tensor['dtype']): number => {
  const p = precisionOf(dtype);
  if (!p) return 0;
  let [n, sum, squares] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const y = exact[i]!;
    if (!Number.isFinite(y) || !Number.isFinite(a[i]!) || Math.abs(y) < p.minNormal) continue;
    const e = (Math.sign(y) * (a[i]! - y)) / spacingAt(y, p);
    n++;
    sum += e;
    squares += e * e;
  }
  if (n < 256) return 0;
  const mean = sum / n;
  const deviation = Math.sqrt(Math.max(0, squares / n - mean * mean));
  return Math.abs(mean) > 0.3 && Math.abs(mean) > 0.5 * deviation ? mean : 0;
};

const patterns = (a: Float64Array, g: Float64Array, dims: readonly number[], bounds: Bounds): Alarm[] => {
  const found: Alarm[] = [];
  const errors = a.map((v, i) => v - g[i]!);
  const size = rms(errors);
  let [ag, gg, sum] = [0, 0, 0];
  for (let i = 0; i < g.length; i++) {
    if (!Number.isFinite(a[i]!) || !Number.isFinite(g[i]!)) return found;
    ag += a[i]! * g[i]!;
    gg += g[i]! * g[i]!;
    sum += errors[i]!;
  }
  const scale = gg > 0 ? ag / gg : 1;
  const mean = sum / g.length;
  if (g.length > 2 && size > 0) {
    if (Math.abs(scale - 1) > 1e-7 && rms(a.map((v, i) => v - scale * g[i]!)) < 0.05 * size && !isConstant(g))
      found.push({ kind: 'scaled', text: `it is ${Number(scale.toPrecision(6))} times what it should be` });
    else if (rms(errors.map((e) => e - mean)) < 0.05 * size)
      found.push({ kind: 'shifted', text: `it is ${Number(mean.toPrecision(4))} off everywhere` });
    const sortedA = a.slice().sort();
    const sortedG = g.slice().sort();
    if (rms(sortedA.map((v, i) => v - sortedG[i]!)) < 0.01 * size && rms(sortedA.map((v, i) => v - sortedG[i]!)) < 1e-4 * rms(g))
      found.push({ kind: 'permuted', text: 'it has the right values at wrong places (a wrong axis or layout)' });
  }
  const tail = tailOf(outOfBounds(a, g, bounds), dims);
  if (tail)
    found.push({ kind: 'tail-only', text: `only from index ${tail.from} of axis ${tail.axis} on (the rest of a tile or of a vector)` });
  return found;
};

export interface AlarmParts {
  readonly actual: Value | undefined;
  readonly bounds: Bounds;
  readonly score: Score;
  readonly inputs: readonly (Value | undefined)[];
  readonly last?: LastCall | undefined;
  readonly ops: readonly string[];
}

/**
 * Ops whose elements are rounded one by one. Others (normalizations) share a rounded divisor among many
 * elements, so that all lean to one side though every rounding was right.
 */
const independent = new Set([
  'Conv',
  'ConvTranspose',
  'MatMul',
  'Gemm',
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Sum',
  'Relu',
  'Cast',
  'Sqrt',
  'Reciprocal',
]);

/** What stands out about one output. */
export const alarmsOf = ({ actual, bounds, score, inputs, last, ops }: AlarmParts): Alarm[] => {
  const { golden } = bounds;
  if (!(actual instanceof Tensor) || !(golden instanceof Tensor) || actual.size !== golden.size || actual.size === 0) return [];
  if (dtypeInfo(golden.dtype).kind === 'string') return [];
  const [a, g] = [readNumbers(actual), readNumbers(golden)];
  const found: Alarm[] = [];
  const failed = score.level === 'fail' || score.maxEta > 1;
  if (a.length > 1 && !isConstant(g) && isConstant(a))
    found.push(a[0] === 0 ? { kind: 'all-zero', text: 'every element is 0' } : { kind: 'constant', text: `every element is ${a[0]!}` });
  if (failed) {
    for (const input of inputs)
      if (input instanceof Tensor && input.dtype === actual.dtype && input.size === actual.size && equalBits(input.data, actual.data))
        found.push({ kind: 'equals-input', text: 'it is a copy of an input' });
    if (last?.actual instanceof Tensor && equalBits(last.actual.data, actual.data))
      found.push({ kind: 'stale', text: "it is the last call's output" });
    if (found.length === 0) found.push(...patterns(Float64Array.from(a), Float64Array.from(g), golden.dims, bounds));
  }
  if (bounds.exact) {
    const max = precisionOf(golden.dtype)?.max ?? Infinity;
    let lost = 0;
    for (let i = 0; i < a.length; i++) if (Number.isFinite(a[i]!) && Math.abs(bounds.exact[i]!) > max * 1.01) lost++;
    if (lost > 0) found.push({ kind: 'inf-lost', text: `${lost} elements are finite where the result is beyond the type's range` });
    const bias = ops.every((op) => independent.has(op)) ? roundingBias(a, bounds.exact, golden.dtype) : 0;
    if (bias !== 0)
      found.push({
        kind: 'rounding-bias',
        text: `errors lean ${bias < 0 ? 'toward' : 'away from'} zero, by ${Math.abs(bias).toFixed(2)} units in the last place on average`,
      });
  }
  return found;
};

const textHash = (text: string): number => Number.parseInt(hashOf(text).slice(8), 16);

/** A digest of a value's bits: whether an input was written to, whether two runs gave the same. 0 for nothing. */
export const digestOf = (v: Value | undefined): number => {
  if (v instanceof Sequence) return textHash(v.items.map(digestOf).join());
  if (v instanceof MapValue) return textHash([...v.entries].map(([k, x]) => `${k} ${digestOf(x)}`).join());
  if (!(v instanceof Tensor)) return 0;
  if (Array.isArray(v.data)) return textHash(JSON.stringify(v.data));
  const bytes = new Uint8Array(v.data.buffer, v.data.byteOffset, v.data.byteLength);
  const words =
    v.data.byteOffset % 4 === 0 && bytes.length % 4 === 0 ? new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) : bytes;
  let h = 0x811c9dc5;
  for (let i = 0; i < words.length; i++) h = Math.imul(h ^ words[i]!, 0x01000193);
  return h >>> 0;
};
