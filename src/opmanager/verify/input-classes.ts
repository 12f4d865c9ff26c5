/**
 * Classes of input values: each is where some kind of wrong kernel shows. What a class means for a
 * type follows from the type's range, so that the same names serve all types.
 */
import { dtypeInfo, integerRange, isBigInt, type DType } from '../../core/dtype.ts';
import { sizeOf, Tensor } from '../../core/tensor.ts';
import { precisionOf, type Precision } from '../../accuracy/index.ts';
import type { CaseRandom } from './random.ts';

export const inputClasses = [
  /** Standard normal. */
  'normal',
  /** Both signs, magnitudes over many binades. */
  'log-uniform',
  /** Far below 1, still normal numbers: products vanish or become subnormal. */
  'tiny',
  /** Subnormal numbers. */
  'denormal',
  /** Sums of many squares still fit, but little more. */
  'large',
  /** Zeros of both signs, infinities, NaN, extremes, among ordinary values. */
  'extremal',
  /** Large values that cancel each other but for a small rest. */
  'cancellation',
  /** Small whole numbers: sums and products of which are exact, so any difference is an error of logic. */
  'integers',
  /** Halves, and many equal values: rounding and order are decided by ties. */
  'ties',
] as const;
export type InputClass = (typeof inputClasses)[number];

/** Classes of cases: made-up values, or those a model had. */
export type CaseClass = InputClass | 'captured';

/** Classes that say something about a type. */
export const classesFor = (dtype: DType): readonly InputClass[] => {
  const { kind, bits } = dtypeInfo(dtype);
  if (kind === 'float' && bits > 8) return inputClasses;
  if (kind === 'float') return ['normal', 'extremal'];
  return kind === 'int' || kind === 'uint' ? ['normal', 'large', 'extremal', 'integers', 'ties'] : ['normal'];
};

const large = (top: number): number => 2 ** Math.min(10, top / 3);
/** What is left of a tensor's cancelling values: for each tensor another magnitude, down to a few units in the last place. */
const restOf = (kind: InputClass, r: CaseRandom, { bits, max }: Precision): number =>
  kind === 'cancellation' ? large(Math.log2(max)) * 2 ** r.between(3 - bits, -4) : 0;

const floatValue = (
  kind: InputClass,
  at: number,
  rest: number,
  r: CaseRandom,
  { bits, max, minNormal, minSubnormal }: Precision,
): number => {
  const top = Math.log2(max);
  const low = Math.log2(minNormal);
  switch (kind) {
    case 'normal':
      return r.normal();
    case 'log-uniform':
      return r.sign() * 2 ** r.between(Math.max(-20, low / 2), Math.min(20, top / 2));
    case 'tiny':
      return r.sign() * 2 ** r.between(low * 0.75, low / 2);
    case 'denormal':
      return r.sign() * minSubnormal * r.integer(1, 2 ** Math.min(bits - 1, 30) - 1);
    case 'large':
      return r.sign() * 2 ** r.between(top / 4, Math.max(top / 4, top / 2 - 10));
    case 'extremal':
      if (r.uniform() > 0.12) return r.normal();
      return r.pick([
        0,
        -0,
        1,
        -1,
        Infinity,
        -Infinity,
        NaN,
        minNormal,
        -minNormal,
        minSubnormal,
        2 ** (top / 2 - 6),
        -(2 ** (top / 2 - 6)),
      ]);
    case 'cancellation':
      // Neighbours cancel: along every axis that is even, sums are small though their terms are not.
      return (at % 2 === 0 ? 1 : -1) * large(top) + r.normal() * rest;
    case 'integers':
      return r.integer(-8, 8);
    case 'ties':
      return r.integer(-6, 6) / 2;
  }
};

const integerValue = (kind: InputClass, dtype: DType, r: CaseRandom): bigint => {
  const [low, high] = integerRange(dtype);
  const clamp = (n: number): bigint => {
    const b = BigInt(n);
    return b < low ? low : b > high ? high : b;
  };
  switch (kind) {
    case 'large': {
      const span = Number(high - low);
      return clampBig(low + BigInt(Math.floor(r.uniform() * span)), low, high);
    }
    case 'extremal':
      return r.uniform() < 0.5
        ? r.pick([low, high, 0n, clampBig(low + 1n, low, high), clampBig(high - 1n, low, high)])
        : clamp(r.integer(-8, 8));
    case 'ties':
      return clamp(r.integer(0, 3));
    default:
      return clamp(low === 0n ? r.integer(0, 16) : r.integer(-8, 8));
  }
};
const clampBig = (n: bigint, low: bigint, high: bigint): bigint => (n < low ? low : n > high ? high : n);

/** A tensor of values of a class. @param positive for scales and variances. */
export const classTensor = (kind: InputClass, dtype: DType, dims: readonly number[], r: CaseRandom, positive = false): Tensor => {
  const size = sizeOf(dims);
  const info = dtypeInfo(dtype);
  const p = precisionOf(dtype);
  if (info.lanes === 2) {
    const t = Tensor.zeros(dtype, dims);
    const data = t.data as Float64Array;
    const rest = restOf(kind, r, p!);
    for (let i = 0; i < data.length; i++) data[i] = floatValue(kind, i, rest, r, p!);
    return t;
  }
  if (info.kind === 'string')
    return Tensor.from(
      dtype,
      dims,
      Array.from({ length: size }, () => r.pick(['a', 'b', 'ab', '', 'é'])),
    );
  if (info.kind === 'bool')
    return Tensor.from(
      dtype,
      dims,
      Array.from({ length: size }, () => r.uniform() < 0.5),
    );
  if (p) {
    const rest = restOf(kind, r, p);
    const value = (i: number): number => {
      const v = floatValue(kind, i, rest, r, p);
      return positive ? Math.abs(v) + (v === 0 ? 1 : 0) : v;
    };
    return Tensor.from(
      dtype,
      dims,
      Array.from({ length: size }, (_, i) => value(i)),
    );
  }
  const values = Array.from({ length: size }, () => integerValue(kind, dtype, r));
  return Tensor.from(dtype, dims, isBigInt(dtype) ? values : values.map(Number));
};
