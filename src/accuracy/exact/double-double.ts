/**
 * Double-double arithmetic: a number as the sum of two float64, the second at most half a unit in the last place of the
 * first; about 106 bits. Where the first is not finite the second is 0.
 * Source: T. J. Dekker, "A floating-point technique for extending the available precision", 1971; Y. Hida, X. S. Li,
 * D. H. Bailey, "Library for double-double and quad-double arithmetic", 2007.
 */
export type DD = readonly [hi: number, lo: number];

export const dd = (x: number): DD => [x, 0];
export const zero: DD = [0, 0];
export const one: DD = [1, 0];

/** hi + lo where |hi| ≥ |lo|. */
const quick = (hi: number, lo: number): DD => {
  const s = hi + lo;
  return Number.isFinite(s) ? [s, lo - (s - hi)] : [s, 0];
};

/** The exact sum of two float64. */
const twoSum = (a: number, b: number): DD => {
  const s = a + b;
  if (!Number.isFinite(s)) return [s, 0];
  const v = s - a;
  return [s, a - (s - v) + (b - v)];
};

const SPLIT = 2 ** 27 + 1;
/** Beyond this, splitting would overflow. */
const LARGE = 2 ** 996;

/** The exact product of two float64, unless it is subnormal. */
const twoProduct = (a: number, b: number): DD => {
  const p = a * b;
  if (!Number.isFinite(p) || Math.abs(a) > LARGE || Math.abs(b) > LARGE) return [p, 0];
  const [ta, tb] = [SPLIT * a, SPLIT * b];
  const [ah, bh] = [ta - (ta - a), tb - (tb - b)];
  const [al, bl] = [a - ah, b - bh];
  return [p, al * bl - (p - ah * bh - al * bh - ah * bl)];
};

export const add = (a: DD, b: DD): DD => {
  const [s, e] = twoSum(a[0], b[0]);
  if (!Number.isFinite(s)) return [s, 0];
  const [t, f] = twoSum(a[1], b[1]);
  const [u, g] = quick(s, e + t);
  return quick(u, g + f);
};

export const neg = ([hi, lo]: DD): DD => [-hi, -lo];
export const sub = (a: DD, b: DD): DD => add(a, neg(b));

export const mul = (a: DD, b: DD): DD => {
  const [p, e] = twoProduct(a[0], b[0]);
  return Number.isFinite(p) ? quick(p, e + (a[0] * b[1] + a[1] * b[0])) : [p, 0];
};

export const div = (a: DD, b: DD): DD => {
  const q = a[0] / b[0];
  if (!Number.isFinite(q) || !Number.isFinite(b[0])) return [q, 0];
  const r = sub(a, mul(b, dd(q)));
  const q2 = r[0] / b[0];
  const q3 = sub(r, mul(b, dd(q2)))[0] / b[0];
  return add(quick(q, q2), dd(q3));
};

/** By a power of two: exact. */
export const scale = ([hi, lo]: DD, power: number): DD => [hi * power, lo * power];

export const sqrt = (a: DD): DD => {
  const x = Math.sqrt(a[0]);
  if (!(x > 0) || !Number.isFinite(x)) return [x, 0];
  // Where squares would lose their second half.
  if (x < 2 ** -400) return scale(sqrt(scale(scale(a, 2 ** 400), 2 ** 400)), 2 ** -400);
  return add(dd(x), scale(div(sub(a, mul(dd(x), dd(x))), dd(x)), 0.5));
};

/** −1, 0 or 1; NaN where either is. */
export const compare = (a: DD, b: DD): number => (a[0] === b[0] ? Math.sign(a[1] - b[1]) : a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : NaN);
export const abs = (a: DD): DD => (a[0] < 0 || (a[0] === 0 && a[1] < 0) ? neg(a) : a);

/** Largest whole number not above it. */
export const floor = ([hi, lo]: DD): DD => {
  const f = Math.floor(hi);
  return f === hi ? quick(f, Math.floor(lo)) : [f, 0];
};

/** To the nearest whole number, ties to even. */
export const round = (a: DD): DD => {
  const down = floor(a);
  const rest = compare(sub(a, down), dd(0.5));
  if (rest !== rest) return a;
  const odd = floor(scale(down, 0.5));
  const isOdd = compare(scale(odd, 2), down) !== 0;
  return rest < 0 || (rest === 0 && !isOdd) ? down : add(down, one);
};

/** As one float64: the nearest. */
export const toNumber = ([hi, lo]: DD): number => hi + lo;
