/**
 * Elementary functions on four float32 lanes, without branches, as sequences of instructions. The same
 * sequence is written into a vector loop, or becomes a function that calculates one value. Errors are
 * in units in the last place of float32, measured over the whole range (`plugins/flagos/wasm-math.test.ts`).
 */
import type { UnaryOp } from '../expr.ts';
import type { WasmFunction } from './wasm-functions.ts';
import { get, op } from './wasm-types.ts';

/** Where a sequence is written. */
export interface VectorCode {
  /** Names a value; gives back what reads it. */
  keep(value: string): string;
  /** Four times the same float, or the same 32 bits. */
  float(value: number): string;
  bits(value: number): string;
}

type Sequence = (x: string, c: VectorCode) => string;

const add = (a: string, b: string): string => op('f32x4.add', a, b);
const sub = (a: string, b: string): string => op('f32x4.sub', a, b);
const mul = (a: string, b: string): string => op('f32x4.mul', a, b);
const div = (a: string, b: string): string => op('f32x4.div', a, b);
const choose = (a: string, b: string, mask: string): string => op('v128.bitselect', a, b, mask);

/** c₀ + c₁x + c₂x² + … */
const polynomial = (x: string, coefficients: readonly number[], c: VectorCode): string =>
  coefficients.reduceRight<string>((sum, k) => (sum === '' ? c.float(k) : add(c.float(k), mul(x, sum))), '');

/** Added to a float32 and taken off again, it leaves the nearest whole number, which meanwhile stands in the lowest bits. */
const TO_WHOLE = 1.5 * 2 ** 23;

/** What is known of an exponent: nothing, that it is not above 0, or that its power is far from the ends of float32. */
type ExpRange = 'any' | 'not positive' | 'moderate';

/** A whole number in the lowest bits, plus 127, as that power of two: its bits move to where the exponent is, and all others fall out. */
const powerOfTwo = (n: string): string => op('i32x4.shl', n, '(i32.const 23)');

/**
 * x = n ln 2 + r with |r| ≤ ln 2 / 2; e^r is a polynomial, times 2^n. n stands in the lowest bits of a float
 * with what its exponent needs added already: twice 127 for two factors, each 2^(n/2), where the power may be
 * anything between subnormals and 2^128; 127 + 64 for 2^(n + 64), brought down by 2^-64 after, where it is 1
 * at most. 1.1 ulp.
 */
const exponential = (x: string, c: VectorCode, range: ExpRange): string => {
  const bias = { any: 2 * 127, 'not positive': 127 + 64, moderate: 127 }[range];
  const above = range === 'moderate' ? x : op('f32x4.pmax', x, c.float(-104));
  const v = c.keep(range === 'any' ? op('f32x4.pmin', above, c.float(89)) : above);
  const n = c.keep(add(mul(v, c.float(Math.LOG2E)), c.float(TO_WHOLE + bias)));
  const k = c.keep(sub(n, c.float(TO_WHOLE + bias)));
  const r = c.keep(sub(sub(v, mul(k, c.float(0.693359375))), mul(k, c.float(-2.1219444e-4))));
  const y = polynomial(r, [1, 1, 0.5, 0.16666576266288757, 0.041666556149721146, 0.008363194763660431, 0.0013926203828305006], c);
  if (range === 'moderate') return mul(y, powerOfTwo(n));
  if (range === 'not positive') return mul(mul(y, powerOfTwo(n)), c.float(2 ** -64));
  const half = c.keep(op('i32x4.shr_u', n, '(i32.const 1)'));
  return mul(mul(y, powerOfTwo(half)), powerOfTwo(op('i32x4.sub', n, half)));
};

const exp: Sequence = (x, c) => exponential(x, c, 'any');

/** Below 0.625 an odd polynomial, else 1 − 2 / (e^2x + 1), with the sign of x. 2 ulp. */
const tanh: Sequence = (x, c) => {
  const v = c.keep(x);
  const a = c.keep(op('f32x4.abs', v));
  const s = c.keep(mul(v, v));
  const small = add(
    v,
    mul(
      mul(v, s),
      polynomial(s, [-0.333333283662796, 0.1333276927471161, -0.05385090783238411, 0.020997179672122, -0.006096714176237583], c),
    ),
  );
  const e = exponential(mul(c.float(2), op('f32x4.pmin', a, c.float(10))), c, 'moderate');
  const big = op('v128.or', sub(c.float(1), div(c.float(2), add(e, c.float(1)))), op('v128.and', v, c.bits(-0x80000000)));
  // NaN is neither: it must not be cut off by a comparison.
  return choose(big, small, op('f32x4.ge', a, c.float(0.625)));
};

