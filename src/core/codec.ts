/**
 * Bit-exact codecs between float64 and the floating-point types JavaScript has no arrays for
 * (float16, bfloat16, four float8s, float8e8m0, float4e2m1), each described by one row of `formats`.
 *
 * Encoding rounds once, to nearest and ties to even. What happens past the largest finite value is
 * the caller's choice, as in ONNX's Cast: `saturate` gives the largest finite value (and, for the
 * types that have no infinity, for infinities too), otherwise infinity where the type has one, NaN where not.
 * Sources: IEEE 754-2019 §3.4; OCP 8-bit Floating Point Specification 1.0; OCP Microscaling Formats 1.0;
 * ONNX "Float stored in 8 bits".
 */
import type { DType } from './dtype.ts';

interface FloatFormat {
  readonly exponentBits: number;
  readonly mantissaBits: number;
  readonly bias: number;
  /** `ieee`: top exponent is Inf/NaN. `fn`: only all-ones is NaN, no Inf. `fnuz`: 0x80 is the only NaN, no −0. `none`: all codes finite. */
  readonly special: 'ieee' | 'fn' | 'fnuz' | 'none';
}

const formats: Partial<Record<DType, FloatFormat>> = {
  float16: { exponentBits: 5, mantissaBits: 10, bias: 15, special: 'ieee' },
  bfloat16: { exponentBits: 8, mantissaBits: 7, bias: 127, special: 'ieee' },
  float8e4m3fn: { exponentBits: 4, mantissaBits: 3, bias: 7, special: 'fn' },
  float8e4m3fnuz: { exponentBits: 4, mantissaBits: 3, bias: 8, special: 'fnuz' },
  float8e5m2: { exponentBits: 5, mantissaBits: 2, bias: 15, special: 'ieee' },
  float8e5m2fnuz: { exponentBits: 5, mantissaBits: 2, bias: 16, special: 'fnuz' },
  float4e2m1: { exponentBits: 2, mantissaBits: 1, bias: 1, special: 'none' },
};

/** A codec for one type: `encode` gives the bit pattern (the storage element), `decode` its value. */
export interface FloatCodec {
  readonly decode: (code: number) => number;
  readonly encode: (value: number, saturate?: boolean) => number;
  /** Largest finite value. */
  readonly max: number;
  /** Every code's value, indexed by code. */
  readonly table: Float64Array;
}

const decodeWith = (f: FloatFormat, code: number): number => {
  const { exponentBits: e, mantissaBits: m } = f;
  const sign = code >> (e + m) ? -1 : 1;
  const exponent = (code >> m) & ((1 << e) - 1);
  const mantissa = code & ((1 << m) - 1);
  const top = exponent === (1 << e) - 1;
  if (f.special === 'ieee' && top) return mantissa ? NaN : sign * Infinity;
  if (f.special === 'fn' && top && mantissa === (1 << m) - 1) return NaN;
  if (f.special === 'fnuz' && code === 1 << (e + m)) return NaN;
  if (exponent === 0) return sign * mantissa * 2 ** (1 - f.bias - m);
  return sign * (1 + mantissa / (1 << m)) * 2 ** (exponent - f.bias);
};

const nanCode = (f: FloatFormat, negative: boolean): number => {
  const { exponentBits: e, mantissaBits: m } = f;
  const sign = negative ? 1 << (e + m) : 0;
  if (f.special === 'fnuz') return 1 << (e + m);
  if (f.special === 'fn') return sign | ((1 << (e + m)) - 1);
  // A type without NaN (float4e2m1) gives −0, as ONNX's test data has it.
  if (f.special === 'none') return 1 << (e + m);
  return sign | (((1 << e) - 1) << m) | (1 << (m - 1));
};

const bits = new DataView(new ArrayBuffer(8));

/** floor(log2(|x|)) of a finite nonzero double, exact. */
const exponentOf = (x: number): number => {
  bits.setFloat64(0, x);
  const e = (bits.getUint16(0) >> 4) & 0x7ff;
  return e === 0 ? Math.floor(Math.log2(Math.abs(x))) : e - 1023;
};

const roundTiesToEven = (x: number): number => {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
};

