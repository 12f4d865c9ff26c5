/** What each level of accuracy allows: the numbers of the error model, in one place. */
import { min, mul, sqrt, type Expr } from '../compiler/expr.ts';

/** Levels an error is measured against, strictest first. */
export const modelLevels = ['tight', 'standard', 'loose'] as const;
export type ModelLevel = (typeof modelLevels)[number];

export interface LevelRule {
  /** c of the model: factor on all roundings. */
  readonly factor: number;
  /** γ_K / u: roundings of a sum of K terms that may come together in one element. */
  readonly growth: (terms: number) => number;
  readonly growthOf: (terms: Expr) => Expr;
  /** Factor on the ULP budget of an op's record. */
  readonly ulp: number;
  /** For functions of order one, by themselves and inside of an op: absolute error allowed besides, units of roundoff. */
  readonly absolute: number;
}

/**
 * `tight`: errors as a random walk has them, √K. `standard`: six of its deviations, and never more than
 * the worst case. `loose`: the worst case K, twice; and for functions eight times the budget, which
 * covers every ULP tolerance of WebNN's conformance tests (its absolute ones, 1/1024, are far wider than what is
 * allowed here to functions whose values are of order one).
 * Source: N. J. Higham and T. Mary, "A new approach to probabilistic rounding error analysis", 2019.
 */
export const levelRules: Readonly<Record<ModelLevel, LevelRule>> = {
  tight: { factor: 1, growth: Math.sqrt, growthOf: sqrt, ulp: 0.5, absolute: 0 },
  standard: { factor: 1, growth: (k) => Math.min(k, 6 * Math.sqrt(k)), growthOf: (k) => min(k, mul(6, sqrt(k))), ulp: 1, absolute: 0 },
  loose: { factor: 2, growth: (k) => k, growthOf: (k) => k, ulp: 8, absolute: 4 },
};
