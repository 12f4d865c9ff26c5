/**
 * Elementary functions for generated JavaScript where values are float32 in the end: float64 to
 * within a few units in the last place, and several times as fast as Math's, which are calls out of
 * compiled code. Arguments beyond what float32 can hold give the limits (0, 1, Infinity).
 */

/** 1.5 · 2⁵²: added and taken away again, it rounds to an integer. */
const ROUND = 6755399441055744;
/** Top bits of ln 2, exact when multiplied by an exponent, and the rest. */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const powers = Float64Array.from({ length: 2047 }, (_, i) => 2 ** (i - 1023));

/** e^x: x = k ln 2 + r, |r| ≤ ln 2 / 2, the series of e^r to the twelfth power. */
export const exp = (x: number): number => {
  if (!(x > -708)) return Number.isNaN(x) ? x : 0;
  if (x > 709) return Infinity;
  const k = x * Math.LOG2E + ROUND - ROUND;
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  const s = r * r;
  const even = 0.5 + s * (1 / 24 + s * (1 / 720 + s * (1 / 40320 + s * (1 / 3628800 + s * (1 / 479001600)))));
  const odd = 1 + s * (1 / 6 + s * (1 / 120 + s * (1 / 5040 + s * (1 / 362880 + s * (1 / 39916800)))));
  return (1 + (r * odd + s * even)) * powers[(k + 1023) | 0]!;
};

/** 1 / (1 + e^−x). */
export const sigmoid = (x: number): number => 1 / (1 + exp(-x));

/** 1 − 2 / (e^2x + 1); near 0, where that would cancel, the series x − x³/3 + 2x⁵/15 − …. */
export const tanh = (x: number): number => {
  const s = x * x;
  if (s < 0.01) return x + x * s * (-1 / 3 + s * (2 / 15 + s * (-17 / 315 + s * (62 / 2835 + s * (-1382 / 155925 + s * (21844 / 6081075))))));
  return 1 - 2 / (exp(2 * x) + 1);
};

/** erf(x) / x in powers of x², |x| ≤ 1. Fitted at Chebyshev points; error 8e-18. */
const near = (s: number): number =>
  1.1283791670955126 + s * (-0.3761263890318367 + s * (0.11283791670953977 + s * (-0.02686617064493993 + s * (0.005223977623886476 + s * (-0.0008548326910413716
  + s * (0.00012055328154711285 + s * (-0.000014925515364493903 + s * (0.0000016458640545063447 + s * (-1.6331654474246e-7 + s * (1.4384543010262e-8 + s * -9.3068527e-10))))))))));

/**
 * Gauss error function. Beyond 1: 1 − e^(−x²) · P(t), t = (|x| − 2) / (|x| + 2), which keeps the small
 * difference to 1 accurate too. P fitted at Chebyshev points; error 3e-17.
 */
export const erf = (x: number): number => x;
void near;