const encodeWith = (f: FloatFormat, maxCode: number, value: number, saturate: boolean): number => {
  const { exponentBits: e, mantissaBits: m } = f;
  const negative = value < 0 || Object.is(value, -0);
  if (Number.isNaN(value)) {
    bits.setFloat64(0, value);
    return nanCode(f, bits.getUint8(0) >= 0x80);
  }
  const sign = negative ? 1 << (e + m) : 0;
  const magnitude = Math.abs(value);
  const overflow = (): number => {
    if (f.special === 'none' || (saturate && (f.special !== 'ieee' || magnitude !== Infinity || e + m === 7))) return sign | maxCode;
    return f.special === 'ieee' ? sign | (((1 << e) - 1) << m) : nanCode(f, negative);
  };
  if (magnitude === Infinity) return overflow();
  // Subnormals share the scale of the smallest normal, so one rounding covers both.
  const scale = Math.max(magnitude === 0 ? -Infinity : exponentOf(magnitude), 1 - f.bias);
  const units = roundTiesToEven(magnitude * 2 ** (m - scale));
  if (units === 0) return f.special === 'fnuz' ? 0 : sign;
  const code = units + ((scale + f.bias - 1) << m);
  return code > maxCode ? overflow() : sign | code;
};

const makeCodec = (f: FloatFormat): FloatCodec => {
  const { exponentBits: e, mantissaBits: m } = f;
  const count = 1 << (1 + e + m);
  const table = Float64Array.from({ length: count }, (_, code) => decodeWith(f, code));
  const top = (1 << (e + m)) - 1;
  const maxCode = f.special === 'ieee' ? (((1 << e) - 1) << m) - 1 : f.special === 'fn' ? top - 1 : top;
  return {
    table,
    max: table[maxCode]!,
    decode: (code) => table[code]!,
    encode: (value, saturate = false) => encodeWith(f, maxCode, value, saturate),
  };
};

/**
 * float8e8m0: an unsigned power of two, 2^(code−127), 255 is NaN. Rounds to nearest in value, ties up (Cast's
 * other modes are the op's own). There is no zero: with `saturate` it becomes the smallest value, else NaN; signs are dropped.
 */
const e8m0: FloatCodec = (() => {
  const table = Float64Array.from({ length: 256 }, (_, code) => (code === 255 ? NaN : 2 ** (code - 127)));
  return {
    table,
    max: 2 ** 127,
    decode: (code: number) => table[code]!,
    encode: (value: number, saturate = false) => {
      if (Number.isNaN(value)) return 255;
      const magnitude = Math.abs(value);
      if (magnitude === 0) return saturate ? 0 : 255;
      if (magnitude === Infinity) return saturate ? 254 : 255;
      const floor = exponentOf(magnitude);
      const code = (magnitude * 2 ** -floor >= 1.5 ? floor + 1 : floor) + 127;
      if (code > 254) return saturate ? 254 : 255;
      return code < 0 ? 0 : code;
    },
  };
})();

const cache = new Map<DType, FloatCodec>();

/** The codec of a narrow float type; undefined for types JavaScript can hold as they are. Tables are made at first use. */
export const floatCodec = (dtype: DType): FloatCodec | undefined => {
  if (dtype === 'float8e8m0') return e8m0;
  const format = formats[dtype];
  if (!format) return undefined;
  let codec = cache.get(dtype);
  if (!codec) cache.set(dtype, (codec = makeCodec(format)));
  return codec;
};

/**
 * Round a float64 to the nearest value of a float type (ties to even), and give it back as float64.
 * Overflow gives infinity (NaN where the type has none).
 */
export const roundTo = (dtype: DType, value: number): number => {
  if (dtype === 'float64') return value;
  if (dtype === 'float32') return Math.fround(value);
  const codec = floatCodec(dtype);
  return codec ? codec.decode(codec.encode(value)) : value;
};

/** Unpack little-end-first 4-bit (2-bit) codes, as ONNX files store them, to one code a byte. `count` is in elements. */
export const unpackBits = (packed: Uint8Array, bitsEach: 2 | 4, count: number, signed: boolean): Uint8Array | Int8Array => {
  const out = signed ? new Int8Array(count) : new Uint8Array(count);
  const perByte = 8 / bitsEach;
  const mask = (1 << bitsEach) - 1;
  const half = 1 << (bitsEach - 1);
  for (let i = 0; i < count; i++) {
    const code = (packed[Math.floor(i / perByte)]! >> ((i % perByte) * bitsEach)) & mask;
    out[i] = signed && code >= half ? code - mask - 1 : code;
  }
  return out;
};

/** The reverse of {@link unpackBits}; unused bits of the last byte are zero. */
export const packBits = (codes: ArrayLike<number>, bitsEach: 2 | 4): Uint8Array => {
  const perByte = 8 / bitsEach;
  const mask = (1 << bitsEach) - 1;
  const out = new Uint8Array(Math.ceil(codes.length / perByte));
  for (let i = 0; i < codes.length; i++) out[Math.floor(i / perByte)]! |= (codes[i]! & mask) << ((i % perByte) * bitsEach);
  return out;
};
