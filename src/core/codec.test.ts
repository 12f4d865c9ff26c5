import { describe, expect, it } from 'vitest';
import { floatCodec, packBits, roundTo, unpackBits } from './codec.ts';
import type { DType } from './dtype.ts';

/**
 * Facts from numpy 2.4 and ml_dtypes 0.6: SHA-256 of every code's value (float64, NaN as 1e300), and of
 * the codes (uint16) of the 20 000 float32 values made below. float8e8m0 of the values' magnitudes.
 */
const facts: readonly (readonly [dtype: DType, decoded: string, encoded: string])[] = [
  [
    'float16',
    '0eb9a9b742840294605db8b39491387e832cce6b9fa3e36281e1fec57cdafe7f',
    '404f2d23fa0eb943929b544642a9de072f23e16352a0f2846158ddb4390643dc',
  ],
  [
    'bfloat16',
    '1b4383d7b0efad9af976d565589257b3a85525e70c7d5b530d55d62cb3fff68f',
    '0cfb4ec5a7d4015f568f659ff275eab8243628bdd4202ea3cff019a84aef1a50',
  ],
  [
    'float8e4m3fn',
    '10d54d07471c912ef11535cde11554dcfe21225d0550df9242eb762353f6ace5',
    '25b69722ca1c252adffad92a3e2d0d9cd54a4a431701096c4851fe3af7a1ec15',
  ],
  [
    'float8e4m3fnuz',
    '064da9a17406c28be83434d5aac89f02e5c7288858da15764f27b9dbbb62c931',
    '2a938c5cb41ce31091db94fd7f326924f84a3988377449e4a2f43436f17cd57a',
  ],
  [
    'float8e5m2',
    'e4fc4f5c9b22a79f317af87a46cd69d18c979dd4a1124e4a9894d51cf1fc7d32',
    'fd1e0e4d760e06a19b2421b85cf5319467ca41edde14a68f469e0d1b98e67374',
  ],
  [
    'float8e5m2fnuz',
    '97d9951cd28c0186637121fa0efb68b1951927a29f902d180d143b994956e5d7',
    'a7d8d216230aedf1be7dc92c4964d354793e21b3d4f4819202315627d1ea2b84',
  ],
  [
    'float8e8m0',
    'f958356f63031a637021f898ac7eb079885f1f13aace46b4d4f7d4ca4f67eb1a',
    '5eb412eac2ac8981a02cd9a21a4d0884ab8b3f05987e17f874b504fa1604ed2d',
  ],
  [
    'float4e2m1',
    'bafb8c3b8a81bdda0c61588f824ab8a13f192b6be0e0edddd221e2c489e56b21',
    'd6c4cd07efd0a2d4338de21e30a89815358cb3425d2624f145557d659bcf8f5b',
  ],
];

const sha256 = async (bytes: Float64Array<ArrayBuffer> | Uint16Array<ArrayBuffer>): Promise<string> =>
  Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), (b) => b.toString(16).padStart(2, '0')).join('');

/** Float32 values of magnitudes 2^−32 … 2^32 from a linear congruential generator. */
const sampleValues = (): number[] => {
  let s = 12345;
  const next = (): number => (s = (Math.imul(s, 1664525) + 1013904223) >>> 0);
  return Array.from({ length: 20_000 }, () => {
    const mantissa = (next() >>> 9) / 2 ** 23;
    const bits = next();
    return (1 + mantissa) * 2 ** (((bits >>> 24) % 64) - 32) * (bits & (1 << 20) ? -1 : 1);
  });
};
const samples = sampleValues();

describe.each(facts)('%s', (dtype, decoded, encoded) => {
  const codec = floatCodec(dtype)!;
  const codes = Array.from({ length: codec.table.length }, (_, code) => code);

  it('decodes every code as numpy does', async () => {
    expect(await sha256(Float64Array.from(codes, (code) => (Number.isNaN(codec.decode(code)) ? 1e300 : codec.decode(code))))).toBe(decoded);
  });

  it('encodes every value back to its code', () => {
    const wrong = codes.filter((code) => !Number.isNaN(codec.decode(code)) && codec.encode(codec.decode(code)) !== code);
    expect(wrong).toEqual([]);
  });

  it('encodes other values as numpy does', async () => {
    expect(await sha256(Uint16Array.from(samples, (v) => codec.encode(dtype === 'float8e8m0' ? Math.abs(v) : v)))).toBe(encoded);
  });

  it('rounds to the nearest value, ties as the type has them', () => {
    const positive = codes.filter((code) => Number.isFinite(codec.decode(code)) && (codec.decode(code) > 0 || code === 0));
    const wrong = positive.slice(1).filter((code, i) => {
      const [lo, hi] = [codec.decode(positive[i]!), codec.decode(code)];
      const middle = (lo + hi) / 2;
      const even = positive[i]! % 2 === 0 ? lo : hi;
      const tie = dtype === 'float8e8m0' ? hi : even;
      const below = middle - middle * 2 ** -40;
      const above = middle + middle * 2 ** -40;
      return roundTo(dtype, middle) !== tie || roundTo(dtype, below) !== lo || roundTo(dtype, above) !== hi;
    });
    expect(wrong).toEqual([]);
  });
});

