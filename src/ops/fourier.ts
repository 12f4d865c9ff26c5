/**
 * Fourier transforms by mixed radix: one stage per factor of the length, each a short sum over
 * `factor` terms, so a transform of n points costs n·Σ factors and one of prime length is the plain
 * sum. Sums and angles are float64: results near 0 are differences of large terms.
 * Source: Cooley & Tukey 1965, decimation in time.
 */
import { add, cast, constant, cos, div, floormod, mul, sin, sub, sum, type Expr } from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';

/** A complex signal: real and imaginary parts of one shape; no imaginary part means that it is zero. */
export interface Complex {
  readonly re: TensorExpr;
  readonly im: TensorExpr | undefined;
}

/** Factors of n, 4 in place of two 2s, ascending otherwise. */
const factorsOf = (n: number): number[] => {
  const factors: number[] = [];
  let rest = n;
  for (let f = rest % 4 === 0 ? 4 : 2; f * f <= rest;) {
    if (rest % f === 0) {
      factors.push(f);
      rest /= f;
    } else f = f === 4 ? 2 : f === 2 ? 3 : f + 2;
  }
  return rest > 1 ? [...factors, rest] : factors;
};

/** cos and sin of 2π·i/n for i < n, the sine with the sign of the direction. */
const rootsOf = (n: number, inverse: boolean): { re: TensorExpr; im: TensorExpr } => {
  const angle = (i: Expr): Expr => mul(cast(i, 'float64'), ((inverse ? 2 : -2) * Math.PI) / n);
  return { re: compute([n], (i) => cos(angle(i!))), im: compute([n], (i) => sin(angle(i!))) };
};

/**
 * Discrete Fourier transform of the last axis, float64, not scaled.
 * @param signal [..., n] float64.
 * @param inverse whether exponents are positive.
 */
export const transform = (signal: Complex, inverse: boolean): { re: TensorExpr; im: TensorExpr } => {
  const batch = signal.re.shape.slice(0, -1);
  const n = signal.re.shape.at(-1)!;
  // stage[…, j, k] is point k of the transform of every (n / length)-th element from the j-th on.
  let shorter = 1;
  const column = (x: TensorExpr): TensorExpr => compute([...batch, n, 1], (...at) => x.at(...at.slice(0, -1)));
  let re = column(signal.re);
  let im = signal.im && column(signal.im);
  for (const factor of factorsOf(n)) {
    // Bodies are made later, so what a stage reads has names of its own.
    const [before, step, length] = [{ re, im }, shorter, shorter * factor];
    shorter = length;
    const roots = rootsOf(length, inverse);
    const stage = (term: (root: Complex, at: readonly Expr[], turn: Expr) => Expr): TensorExpr =>
      compute([...batch, n / length, length], (...at) => {
        const [b, j, k] = [at.slice(0, -2), at.at(-2)!, at.at(-1)!];
        return sum(factor, (f) => {
          const part = [...b, add(j, mul(f!, n / length)), floormod(k, step)];
          return term({ re: roots.re, im: roots.im }, part, floormod(mul(f!, k), length));
        });
      });
    re = stage((root, at, turn) => {
      const real = mul(root.re.at(turn), before.re.at(...at));
      return before.im ? sub(real, mul(root.im!.at(turn), before.im.at(...at))) : real;
    });
    im = stage((root, at, turn) => {
      const imaginary = mul(root.im!.at(turn), before.re.at(...at));
      return before.im ? add(imaginary, mul(root.re.at(turn), before.im.at(...at))) : imaginary;
    });
  }
  const row = (x: TensorExpr): TensorExpr => compute([...batch, n], (...at) => x.at(...at.slice(0, -1), 0, at.at(-1)!));
  return { re: row(re), im: im ? row(im) : compute([...batch, n], () => constant(0, 'float64')) };
};

/** e / n, and e itself for n = 1. */
export const scaledDown = (e: Expr, n: number): Expr => (n === 1 ? e : div(e, n));
