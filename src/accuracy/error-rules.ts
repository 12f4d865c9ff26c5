/** How each kind of scalar expression passes errors on, and what it adds: the rules of the analysis. */
import { dtypeInfo } from '../core/dtype.ts';
import {
  abs,
  add,
  and,
  constant,
  div,
  eq,
  floor,
  gt,
  le,
  log,
  max,
  mul,
  or,
  pow,
  round,
  select,
  sqrt,
  sub,
  type BinaryExpr,
  type CastExpr,
  type Expr,
  type ReduceExpr,
  type UnaryExpr,
} from '../compiler/expr.ts';
import { InputTensor } from '../compiler/tensor-expr.ts';
import { isFloatExpr, plus, roundingOf, wide, zero, type Analyzer, type Scope } from './analyzer.ts';
import { functionErrors, type FunctionError } from './functions.ts';
import { roundoffOf } from './precision.ts';
import { winogradError } from './winograd.ts';

/** slope · error, 0 where one of them is 0 though the other be infinite. */
const scaled = (slope: Expr, error: Expr): Expr => select(or(eq(error, 0), eq(slope, 0)), zero, mul(slope, error));

/** What a function makes of an error of its argument. */
const passedBy = ({ slope }: FunctionError, x: Expr, y: Expr, error: Expr): Expr =>
  typeof slope === 'number' ? scaled(mul(Math.abs(slope), abs(y)), div(error, abs(x))) : scaled(slope(x, y), error);

/** A step function of x jumps by 1 where a jump is within the error of x; `at`: distance of x to the nearest jump. */
const jump = (distance: Expr, error: Expr): Expr => select(le(distance, error), max(1, error), zero);

/** What may be lost where a result is subnormal or vanishes. */
const vanishing = (a: Analyzer, e: Expr): Expr | undefined =>
  isFloatExpr(e) && a.arithmetic.tiny > 0 ? constant(a.arithmetic.tiny, 'float64') : undefined;

/**
 * Functions that are steep at 0: where x may be 0 within its error, what the error alone gives there.
 * Undefined: everywhere its slope.
 */
const nearZero = (e: UnaryExpr, error: Expr): Expr | undefined => {
  if (e.op === 'sqrt') return sqrt(mul(2, error));
  return e.op === 'log' || e.op === 'rsqrt' || e.op === 'reciprocal' ? constant(Infinity, 'float64') : undefined;
};

const unaryError = (a: Analyzer, e: UnaryExpr, scope: Scope): Expr | undefined => {
  const inner = a.errorOf(e.x, scope);
  if (e.op === 'neg' || e.op === 'abs') return inner;
  const f = functionErrors[e.op];
  if (f) {
    const x = wide(a.valueOf(e.x, scope));
    const y = wide(a.valueOf(e, scope));
    const u = 2 * f.ulp * a.arithmetic.roundoff;
    const own = roundingOf(f.absolute ? max(1, abs(y)) : abs(y), u);
    const ofOne = f.bounded === true ? a.arithmetic.absolute * a.arithmetic.roundoff : 0;
    const near = inner && nearZero(e, inner);
    const passed = inner && passedBy(f, x, y, inner);
    const bounded = near && passed ? select(and(gt(inner, 0), le(abs(x), inner)), near, passed) : passed;
    return plus(bounded, own, ofOne > 0 ? constant(ofOne, 'float64') : undefined, vanishing(a, e));
  }
  if (!inner) return undefined;
  const x = wide(a.valueOf(e.x, scope));
  switch (e.op) {
    case 'floor':
    case 'ceil':
    case 'trunc':
      return jump(abs(sub(x, round(x))), inner);
    case 'round':
      return jump(abs(sub(sub(x, floor(x)), 0.5)), inner);
    case 'sign':
      return select(le(abs(x), inner), 2, zero);
    default:
      return undefined;
  }
};

/** What (x − m)·f + b may be off by where it is calculated as a sum of three terms, x·f − m·f + b. */
const foldedError = (a: Analyzer, { folds, a: product, b }: BinaryExpr, scope: Scope): Expr | undefined => {
  if (!folds || a.arithmetic.roundoff === 0 || product.kind !== 'binary' || product.a.kind !== 'binary') return undefined;
  const { a: difference, b: factor } = product;
  const sizes = add(a.size(difference.a, scope), a.size(difference.b, scope));
  const terms = add(mul(sizes, a.size(factor, scope)), a.size(b, scope));
  return roundingOf(terms, a.arithmetic.growth(3) * a.arithmetic.roundoff);
};

const binaryError = (a: Analyzer, e: BinaryExpr, scope: Scope): Expr | undefined => {
  const [ea, eb] = [a.errorOf(e.a, scope), a.errorOf(e.b, scope)];
  const own = a.roundings(e, scope);
  const [x, y] = [() => a.size(e.a, scope), () => a.size(e.b, scope)];
  switch (e.op) {
    case 'add':
      return plus(ea, eb, own, foldedError(a, e, scope));
    case 'sub':
    case 'rem':
    case 'floormod':
      return plus(ea, eb, own);
    case 'mul':
      return plus(ea && mul(ea, y()), eb && mul(x(), eb), own, vanishing(a, e));
    case 'div': {
      const above = plus(ea, eb && mul(a.size(e, scope), eb));
      const passed = above && div(above, y());
      return plus(passed, passed && !isFloatExpr(e) ? wide(passed) && add(zero, 1) : undefined, own, vanishing(a, e));
    }
    case 'floordiv':
      return plus(ea, eb) && plus(ea, eb, add(zero, 1));
    case 'pow': {
      const y0 = a.size(e, scope);
      // Where the base may be 0 within its error, the power of the error is what there is.
      const byBase = ea && select(and(gt(ea, 0), le(x(), ea)), pow(mul(2, ea), y()), mul(mul(y0, y()), scaled(div(1, x()), ea)));
      const byExponent = eb && mul(y0, scaled(abs(log(x())), eb));
      return plus(byBase, byExponent, a.roundings(e, scope, 16), vanishing(a, e));
    }
    case 'min':
    case 'max':
      return ea && eb ? max(ea, eb) : (ea ?? eb);
    case 'atan2': {
      const squares = add(mul(x(), x()), mul(y(), y()));
      const above = plus(ea && mul(ea, y()), eb && mul(eb, x()));
      return plus(above && div(above, squares), a.roundings(e, scope, 16));
    }
    default:
      return undefined;
  }
};

