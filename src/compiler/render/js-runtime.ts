/**
 * What generated JavaScript calls: the few functions JavaScript's Math lacks or defines otherwise
 * than C and IEEE 754 do. Float64 throughout.
 */
import { dtypeInfo, integerRange, type DType } from '../../core/dtype.ts';
import { floatCodec, roundTo } from '../../core/codec.ts';

const TWO_OVER_SQRT_PI = 1.1283791670955126;

/**
 * Gauss error function, within 1 ulp or two of float64: erf(x) = 2/√π · e^(−x²) · Σ 2ⁿx²ⁿ⁺¹/(2n+1)!!,
 * a series of positive terms, so nothing cancels. Source: Abramowitz & Stegun 7.1.6.
 */
export const erf = (x: number): number => {
  const a = Math.abs(x);
  if (!(a < 6)) return Number.isNaN(x) ? NaN : Math.sign(x);
  let term = a;
  let sum = a;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * a * a) / (2 * n + 1);
    sum += term;
  }
  const y = TWO_OVER_SQRT_PI * Math.exp(-a * a) * sum;
  return x < 0 ? -y : x === 0 ? x : Math.min(y, 1);
};

/** To nearest, ties to even. */
export const roundEven = (x: number): number => {
  const r = Math.round(x);
  return r - x === 0.5 && r % 2 !== 0 ? r - 1 : r;
};

/** C's pow: 1 to any power, and −1 to ±Inf, are 1. */
export const pow = (a: number, b: number): number => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b);

/** Remainder with the sign of the divisor; x mod ±Inf follows Python. */
export const floormod = (a: number, b: number): number => {
  const r = a % b;
  return r !== 0 && r < 0 !== b < 0 ? r + b : r;
};
export const floormodBig = (a: bigint, b: bigint): bigint => {
  if (b === 0n) return 0n;
  const r = a % b;
  return r !== 0n && r < 0n !== b < 0n ? r + b : r;
};
export const floordivBig = (a: bigint, b: bigint): bigint => (b === 0n ? 0n : (a - floormodBig(a, b)) / b);
export const divBig = (a: bigint, b: bigint): bigint => (b === 0n ? 0n : a / b);
export const remBig = (a: bigint, b: bigint): bigint => (b === 0n ? 0n : a % b);

/** a ** b for integers, modulo 2^64 (enough for every width); a negative exponent gives 0 unless the base is ±1. */
export const powBig = (a: bigint, b: bigint): bigint => {
  if (b < 0n) return a === 1n ? 1n : a === -1n ? (b & 1n ? -1n : 1n) : 0n;
  let result = 1n;
  for (let base = BigInt.asIntN(64, a), rest = b; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = BigInt.asIntN(64, result * base);
    base = BigInt.asIntN(64, base * base);
  }
  return result;
};

export const popcount = (x: number): number => {
  let n = 0;
  for (let v = x >>> 0; v !== 0; v &= v - 1) n++;
  return n;
};
export const popcountBig = (x: bigint): bigint => {
  let n = 0n;
  for (let v = BigInt.asUintN(64, x); v !== 0n; v &= v - 1n) n++;
  return n;
};

/** Float → bigint: toward zero; NaN and infinities give 0. */
export const toBig = (x: number): bigint => (Number.isFinite(x) ? BigInt(Math.trunc(x)) : 0n);

/**
 * A 64-bit integer as a float64 from which a narrower float can be rounded as if from the integer itself:
 * beyond 53 bits it is cut, and the last bit says whether anything was lost.
 */
export const bigToFloat = (x: bigint): number => {
  if (x >= -9007199254740991n && x <= 9007199254740991n) return Number(x);
  const magnitude = x < 0n ? -x : x;
  const lost = BigInt(magnitude.toString(2).length - 53);
  const kept = magnitude >> lost;
  const sticky = kept << lost === magnitude ? kept : kept | 1n;
  return (x < 0n ? -1 : 1) * Number(sticky) * 2 ** Number(lost);
};

