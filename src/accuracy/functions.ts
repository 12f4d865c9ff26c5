/**
 * How errors pass through functions of one argument: the derivative that scales an error of the
 * argument, and the error the function itself may add (in ULP, the budgets of the op records).
 */
import { abs, add, constant, cos, cosh, div, exp, mul, sinh, sqrt, sub, type Expr, type UnaryOp } from '../compiler/expr.ts';

export interface FunctionError {
  /** What it may add of its own, ULP of its value. */
  readonly ulp: number;
  /**
   * |f′(x)|, from x and f(x), both float64; of a power, its exponent. The slope of x^−½ at 10³⁰⁰ is no float64, though
   * what it makes of an error is one.
   */
  readonly slope: ((x: Expr, y: Expr) => Expr) | number;
  /** The own error is relative to 1, not to the value: functions with zeros away from 0. */
  readonly absolute?: boolean;
  /** Its values are of order one, and there are usual ways to calculate it that are exact to a share of 1, not of the value: ½ + ½·tanh(x/2), rational functions. */
  readonly bounded?: boolean;
}

const one = constant(1, 'float64');
const square = (x: Expr): Expr => mul(x, x);

export const functionErrors: Readonly<Partial<Record<UnaryOp, FunctionError>>> = {
  exp: { ulp: 4, slope: (_, y) => abs(y) },
  expm1: { ulp: 4, slope: (_, y) => abs(add(y, 1)) },
  log: { ulp: 4, slope: (x) => div(one, abs(x)) },
  log1p: { ulp: 4, slope: (x) => div(one, abs(add(x, 1))) },
  sqrt: { ulp: 1, slope: 0.5 },
  rsqrt: { ulp: 2, slope: -0.5 },
  reciprocal: { ulp: 1, slope: -1 },
  sin: { ulp: 4, slope: (x) => abs(cos(x)), absolute: true },
  cos: { ulp: 4, slope: () => one, absolute: true },
  tan: { ulp: 8, slope: (_, y) => add(1, square(y)), absolute: true },
  asin: { ulp: 8, slope: (x) => div(one, sqrt(sub(1, square(x)))) },
  acos: { ulp: 8, slope: (x) => div(one, sqrt(sub(1, square(x)))) },
  atan: { ulp: 8, slope: (x) => div(one, add(1, square(x))) },
  sinh: { ulp: 8, slope: (x) => cosh(x) },
  cosh: { ulp: 8, slope: (x) => abs(sinh(x)) },
  tanh: { ulp: 8, slope: (_, y) => abs(sub(1, square(y))), bounded: true },
  asinh: { ulp: 8, slope: (x) => div(one, sqrt(add(1, square(x)))) },
  acosh: { ulp: 8, slope: (x) => div(one, sqrt(abs(sub(square(x), 1)))) },
  atanh: { ulp: 8, slope: (x) => div(one, abs(sub(1, square(x)))) },
  erf: { ulp: 8, slope: (x) => mul(2 / Math.sqrt(Math.PI), exp(mul(-1, square(x)))), bounded: true },
  sigmoid: { ulp: 8, slope: (_, y) => mul(y, sub(1, y)), bounded: true },
};