/** 1 / (1 + e^−x), or e^x / (1 + e^x) below 0, so that subnormals come out right. 2.5 ulp. */
const sigmoid: Sequence = (x, c) => {
  const v = c.keep(x);
  const e = c.keep(exponential(op('v128.or', v, c.bits(-0x80000000)), c, 'not positive'));
  // A sign fills its lane; that of a NaN chooses between two.
  return div(choose(e, c.float(1), op('i32x4.shr_s', v, '(i32.const 31)')), add(c.float(1), e));
};

/** |x| ≤ 1: odd polynomial; beyond, 1 − e^(−x²) Q((|x| − 2) / (|x| + 2)). 2.3 ulp. */
const erf: Sequence = (x, c) => {
  const v = c.keep(x);
  const a = c.keep(op('f32x4.abs', v));
  const s = c.keep(mul(v, v));
  const small = mul(
    v,
    polynomial(
      s,
      [
        1.1283791065216064, -0.3761262595653534, 0.11283594369888306, -0.02685421146452427, 0.005189087241888046, -0.000801686430349946,
        0.00007875874871388078,
      ],
      c,
    ),
  );
  const b = c.keep(op('f32x4.pmin', a, c.float(4)));
  const t = c.keep(div(sub(b, c.float(2)), add(b, c.float(2))));
  const q = polynomial(
    t,
    [
      0.25539568066596985, -0.427185982465744, 0.24165819585323334, -0.07896830886602402, 0.0037323718424886465, 0.006811140105128288,
      -0.0008379754144698381,
    ],
    c,
  );
  const big = op(
    'v128.or',
    sub(c.float(1), mul(exponential(op('f32x4.neg', mul(b, b)), c, 'moderate'), q)),
    op('v128.and', v, c.bits(-0x80000000)),
  );
  return choose(big, small, op('f32x4.ge', a, c.float(1)));
};

/** x = 2^e m with m between √½ and √2; log m = 2t + t³ P(t²), t = (m − 1) / (m + 1). 1.8 ulp. */
const log: Sequence = (x, c) => {
  const v = c.keep(x);
  const tiny = c.keep(op('f32x4.lt', v, c.float(2 ** -126)));
  const scaled = c.keep(choose(mul(v, c.float(2 ** 23)), v, tiny));
  const u = c.keep(op('i32x4.sub', scaled, c.bits(0x3f3504f3)));
  const e = c.keep(sub(op('f32x4.convert_i32x4_s', op('i32x4.shr_s', u, '(i32.const 23)')), op('v128.and', tiny, c.float(23))));
  const m = c.keep(op('i32x4.add', op('v128.and', u, c.bits(0x007fffff)), c.bits(0x3f3504f3)));
  const t = c.keep(div(sub(m, c.float(1)), add(m, c.float(1))));
  const s = c.keep(mul(t, t));
  const series = mul(mul(t, s), polynomial(s, [0.6666666865348816, 0.4000012278556824, 0.28550732135772705, 0.23332913219928741], c));
  const y = c.keep(add(mul(e, c.float(0.693359375)), add(add(t, t), add(series, mul(e, c.float(-2.1219444e-4))))));
  const atInfinity = choose(v, y, op('f32x4.eq', v, c.float(Infinity)));
  const atZero = choose(c.float(-Infinity), atInfinity, op('f32x4.eq', v, c.float(0)));
  // Not less than 0 and not NaN, or the result is none.
  return choose(atZero, c.float(NaN), op('f32x4.ge', v, c.float(0)));
};

/** Sequences by op. */
export const vectorMath: Partial<Record<UnaryOp, Sequence>> = { exp, tanh, sigmoid, erf, log };

const splat = (type: 'f32x4' | 'i32x4', text: string): string => `(v128.const ${type} ${[text, text, text, text].join(' ')})`;
export const floatLanes = (v: number): string =>
  splat('f32x4', Number.isNaN(v) ? 'nan' : v === Infinity ? 'inf' : v === -Infinity ? '-inf' : Object.is(v, -0) ? '-0' : String(v));
export const bitLanes = (n: number): string => splat('i32x4', String(n | 0));

/** A sequence as a function of one float32. */
const scalarFunction = (name: string, sequence: Sequence): [string, WasmFunction] => {
  const lines: string[] = [];
  const code: VectorCode = {
    keep: (value) => {
      lines.push(`(local.set $t${lines.length} ${value})`);
      return get(`$t${lines.length - 1}`);
    },
    float: floatLanes,
    bits: bitLanes,
  };
  const result = sequence('(f32x4.splat (local.get $x))', code);
  const locals = lines.map((_, i) => `(local $t${i} v128)`).join(' ');
  return [
    name,
    {
      text: `(func $${name} (param $x f32) (result f32) ${locals}\n    ${lines.join('\n    ')}\n    (f32x4.extract_lane 0 ${result}))`,
      needs: [],
    },
  ];
};

export const vectorFunctions: readonly [string, WasmFunction][] = Object.entries(vectorMath).map(([name, sequence]) =>
  scalarFunction(`${name}_f32`, sequence),
);
