/** Elementary functions in double-double: to about 100 bits, by reduction and series. */
import { abs, add, compare, dd, div, floor, mul, neg, one, round, scale, sqrt, sub, zero, type DD } from './double-double.ts';

const LN2: DD = [Math.LN2, 2.3190468138462996e-17];
const HALF_PI: DD = [1.5707963267948966, 6.123233995736766e-17];
const TWO_OVER_SQRT_PI: DD = [1.1283791670955126, 1.533545961316588e-17];
const TINY = 2 ** -110;

/** first + Σ of the terms that `next` makes of the last one, until they are lost. */
const series = (first: DD, next: (term: DD, n: number) => DD): DD => {
  let [total, term] = [first, first];
  for (let n = 1; n < 2000; n++) {
    term = next(term, n);
    if (!(Math.abs(term[0]) > TINY * Math.abs(total[0]))) break;
    total = add(total, term);
  }
  return total;
};

/** exp(x) − 1 for small x, by Taylor. */
const expm1Series = (x: DD): DD => (x[0] === 0 ? x : series(x, (term, n) => div(mul(term, x), dd(n + 1))));

export const exp = (x: DD): DD => {
  if (!(x[0] > -746) || !(x[0] < 710)) return dd(Math.exp(x[0]));
  const k = Math.round(x[0] / LN2[0]);
  const r = sub(x, mul(LN2, dd(k)));
  // 2^k in two steps, since it may leave the range that the result is in.
  const half = Math.trunc(k / 2);
  return scale(scale(add(one, expm1Series(r)), 2 ** half), 2 ** (k - half));
};

export const expm1 = (x: DD): DD => (Math.abs(x[0]) < 0.5 ? expm1Series(x) : sub(exp(x), one));

/** Newton's step from float64's: twice the digits. */
export const log = (x: DD): DD => {
  const y = Math.log(x[0]);
  if (!Number.isFinite(y)) return dd(y);
  // Near 1, 1 + x is exact in double-double, and the other series is not relative to a small result.
  if (Math.abs(x[0] - 1) < 0.2) return log1p(sub(x, one));
  // Near the ends of the range products lose their second half.
  if (x[0] < 2 ** -400) return sub(log(scale(x, 2 ** 600)), mul(LN2, dd(600)));
  return add(dd(y), sub(mul(x, exp(dd(-y))), one));
};

/** 2·atanh(x / (2 + x)) near 0, where 1 + x would lose digits. */
export const log1p = (x: DD): DD => {
  if (!(Math.abs(x[0]) < 0.25)) return log(add(one, x));
  if (x[0] === 0) return x;
  const s = div(x, add(dd(2), x));
  const s2 = mul(s, s);
  let [total, power] = [s, s];
  for (let n = 3; n < 400; n += 2) {
    power = mul(power, s2);
    const term = div(power, dd(n));
    if (!(Math.abs(term[0]) > TINY * Math.abs(total[0]))) break;
    total = add(total, term);
  }
  return scale(total, 2);
};

export const sigmoid = (x: DD): DD => {
  const e = exp(neg(abs(x)));
  return x[0] < 0 ? div(e, add(one, e)) : div(one, add(one, e));
};

export const tanh = (x: DD): DD => {
  if (!(Math.abs(x[0]) < 40)) return dd(Math.tanh(x[0]));
  const e = expm1(scale(x, 2));
  return div(e, add(e, dd(2)));
};

export const sinh = (x: DD): DD => {
  if (!(Math.abs(x[0]) < 700)) return dd(Math.sinh(x[0]));
  const e = expm1(x);
  return scale(add(e, div(e, add(e, one))), 0.5);
};
export const cosh = (x: DD): DD => {
  if (!(Math.abs(x[0]) < 700)) return dd(Math.cosh(x[0]));
  const e = exp(x);
  return scale(add(e, div(one, e)), 0.5);
};

/** 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!!, whose terms are all of one sign. */
export const erf = (x: DD): DD => {
  if (x[0] === 0 || x[0] !== x[0]) return x;
  if (Math.abs(x[0]) > 9) return dd(Math.sign(x[0]));
  const x2 = mul(x, x);
  const total = series(x, (term, n) => div(mul(scale(term, 2), x2), dd(2 * n + 1)));
  return mul(mul(TWO_OVER_SQRT_PI, exp(neg(x2))), total);
};

/** sin and cos of what is at most π/4. */
const sinSeries = (x: DD, x2: DD): DD => (x[0] === 0 ? x : series(x, (term, n) => div(neg(mul(term, x2)), dd(2 * n * (2 * n + 1)))));
const cosSeries = (x2: DD): DD => (x2[0] === 0 ? one : series(one, (term, n) => div(neg(mul(term, x2)), dd((2 * n - 1) * 2 * n))));

/** @param quarter turns to add: 1 makes a cosine of a sine. */
const turned = (x: DD, quarter: number): DD => {
  if (!Number.isFinite(x[0])) return dd(NaN);
  const k = round(div(x, HALF_PI));
  const r = sub(x, mul(HALF_PI, k));
  const r2 = mul(r, r);
  const turn = (((Number(sub(k, scale(floor(scale(k, 0.25)), 4))[0]) + quarter) % 4) + 4) % 4;
  const made = turn % 2 === 0 ? sinSeries(r, r2) : cosSeries(r2);
  return turn < 2 ? made : neg(made);
};
export const sin = (x: DD): DD => turned(x, 0);
export const cos = (x: DD): DD => turned(x, 1);
export const tan = (x: DD): DD => div(sin(x), cos(x));

/** Newton's step on tan. */
export const atan = (x: DD): DD => {
  const y = dd(Math.atan(x[0]));
  if (!Number.isFinite(x[0])) return x[0] === x[0] ? (x[0] > 0 ? HALF_PI : neg(HALF_PI)) : x;
  const [s, c] = [sin(y), cos(y)];
  return add(y, mul(c, sub(mul(x, c), s)));
};

/** Whole exponents by multiplication, others by logarithms; what has no real value as float64 has it. */
export const pow = (x: DD, y: DD): DD => {
  const plain = Math.pow(x[0], y[0]);
  const whole = y[1] === 0 && Number.isInteger(y[0]) && Math.abs(y[0]) <= 64;
  if (whole && Number.isFinite(x[0])) {
    let made = one;
    for (let n = Math.abs(y[0]); n > 0; n--) made = mul(made, x);
    return y[0] < 0 ? div(one, made) : made;
  }
  if (!(x[0] > 0) || !Number.isFinite(plain) || plain === 0) return dd(plain);
  return exp(mul(y, log(x)));
};

export const rsqrt = (x: DD): DD => div(one, sqrt(x));
export const reciprocal = (x: DD): DD => div(one, x);
export const sign = (x: DD): DD => (x[0] !== x[0] ? x : dd(compare(x, zero)));
export const ceil = (x: DD): DD => neg(floor(neg(x)));
export const trunc = (x: DD): DD => (x[0] < 0 ? ceil(x) : floor(x));
