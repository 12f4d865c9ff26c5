/** Reductions over axes: sums, products, extremes, norms. `overAxes` is the shape all of them share. */
import { dtypeInfo, type DType } from '../core/dtype.ts';
import {
  abs,
  add,
  allOf,
  anyOf,
  cast,
  constant,
  div,
  exp,
  isinf,
  log,
  maxOf,
  minOf,
  mul,
  prod,
  select,
  sqrt,
  sub,
  sum,
  type Expr,
  type Operand,
} from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import { flag } from './attrs.ts';
import { contraction, defineOp, exact, optional, value, type Accuracy, type OpRecord } from './define.ts';
import { floats } from './types.ts';
import { extentAs, normalizeAxes, numbersOf, range, workingType } from './util.ts';

/** What a reduction sees at one place of its output. */
export interface Reduced {
  /** Type of the elements. */
  readonly dtype: DType;
  /** Extents of the axes that are reduced. */
  readonly extents: readonly number[];
  /** How many elements come together. */
  readonly count: number;
  /** The element at indices of the reduced axes. */
  readonly read: (...k: Expr[]) => Expr;
  /** The place in a tensor of the input's rank whose reduced axes have extent 1. */
  readonly at: readonly Expr[];
}

/**
 * A tensor with one element for all elements of `x` along some axes.
 * @param axes normalized; none means every element by itself.
 * @param keep whether the axes stay, with extent 1, or go.
 */
export const overAxes = (x: TensorExpr, axes: readonly number[], keep: boolean, element: (r: Reduced) => Operand): TensorExpr => {
  const sorted = [...axes].sort((a, b) => a - b);
  const extents = sorted.map((a) => x.shape[a]!);
  const count = extents.reduce((n, d) => n * d, 1);
  const kept = range(x.rank).filter((d) => !sorted.includes(d));
  const shape = keep ? x.shape.map((d, i) => (sorted.includes(i) ? 1 : d)) : kept.map((d) => x.shape[d]!);
  const zero = constant(0, 'index');
  return compute(shape, (...out) => {
    const at = range(x.rank).map((d) => (sorted.includes(d) ? zero : out[keep ? d : kept.indexOf(d)]!));
    return element({
      dtype: x.dtype,
      extents,
      count,
      at,
      read: (...k) => x.at(...at.map((e, d) => (sorted.includes(d) ? k[sorted.indexOf(d)]! : e))),
    });
  });
};

/** Axes of a reduction by ONNX's rule: none given means all of them, or with `noop` none of them. */
export const reductionAxes = (given: readonly number[], rank: number, noop: boolean): number[] =>
  given.length === 0 ? (noop ? [] : range(rank)) : normalizeAxes(given, rank);

const square = (e: Expr): Expr => mul(e, e);
const isFloat = (dtype: DType): boolean => dtypeInfo(dtype).kind === 'float';

/** log Σ exp(x), with the largest element taken out first so that nothing overflows. */
export const logSumExp = (x: TensorExpr, axes: readonly number[], keep: boolean): TensorExpr => {
  const type = workingType(x.dtype);
  const largest = overAxes(x, axes, true, ({ extents, read }) => {
    const m = maxOf(extents, (...k) => cast(read(...k), type));
    // An infinite largest element decides the result by itself; ∞ − ∞ must not.
    return select(isinf(m), constant(0, m.type), m);
  });
  return overAxes(x, axes, keep, ({ extents, read, at }) => {
    const m = largest.at(...at);
    return cast(add(m, log(sum(extents, (...k) => exp(sub(cast(read(...k), type), m))))), x.dtype);
  });
};

/** Mean of a function of the elements, calculated and given in `type`. */
export const meanAs = ({ extents, count, read }: Reduced, type: DType, f: (e: Expr) => Expr = (e) => e): Expr =>
  div(
    sum(extents, (...k) => f(cast(read(...k), type))),
    extentAs(count, type),
  );

/** Arithmetic mean of the elements, calculated in float32 at least; integers are divided toward zero. */
export const meanOf = (r: Reduced): Expr => cast(meanAs(r, isFloat(r.dtype) ? workingType(r.dtype) : r.dtype), r.dtype);

type Rule = (x: TensorExpr, axes: readonly number[], keep: boolean) => TensorExpr;
const each =
  (element: (r: Reduced) => Operand): Rule =>
  (x, axes, keep) =>
    overAxes(x, axes, keep, element);

const wide = [...floats, 'int32', 'int64', 'uint32', 'uint64'] as const satisfies readonly DType[];
const ordered = [...wide, 'int8', 'uint8', 'bool'] as const satisfies readonly DType[];

const reduction = (
  name: string,
  since: number,
  types: typeof wide | typeof ordered,
  rule: Rule,
  accuracy: Accuracy = contraction,
): OpRecord =>
  defineOp({
    name,
    since,
    accuracy,
    inputs: { data: types, axes: optional(value(['int64'])) },
    outputs: { reduced: 'data' },
    attrs: { keepdims: flag(true), noop_with_empty_axes: flag(false) },
    compute: ({ data, axes }, { keepdims, noop_with_empty_axes: noop }) =>
      rule(data, reductionAxes(axes ? numbersOf(axes) : [], data.rank, noop), keepdims),
  });

export const ReduceSum = reduction(
  'ReduceSum',
  13,
  wide,
  each(({ extents, read }) => sum(extents, read)),
);
export const ReduceMean = reduction('ReduceMean', 18, wide, each(meanOf));
export const ReduceProd = reduction(
  'ReduceProd',
  18,
  wide,
  each(({ extents, read }) => prod(extents, read)),
);
export const ReduceSumSquare = reduction(
  'ReduceSumSquare',
  18,
  wide,
  each(({ extents, read }) => sum(extents, (...k) => square(read(...k)))),
);
export const ReduceL1 = reduction(
  'ReduceL1',
  18,
  wide,
  each(({ extents, read }) => sum(extents, (...k) => abs(read(...k)))),
);
/** Integers are squared as floats, so that they do not wrap. */
export const ReduceL2 = reduction(
  'ReduceL2',
  18,
  wide,
  each(({ extents, read, dtype }) => cast(sqrt(sum(extents, (...k) => square(cast(read(...k), workingType(dtype))))), dtype)),
);
/** Integers are ONNX's up to version 18. */
export const ReduceLogSum = reduction(
  'ReduceLogSum',
  18,
  wide,
  each(({ extents, read, dtype }) => cast(log(sum(extents, (...k) => cast(read(...k), workingType(dtype)))), dtype)),
);
export const ReduceLogSumExp = reduction('ReduceLogSumExp', 18, wide, logSumExp);
export const ReduceMax = reduction(
  'ReduceMax',
  18,
  ordered,
  each(({ extents, read, dtype }) => (dtype === 'bool' ? anyOf : maxOf)(extents, read)),
  exact,
);
export const ReduceMin = reduction(
  'ReduceMin',
  18,
  ordered,
  each(({ extents, read, dtype }) => (dtype === 'bool' ? allOf : minOf)(extents, read)),
  exact,
);
