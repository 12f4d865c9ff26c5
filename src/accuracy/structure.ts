/** The analysis of tensors that are not one expression: inputs, views, concatenations, scatters, recurrences. */
import { isFloat } from '../core/dtype.ts';
import { abs, add, constant, mul, type Expr } from '../compiler/expr.ts';
import {
  concat,
  ConcatTensor,
  InputTensor,
  map,
  mapBroadcast,
  reshape,
  ReshapeTensor,
  scan,
  ScanTensor,
  scatter,
  ScatterTensor,
  type ScanNode,
  type ScatterMode,
  type TensorExpr,
} from '../compiler/tensor-expr.ts';
import { FlagosError } from '../core/errors.ts';
import { roundingOf, Scope, wide, zero, type Analyzer } from './analyzer.ts';

const unknownKind = (t: TensorExpr): never => {
  throw new FlagosError('FLAGOS_E_INTERNAL', `error analysis knows no '${t.kind}'`);
};

const scopeOf = (t: ScatterTensor, axes: readonly Expr[]): Scope => new Scope(new Map(t.axes.map((v, d) => [v, axes[d]!])), undefined);

/** The scatter with another base and other values, at the same places. */
const scattered = (a: Analyzer, t: ScatterTensor, base: TensorExpr, mode: ScatterMode, value: (scope: Scope) => Expr): TensorExpr =>
  scatter(
    base,
    t.domain,
    (...axes) => {
      const scope = scopeOf(t, axes);
      return { at: t.at_.map((i) => a.valueOf(i, scope)), value: value(scope), where: a.valueOf(t.where, scope) };
    },
    mode,
  );

const scatterError = (a: Analyzer, t: ScatterTensor): TensorExpr | undefined => {
  const base = a.error(t.base);
  const trial = a.errorOf(t.value, scopeOf(t, t.axes));
  const combines = (t.mode === 'add' || t.mode === 'mul') && isFloat(t.dtype) && a.arithmetic.roundoff > 0;
  if (!base && !trial && !combines) return undefined;
  const passedMode = t.mode === 'set' ? 'set' : t.mode === 'add' ? 'add' : 'max';
  const passed = scattered(a, t, base ?? a.zeros(t), passedMode, (scope) => a.errorOf(t.value, scope) ?? zero);
  if (!combines) return passed;
  // What came together at one place: how many, and how large.
  const count = scattered(a, t, a.zeros(t), 'add', () => constant(1, 'float64'));
  const sizes = map(a.wideValue(t.base), abs);
  const total = t.mode === 'add' ? scattered(a, t, sizes, 'add', (scope) => a.size(t.value, scope)) : map(a.wideValue(t), abs);
  const { roundoff, growthOf } = a.arithmetic;
  return mapBroadcast([passed, count, total], (p, n, s) => add(p!, mul(mul(growthOf(n!), roundoff), s!)));
};

const scans = new WeakMap<Analyzer, Map<ScanNode, { values: TensorExpr[][]; errors: TensorExpr[][] }>>();

/** A recurrence of values and errors side by side. Every float state carries an error, if only zero. */
const scanned = (a: Analyzer, node: ScanNode): { values: TensorExpr[][]; errors: TensorExpr[][] } => {
  const known = scans.get(a) ?? new Map<ScanNode, { values: TensorExpr[][]; errors: TensorExpr[][] }>();
  scans.set(a, known);
  const done = known.get(node);
  if (done) return done;
  const n = node.state.length;
  const initial = [...node.initial.map((t) => a.wideValue(t)), ...node.initial.map((t) => a.error(t) ?? a.zeros(t))];
  const made = scan(node.length, initial, (t, state) => {
    a.steps.set(node.t, t);
    node.state.forEach((s, i) => a.states.set(s, { value: state[i]!, error: state[n + i]! }));
    return {
      state: [...node.next.map((x) => a.wideValue(x)), ...node.next.map((x) => a.error(x) ?? a.zeros(x))],
      out: [...node.outs.map((x) => a.wideValue(x)), ...node.outs.map((x) => a.error(x) ?? a.zeros(x))],
    };
  });
  const m = node.outs.length;
  const result = {
    values: [made.state.slice(0, n), made.out.slice(0, m)],
    errors: [made.state.slice(n), made.out.slice(m)],
  };
  known.set(node, result);
  return result;
};

export const structuralValue = (a: Analyzer, t: TensorExpr): TensorExpr => {
  if (t instanceof InputTensor) return a.states.get(t)?.value ?? t;
  if (t instanceof ReshapeTensor) return reshape(a.value(t.base), t.shape);
  if (t instanceof ConcatTensor)
    return concat(
      t.parts.map((p) => a.wideValue(p)),
      t.axis,
    );
  if (t instanceof ScatterTensor)
    return scattered(a, t, a.wideValue(t.base), t.mode, (scope) => {
      const v = a.valueOf(t.value, scope);
      return isFloat(t.dtype) ? wide(v) : v;
    });
  if (t instanceof ScanTensor) return scanned(a, t.node).values[t.part === 'state' ? 0 : 1]![t.position]!;
  return unknownKind(t);
};

export const structuralError = (a: Analyzer, t: TensorExpr): TensorExpr | undefined => {
  if (t instanceof InputTensor) {
    const state = a.states.get(t);
    if (state) return state.error;
    const u = isFloat(t.dtype) ? a.arithmetic.inputRoundoff(t) : 0;
    return u > 0 ? map(t, (x) => roundingOf(abs(wide(x)), u)) : undefined;
  }
  if (t instanceof ReshapeTensor) {
    const base = a.error(t.base);
    return base && reshape(base, t.shape);
  }
  if (t instanceof ConcatTensor) {
    const errors = t.parts.map((p) => a.error(p));
    if (errors.every((e) => e === undefined)) return undefined;
    return concat(
      errors.map((e, i) => e ?? a.zeros(t.parts[i]!)),
      t.axis,
    );
  }
  if (t instanceof ScatterTensor) return scatterError(a, t);
  if (t instanceof ScanTensor) return scanned(a, t.node).errors[t.part === 'state' ? 0 : 1]![t.position]!;
  return unknownKind(t);
};