const castError = (a: Analyzer, e: CastExpr, scope: Scope): Expr | undefined => {
  const inner = a.errorOf(e.x, scope);
  if (e.type === 'index' || e.type === 'bool') return undefined;
  const from = e.x.type;
  if (isFloatExpr(e)) {
    const u = roundoffOf(e.type);
    // From a type that fits, nothing is lost; small integers fit everywhere but in the narrowest.
    const bits = from === 'index' ? 0 : isFloatExpr(e.x) ? -Math.log2(roundoffOf(from)) : dtypeInfo(from).bits;
    const loses = e.type !== from ? bits > -Math.log2(u) : a.arithmetic.roundoff > u;
    if (dtypeInfo(e.type).bits <= 8) return inner && plus(inner, mul(2 * u, a.size(e, scope)));
    return plus(inner, loses ? mul(u, a.size(e.x, scope)) : undefined);
  }
  if (!inner) return undefined;
  if (!isFloatExpr(e.x)) return inner;
  // A whole number comes out of correctly rounded arithmetic as itself; what is near one may be cut to either side.
  const x = wide(a.valueOf(e.x, scope));
  const distance = abs(sub(x, round(x)));
  return select(eq(distance, 0), round(inner), jump(distance, inner));
};

/** The rounding of a term is one of those the sum's growth counts: a sum of K products has K roundings on each path, not K + 1. */
const termError = (a: Analyzer, e: Expr, scope: Scope): Expr | undefined => {
  if (e.kind === 'binary' && e.op === 'mul') {
    const [ea, eb] = [a.errorOf(e.a, scope), a.errorOf(e.b, scope)];
    return plus(ea && mul(ea, a.size(e.b, scope)), eb && mul(a.size(e.a, scope), eb));
  }
  if (e.kind === 'select') {
    const [ea, eb] = [termError(a, e.a, scope), termError(a, e.b, scope)];
    return ea || eb ? select(a.valueOf(e.cond, scope), ea ?? zero, eb ?? zero) : undefined;
  }
  return a.errorOf(e, scope);
};

const reduceError = (a: Analyzer, e: ReduceExpr, scope: Scope): Expr | undefined => {
  const terms = e.axes.reduce((n, { extent }) => n * extent, 1);
  if (terms === 0 || e.op === 'and' || e.op === 'or') return undefined;
  const growth = isFloatExpr(e) ? a.arithmetic.growth(terms) * a.arithmetic.roundoff : 0;
  const any = (op: ReduceExpr['op'], body: (inner: Scope) => Expr | undefined): Expr | undefined => {
    let none = false;
    const made = a.reduction(e, scope, op, 'float64', (inner) => {
      const b = body(inner);
      none = b === undefined;
      return b ?? zero;
    });
    return none ? undefined : made;
  };
  switch (e.op) {
    case 'sum':
      a.longest = Math.max(a.longest, terms);
      return plus(
        winogradError(a, e, scope),
        any('sum', (inner) =>
          plus(termError(a, e.body, inner), growth > 0 ? roundingOf(a.size(e.body, inner), growth) : undefined, vanishing(a, e)),
        ),
      );
    case 'prod': {
      const relative = any('sum', (inner) => {
        const error = a.errorOf(e.body, inner);
        const x = a.size(e.body, inner);
        return error && select(eq(x, 0), zero, div(error, x));
      });
      const size = a.size(e, scope);
      // Factors are multiplied in any order and in parts: a part may overflow, though another one is 0.
      const parts = a.reduction(e, scope, 'prod', 'float64', (inner) => max(1, a.size(e.body, inner)));
      const overflow = growth > 0 && select(gt(parts, a.arithmetic.largest), Infinity, zero);
      return plus(relative && mul(size, relative), growth > 0 ? mul(size, growth) : undefined, overflow || undefined);
    }
    default:
      return any('max', (inner) => a.errorOf(e.body, inner));
  }
};

/** Bound of the error of a scalar expression. */
export const errorOf = (a: Analyzer, e: Expr, scope: Scope): Expr | undefined => {
  if (e.type === 'index' || e.type === 'bool') return undefined;
  switch (e.kind) {
    case 'load': {
      const error = a.error(e.tensor);
      // States of recurrences are tensors too, kept from step to step in the type the record says.
      const calculated = e.tensor instanceof InputTensor ? a.states.has(e.tensor) : error !== undefined;
      return plus(error && a.load(error, e.index, scope), calculated ? a.storing(e, scope) : undefined);
    }
    case 'unary':
      return unaryError(a, e, scope);
    case 'binary':
      return binaryError(a, e, scope);
    case 'select': {
      const [x, y] = [a.errorOf(e.a, scope), a.errorOf(e.b, scope)];
      return x || y ? select(a.valueOf(e.cond, scope), x ?? zero, y ?? zero) : undefined;
    }
    case 'cast':
      return castError(a, e, scope);
    case 'reduce':
      return reduceError(a, e, scope);
    default:
      return undefined;
  }
};
