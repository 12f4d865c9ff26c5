/**
 * The floating-point types as arithmetic sees them: unit roundoff, smallest and largest values,
 * spacing of neighbours, distance in units in the last place (ULP).
 */
import { floatCodec } from '../core/codec.ts';
import { dtypeInfo, type DType } from '../core/dtype.ts';
import { Tensor } from '../core/tensor.ts';

/** One floating-point type. */
export interface Precision {
  /** Significant bits, the implicit one among them. */
  readonly bits: number;
  /** Unit roundoff: largest relative error of rounding to nearest, 2^−bits. */
  readonly u: number;
  readonly minNormal: number;
  /** Spacing of subnormals, and smallest positive value. */
  readonly minSubnormal: number;
  readonly max: number;
}

const precision = (bits: number, minExponent: number, max: number): Precision => ({
  bits,
  u: 2 ** -bits,
  minNormal: 2 ** minExponent,
  minSubnormal: 2 ** (minExponent - bits + 1),
  max,
});

/** Source: IEEE 754-2019 §3.4; OCP 8-bit Floating Point Specification 1.0; OCP Microscaling Formats 1.0. */
const precisions: Readonly<Partial<Record<DType, Precision>>> = {
  float64: precision(53, -1022, Number.MAX_VALUE),
  float32: precision(24, -126, (2 - 2 ** -23) * 2 ** 127),
  float16: precision(11, -14, 65504),
  bfloat16: precision(8, -126, (2 - 2 ** -7) * 2 ** 127),
  float8e4m3fn: precision(4, -6, 448),
  float8e4m3fnuz: precision(4, -7, 240),
  float8e5m2: precision(3, -14, 57344),
  float8e5m2fnuz: precision(3, -15, 57344),
  float8e8m0: precision(1, -127, 2 ** 127),
  float4e2m1: precision(2, 0, 6),
};

/** Complex types have the precision of their parts. */
const partOf = (dtype: DType): DType => (dtype === 'complex64' ? 'float32' : dtype === 'complex128' ? 'float64' : dtype);

/** Facts of a float (or complex) type; undefined for all others. */
export const precisionOf = (dtype: DType): Precision | undefined => precisions[partOf(dtype)];

/** Unit roundoff of a float type, 0 for types that do not round. */
export const roundoffOf = (dtype: DType): number => precisionOf(dtype)?.u ?? 0;

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);
/** Sign, exponent and upper mantissa of a double in memory. */
const UPPER = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;

/** floor(log2 |x|) of a finite x ≠ 0, exact also for subnormals. */
export const exponentOf = (x: number): number => {
  double[0] = x;
  const e = (words[UPPER]! >>> 20) & 0x7ff;
  return e === 0 ? exponentOf(x * 2 ** 54) - 54 : e - 1023;
};

/** 2^e; called for every element, so without a power where the bits can be written. */
const powerOfTwo = (e: number): number => {
  if (e < -1022 || e > 1023) return 2 ** e;
  words[UPPER] = (e + 1023) << 20;
  words[1 - UPPER] = 0;
  return double[0]!;
};

/** Spacing of a type's values at |x|: one unit in the last place. */
export const spacingAt = (x: number, { bits, minSubnormal, max }: Precision): number => {
  if (x === 0) return minSubnormal;
  const e = exponentOf(Math.min(Math.abs(x), max)) - bits + 1;
  return Math.max(powerOfTwo(e), minSubnormal);
};

/** A value rounded to a float type, as a number. */
export const roundTo = (dtype: DType): ((x: number) => number) => {
  if (dtype === 'float32') return Math.fround;
  const codec = floatCodec(dtype);
  return codec ? (x) => codec.decode(codec.encode(x)) : (x) => x;
};

/** A tensor of a type that holds float64 values, each rounded once. */
export const roundedTensor = (dtype: DType, dims: readonly number[], values: Float64Array): Tensor => Tensor.from(dtype, dims, values);

/** Elements as numbers; the parts of complex ones one after another. @throws FLAGOS_E_DTYPE for strings. */
export const numbersIn = (t: Tensor): Float64Array =>
  dtypeInfo(t.dtype).lanes === 1 ? t.toNumbers() : Float64Array.from(t.data as Float64Array);

/** As {@link numbersIn}, to be read only: the tensor's own elements where they are such. */
export const readNumbers = (t: Tensor): Float32Array | Float64Array =>
  t.dtype === 'float32' || t.dtype === 'float64' ? (t.data as Float32Array | Float64Array) : numbersIn(t);
