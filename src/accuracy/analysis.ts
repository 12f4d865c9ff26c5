/**
 * First-order error analysis of tensor expressions. From an expression two others are made: its value
 * with every float in float64 (the golden), and a bound of the error a kernel may make that reads its
 * inputs in one precision and calculates in another. For a sum of K products the bound is
 * (2·u_in + γ_K·u_acc) · Σ|a||b|, the magnitude of the design's error model; for anything else it is
 * what the same rules give, step by step: sums add errors, products scale them by the other factor,
 * functions by their slope. `undefined` stands for "no rounding at all": what only moves data is exact.
 */
import { dtypeInfo, isFloat } from '../core/dtype.ts';
import { constant, abs, cast, freshVar, type Expr, type ReduceExpr, type VarExpr } from '../compiler/expr.ts';
import { ComputeTensor, compute, fill, map, type InputTensor, type TensorExpr } from '../compiler/tensor-expr.ts';
import { isFloatExpr, roundingOf, Scope, wide, zero, type Analyzer, type Arithmetic } from './analyzer.ts';
import { errorOf } from './error-rules.ts';
import { roundoffOf } from './precision.ts';
import { structuralError, structuralValue } from './structure.ts';

export class Analysis implements Analyzer {
  readonly steps = new Map<VarExpr, Expr>();
  readonly states = new Map<InputTensor, { readonly value: TensorExpr; readonly error: TensorExpr | undefined }>();
  longest = 1;
  readonly #values = new Map<TensorExpr, TensorExpr>();
  readonly #errors = new Map<TensorExpr, TensorExpr | undefined>();
  readonly arithmetic: Arithmetic;

  constructor(arithmetic: Arithmetic) {
    this.arithmetic = arithmetic;
  }

  value(t: TensorExpr): TensorExpr {
    let made = this.#values.get(t);
    if (!made) {
      made =
        t instanceof ComputeTensor
          ? compute(t.shape, (...axes) => this.valueOf(t.body, this.scope(t, axes)), isFloat(t.dtype) ? 'float64' : t.dtype)
          : structuralValue(this, t);
      this.#values.set(t, made);
    }
    return made;
  }

  wideValue(t: TensorExpr): TensorExpr {
    const v = this.value(t);
    return isFloat(v.dtype) && v.dtype !== 'float64' ? map(v, wide) : v;
  }

  error(t: TensorExpr): TensorExpr | undefined {
    if (!this.#errors.has(t)) {
      let made: TensorExpr | undefined;
      if (t instanceof ComputeTensor) {
        const trial = this.errorOf(t.body, this.scope(t, t.axes));
        made = trial && compute(t.shape, (...axes) => this.errorOf(t.body, this.scope(t, axes)) ?? zero, 'float64');
      } else made = structuralError(this, t);
      this.#errors.set(t, made);
    }
    return this.#errors.get(t);
  }

  /** Like `error`, but without what rounding to the element type at the very end adds: a caller has its own term for that. */
  errorBeforeStore(t: TensorExpr): TensorExpr | undefined {
    if (!(t instanceof ComputeTensor)) return this.error(t);
    const { body } = t;
    if (body.kind !== 'cast' || !isFloatExpr(body) || !isFloatExpr(body.x)) return this.error(t);
    const trial = this.errorOf(body.x, this.scope(t, t.axes));
    return trial && compute(t.shape, (...axes) => this.errorOf(body.x, this.scope(t, axes)) ?? zero, 'float64');
  }

  zeros(t: TensorExpr): TensorExpr {
    return fill(t.shape, 0, 'float64');
  }

  scope(t: ComputeTensor, axes: readonly Expr[]): Scope {
    return new Scope(new Map(t.axes.map((v, d) => [v, axes[d]!])), undefined);
  }

  valueOf(e: Expr, scope: Scope): Expr {
    let made = scope.values.get(e);
    if (!made) scope.values.set(e, (made = this.#makeValue(e, scope)));
    return made;
  }

  errorOf(e: Expr, scope: Scope): Expr | undefined {
    if (!scope.errors.has(e)) scope.errors.set(e, errorOf(this, e, scope));
    return scope.errors.get(e);
  }

  size(e: Expr, scope: Scope): Expr {
    return abs(wide(this.valueOf(e, scope)));
  }

  roundings(e: Expr, scope: Scope, n = 1): Expr | undefined {
    return isFloatExpr(e) && this.arithmetic.roundoff > 0 ? roundingOf(this.size(e, scope), n * this.arithmetic.roundoff) : undefined;
  }

  storing(e: Expr, scope: Scope): Expr | undefined {
    const { roundoff } = this.arithmetic;
    const own = isFloatExpr(e) ? roundoffOf(e.type as 'float32') : 0;
    return roundoff > 0 && own > roundoff ? roundingOf(this.size(e, scope), own) : undefined;
  }

  reduction(e: ReduceExpr, scope: Scope, op: ReduceExpr['op'], type: Expr['type'], body: (inner: Scope) => Expr): Expr {
    const axes = e.axes.map(({ extent }) => ({ v: freshVar('r'), extent }));
    return { kind: 'reduce', type, op, axes, body: body(new Scope(new Map(e.axes.map(({ v }, i) => [v, axes[i]!.v])), scope)) };
  }

  load(t: TensorExpr, at: readonly Expr[], scope: Scope): Expr {
    return { kind: 'load', type: t.dtype, tensor: t, index: at.map((i) => this.valueOf(i, scope)) };
  }

  #makeValue(e: Expr, scope: Scope): Expr {
    const of = (x: Expr): Expr => this.valueOf(x, scope);
    const type = isFloatExpr(e) ? 'float64' : e.type;
    switch (e.kind) {
      case 'const':
        return type === e.type ? e : constant(e.value, type);
      case 'var':
        return scope.find(e) ?? this.steps.get(e) ?? e;
      case 'load': {
        const read = this.load(this.value(e.tensor), e.index, scope);
        return isFloatExpr(read) ? wide(read) : read;
      }
      case 'unary':
        return { ...e, type, x: of(e.x) };
      case 'binary':
        return { ...e, type, a: of(e.a), b: of(e.b) };
      case 'select':
        return { ...e, type, cond: of(e.cond), a: of(e.a), b: of(e.b) };
      case 'cast':
        if (!isFloatExpr(e)) return cast(of(e.x), e.type, e.saturate);
        // Types of 8 bits and less are steps of a quantization, not noise: what they do to a value is part of its meaning.
        if (dtypeInfo(e.type as 'float32').bits <= 8) return wide(cast(of(e.x), e.type, e.saturate));
        return wide(of(e.x));
      case 'bitcast': {
        const x = of(e.x);
        const same: Expr = { kind: 'bitcast', type: e.type, x: x.type === e.x.type ? x : cast(x, e.x.type) };
        return isFloatExpr(same) ? wide(same) : same;
      }
      case 'reduce':
        return this.reduction(e, scope, e.op, type, (inner) => this.valueOf(e.body, inner));
    }
  }
}
