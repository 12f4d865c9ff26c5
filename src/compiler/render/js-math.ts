/**
 * Elementary functions for generated JavaScript where values are float32 in the end: float64 to
 * within a few units in the last place, and several times as fast as Math's, which are calls out of
 * compiled code. Arguments beyond what float32 can hold give the limits (0, 1, Infinity).
 */

/** Steps into which a power of two is divided. */
const STEPS = 128;
const PER_STEP = Math.LN2 / STEPS;
const steps = Float64Array.from({ length: STEPS }, (_, i) => 2 ** (i / STEPS));
const powers = Float64Array.from({ length: 2047 }, (_, i) => 2 ** (i - 1023));

/** e^x = 2^(n / 128) · e^r with |r| ≤ ln 2 / 256: the first from two tables, the second from its series. */
export const exp = (x: number): number => {
  if (!(x > -708)) return Number.isNaN(x) ? x : 0;
  if (x > 709) return Infinity;
  const n = (x * (STEPS / Math.LN2) + (1023 * STEPS + 0.5)) | 0;
  const r = x - (n - 1023 * STEPS) * PER_STEP;
  return (1 + r * (1 + r * (0.5 + r * (1 / 6 + r * (1 / 24))))) * steps[n & (STEPS - 1)]! * powers[n >> 7]!;
};

/** 1 / (1 + e^−x). */
export const sigmoid = (x: number): number => 1 / (1 + exp(-x));

/** 1 − 2 / (e^2x + 1); near 0, where that would cancel, the series x − x³/3 + 2x⁵/15 − …. */
export const tanh = (x: number): number => {
  const s = x * x;
  if (s < 0.01)
    return x * (1 + s * (-1 / 3 + s * (2 / 15 + s * (-17 / 315 + s * (62 / 2835 + s * (-1382 / 155925 + s * (21844 / 6081075)))))));
  return 1 - 2 / (exp(2 * x) + 1);
};

/** erf(x) / x in powers of x², |x| ≤ 1. Fitted at Chebyshev points; error 8e-18. */
const near = (s: number): number =>
  1.1283791670955126 +
  s *
    (-0.37612638903183543 +
      s *
        (0.11283791670945006 +
          s *
            (-0.02686617064323777 +
              s *
                (0.0052239776071164225 +
                  s *
                    (-0.0008548325975389692 +
                      s *
                        (0.00012055294904839707 +
                          s *
                            (-1.492473690741966e-5 +
                              s *
                                (1.6447424703317362e-6 +
                                  s * (-1.6208483801871705e-7 + s * (1.3720064546777686e-8 + s * -7.795898827002142e-10))))))))));

/** e^(x²) · (1 − erf(x)) in powers of t = (x − 2) / (x + 2), 1 ≤ x ≤ 6. Fitted at Chebyshev points; error 4e-17. */
const far = (t: number): number =>
  0.2553956763105057 +
  t *
    (-0.4271858474139585 +
      t *
        (0.24165819424248763 +
          t *
            (-0.07897858101571269 +
              t *
                (0.0037328924016564484 +
                  t *
                    (0.006997461739200575 +
                      t *
                        (-0.0008471431229415333 +
                          t *
                            (-0.0009819771114740715 +
                              t *
                                (4.355265359817883e-5 +
                                  t *
                                    (0.00017436477257256738 +
                                      t *
                                        (2.7560352756678313e-5 +
                                          t *
                                            (-2.7640727821912852e-5 +
                                              t *
                                                (-1.4166339069117108e-5 +
                                                  t *
                                                    (1.859427387429402e-6 +
                                                      t * (4.146302183268488e-6 + t * -2.22812957637235e-7))))))))))))));

/** Gauss error function. Beyond 1 it is made of its small difference to 1, so that this is accurate too. */
export const erf = (x: number): number => {
  const a = Math.abs(x);
  if (a < 1) return x * near(x * x);
  if (!(a < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  const y = 1 - exp(-a * a) * far((a - 2) / (a + 2));
  return x < 0 ? -y : y;
};