const rangeOf = (dtype: DType): readonly [number, number] => {
  const [lo, hi] = integerRange(dtype);
  return [Number(lo), Number(hi)];
};
/** Number → integer in range, toward zero; NaN gives 0. */
export const saturate = (x: number, dtype: DType): number => {
  const [lo, hi] = rangeOf(dtype);
  return Number.isNaN(x) ? 0 : Math.min(Math.max(Math.trunc(x), lo), hi);
};
export const saturateBig = (x: bigint, dtype: DType): bigint => {
  const [lo, hi] = integerRange(dtype);
  return x < lo ? lo : x > hi ? hi : x;
};

/** Number → 64-bit integer in range, toward zero; NaN gives 0. */
export const saturateToBig = (x: number, dtype: DType): bigint => {
  const [lo, hi] = integerRange(dtype);
  return Math.abs(x) === Infinity ? (x < 0 ? lo : hi) : saturateBig(toBig(x), dtype);
};

/** Wraps an integer to the width of a 2- or 4-bit type. */
export const wrapNarrow = (x: number, dtype: DType): number => {
  const { kind, bits } = dtypeInfo(dtype);
  return kind === 'uint' ? x & ((1 << bits) - 1) : (x << (32 - bits)) >> (32 - bits);
};

export { roundTo };
/** Value of each code of a narrow float type. */
export const tableOf = (dtype: DType): Float64Array => floatCodec(dtype)!.table;
/** Code of a value in a narrow float type. */
export const encode = (x: number, dtype: DType): number => floatCodec(dtype)!.encode(x);
/** Value of a narrow float nearest to x, with saturation. */
export const saturateFloat = (x: number, dtype: DType): number => {
  const codec = floatCodec(dtype);
  if (codec) return codec.decode(codec.encode(x, true));
  return roundTo(dtype, x);
};

const scratch = new DataView(new ArrayBuffer(8));
/** The bits of a value of one type read as another of the same width. */
export const bitcast = (x: number | bigint | boolean, from: DType, to: DType): number | bigint | boolean => {
  write(x, from);
  return read(to);
};

const write = (x: number | bigint | boolean, dtype: DType): void => {
  const { bits, kind } = dtypeInfo(dtype);
  const n = typeof x === 'bigint' ? 0 : Number(x);
  if (typeof x === 'bigint') scratch.setBigUint64(0, BigInt.asUintN(64, x), true);
  else if (dtype === 'float32') scratch.setFloat32(0, n, true);
  else if (dtype === 'float64') scratch.setFloat64(0, n, true);
  else {
    const code = kind === 'float' ? encode(n, dtype) : n;
    scratch.setUint32(0, bits < 32 ? code & (2 ** bits - 1) : code >>> 0, true);
  }
};
const read = (dtype: DType): number | bigint | boolean => {
  const { bits, kind } = dtypeInfo(dtype);
  if (dtype === 'int64') return scratch.getBigInt64(0, true);
  if (dtype === 'uint64') return scratch.getBigUint64(0, true);
  if (dtype === 'float32') return scratch.getFloat32(0, true);
  if (dtype === 'float64') return scratch.getFloat64(0, true);
  const code = bits === 32 ? scratch.getUint32(0, true) : scratch.getUint32(0, true) & (2 ** bits - 1);
  if (kind === 'float') return tableOf(dtype)[code]!;
  if (kind === 'bool') return code !== 0;
  return kind === 'uint' ? code : (code << (32 - bits)) >> (32 - bits);
};

/** A 64-bit integer array as pairs of 32-bit words, low one first (typed arrays have the machine's byte order, which is little-endian wherever JavaScript runs). */
export const words = (x: BigInt64Array): Int32Array => new Int32Array(x.buffer, x.byteOffset, x.length * 2);
/** The 64-bit integer at a position, to the nearest float64. */
export const wide = (w: Int32Array, i: number): number => w[2 * i + 1]! * 4294967296 + (w[2 * i]! >>> 0);
/** Stores an integer of at most 53 bits as a 64-bit one. */
export const putWide = (w: Int32Array, i: number, x: number): void => {
  w[2 * i] = x | 0;
  w[2 * i + 1] = Math.floor(x / 4294967296);
};