describe('values that do not fit', () => {
  /** What ONNX's Cast gives: [type, value, code with saturation, code without]. Sources: ONNX Cast-25, "Float stored in 8 bits". */
  const table: readonly (readonly [DType, number, number, number])[] = [
    ['float8e4m3fn', Infinity, 0x7e, 0x7f],
    ['float8e4m3fn', -Infinity, 0xfe, 0xff],
    ['float8e4m3fn', 1e6, 0x7e, 0x7f],
    ['float8e4m3fn', -0, 0x80, 0x80],
    ['float8e4m3fnuz', Infinity, 0x7f, 0x80],
    ['float8e4m3fnuz', -Infinity, 0xff, 0x80],
    ['float8e4m3fnuz', -1e6, 0xff, 0x80],
    ['float8e4m3fnuz', -0, 0, 0],
    ['float8e5m2', Infinity, 0x7b, 0x7c],
    ['float8e5m2', -Infinity, 0xfb, 0xfc],
    ['float8e5m2', 1e6, 0x7b, 0x7c],
    ['float8e5m2', -0, 0x80, 0x80],
    ['float8e5m2fnuz', Infinity, 0x7f, 0x80],
    ['float8e5m2fnuz', -Infinity, 0xff, 0x80],
    ['float8e5m2fnuz', 1e6, 0x7f, 0x80],
    ['float8e5m2fnuz', -0, 0, 0],
    ['float8e8m0', Infinity, 254, 255],
    ['float8e8m0', 2 ** 128, 254, 255],
    ['float8e8m0', 0, 0, 255],
    ['float16', Infinity, 0x7c00, 0x7c00],
    ['float16', 65519.99, 0x7bff, 0x7bff],
    ['float16', 65520, 0x7bff, 0x7c00],
    ['bfloat16', -Infinity, 0xff80, 0xff80],
    ['bfloat16', 3.4e38, 0x7f7f, 0x7f80],
    // float4e2m1 has no way but to saturate.
    ['float4e2m1', Infinity, 7, 7],
    ['float4e2m1', -1e6, 15, 15],
    ['float4e2m1', -0, 8, 8],
  ];
  it.each(table)('%s %d', (dtype, value, saturated, plain) => {
    const { encode } = floatCodec(dtype)!;
    expect([encode(value, true), encode(value, false)]).toEqual([saturated, plain]);
  });

  it('keeps NaN where the type has one; float4e2m1 gives −0', () => {
    for (const dtype of ['float16', 'bfloat16', 'float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz', 'float8e8m0'] as const) {
      const codec = floatCodec(dtype)!;
      expect([dtype, codec.decode(codec.encode(NaN)), codec.decode(codec.encode(NaN, true))]).toEqual([dtype, NaN, NaN]);
    }
    expect(floatCodec('float4e2m1')!.encode(NaN)).toBe(8);
  });

  it('knows the largest finite values', () => {
    const largest = (
      ['float16', 'bfloat16', 'float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz', 'float8e8m0', 'float4e2m1'] as const
    ).map((d) => floatCodec(d)!.max);
    expect(largest).toEqual([65504, (2 - 2 ** -7) * 2 ** 127, 448, 240, 57344, 57344, 2 ** 127, 6]);
  });

  it('rounds float32 and leaves float64 and integers alone', () => {
    expect([roundTo('float32', 0.1), roundTo('float64', 0.1), roundTo('int8', 0.1)]).toEqual([Math.fround(0.1), 0.1, 0.1]);
    expect([floatCodec('float32'), floatCodec('int4')]).toEqual([undefined, undefined]);
  });
});

describe('packed codes', () => {
  it('packs the first code into the lowest bits', () => {
    expect(packBits([1, 2, 3], 4)).toEqual(Uint8Array.of(0x21, 0x03));
    expect(packBits([1, 2, 3, 0, 2], 2)).toEqual(Uint8Array.of(0b00111001, 0b10));
    expect(packBits([-1, -8], 4)).toEqual(Uint8Array.of(0x8f));
    expect(packBits([], 4)).toEqual(new Uint8Array(0));
  });

  it('unpacks what was packed, with sign where asked', () => {
    const nibbles = Array.from({ length: 17 }, (_, i) => i % 16);
    expect([...unpackBits(packBits(nibbles, 4), 4, 17, false)]).toEqual(nibbles);
    const signed = [-8, -1, 0, 7, 3];
    expect(unpackBits(packBits(signed, 4), 4, 5, true)).toEqual(Int8Array.from(signed));
    const quarters = [-2, -1, 0, 1, -2];
    expect(unpackBits(packBits(quarters, 2), 2, 5, true)).toEqual(Int8Array.from(quarters));
    expect(unpackBits(Uint8Array.of(0b11100100), 2, 4, false)).toEqual(Uint8Array.of(0, 1, 2, 3));
  });
});
