/** What the parts of the error analysis share: the arithmetic it is for, scopes of variables, and what rules ask of it. */
import { isFloat } from '../core/dtype.ts';
import { add, cast, constant, lt, mul, select, type Expr, type ReduceExpr, type VarExpr } from '../compiler/expr.ts';
import type { InputTensor, TensorExpr } from '../compiler/tensor-expr.ts';

/** The arithmetic a bound is for. */
export interface Arithmetic {
  /** Relative error of reading an input: 0 where it is used as it is. */
  readonly inputRoundoff: (input: InputTensor) => number;
  /** Unit roundoff of every operation. */
  readonly roundoff: number;
  /** Absolute error of an operation near 0, where results are subnormal or vanish. */
  readonly tiny: number;
  /** Largest value of the accumulator: what may exceed it on the way can come out as anything. */
  readonly largest: number;
  /** Absolute error allowed to functions whose values are of order one (sigmoid, tanh, erf), units of roundoff. */
  readonly absolute: number;
  /** Whether sums over windows may be calculated by Winograd's algorithm. */
  readonly winograd: boolean;
  /** Errors of a sum of K terms, in units of roundoff and of Σ|terms|. */
  readonly growth: (terms: number) => number;
  /** The same where the number of terms depends on data. */
  readonly growthOf: (terms: Expr) => Expr;
}

/** Arithmetic without errors: for values alone. */
export const exact: Arithmetic = {
  inputRoundoff: () => 0,
  roundoff: 0,
  tiny: 0,
  largest: Infinity,
  absolute: 0,
  winograd: false,
  growth: () => 0,
  growthOf: (n) => n,
};

/** What variables of the original stand for, with what was made of expressions under it. */
export class Scope {
  readonly values = new Map<Expr, Expr>();
  readonly errors = new Map<Expr, Expr | undefined>();
  constructor(
    readonly vars: ReadonlyMap<VarExpr, Expr>,
    readonly outer: Scope | undefined,
  ) {}
  find(v: VarExpr): Expr | undefined {
    return this.vars.get(v) ?? this.outer?.find(v);
  }
}

export const isFloatExpr = (e: Expr): boolean => e.type !== 'index' && isFloat(e.type);
/** Any number as float64. */
export const wide = (e: Expr): Expr => (e.type === 'float64' ? e : cast(e, 'float64'));
export const zero = constant(0, 'float64');
/** u·size; infinities are what they are. */
export const roundingOf = (size: Expr, u: number): Expr => select(lt(size, Infinity), mul(size, u), zero);
export const plus = (...parts: (Expr | undefined)[]): Expr | undefined =>
  parts.reduce((s, p) => (p === undefined ? s : s === undefined ? p : add(s, p)), undefined);

/** The analysis, as its rules see it; see analysis.ts. */
export interface Analyzer {
  readonly arithmetic: Arithmetic;
  /** Variables of scans stand for the steps of the scans made from them. */
  readonly steps: Map<VarExpr, Expr>;
  /** States of scans, likewise. */
  readonly states: Map<InputTensor, { readonly value: TensorExpr; readonly error: TensorExpr | undefined }>;
  /** Extent of the largest sum met. */
  longest: number;
  /** The tensor with its floats in float64; inputs are themselves. */
  value(t: TensorExpr): TensorExpr;
  /** The same, in float64 also where it is an input. */
  wideValue(t: TensorExpr): TensorExpr;
  /** Bound of each element's error, float64; undefined: none. */
  error(t: TensorExpr): TensorExpr | undefined;
  zeros(t: TensorExpr): TensorExpr;
  valueOf(e: Expr, scope: Scope): Expr;
  errorOf(e: Expr, scope: Scope): Expr | undefined;
  /** |e|, float64. */
  size(e: Expr, scope: Scope): Expr;
  /** n roundings of e; undefined if nothing rounds. */
  roundings(e: Expr, scope: Scope, n?: number): Expr | undefined;
  /** What keeping e in a tensor of its own type costs, where that is less than the kernel calculates in. */
  storing(e: Expr, scope: Scope): Expr | undefined;
  /** A reduction over fresh variables. */
  reduction(e: ReduceExpr, scope: Scope, op: ReduceExpr['op'], type: Expr['type'], body: (inner: Scope) => Expr): Expr;
  /** An element of a tensor at an index of the original's. */
  load(t: TensorExpr, at: readonly Expr[], scope: Scope): Expr;
}
