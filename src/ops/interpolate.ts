/**
 * Interpolation by weighted neighbours. Neighbours and weights depend on one axis alone, so they are
 * small tables, and sums are taken axis by axis: an element then has as many terms as its axes have neighbours
 * together, not as their product, and along all axes but the last whole rows are added.
 */
import { abs, add, and, cast, clamp, div, eq, floor, ge, le, lt, max, mul, round, select, sub, sum, type Expr } from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import { isFloat, type DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { placeExpr, type ResizedAxis } from './resize-plan.ts';
import { numeric } from './types.ts';
import { replaceAt } from './util.ts';

/** How neighbours are weighted by their distance. */
export interface Filter {
  /** Weight of a neighbour at a distance ≥ 0. */
  readonly weight: (distance: Expr) => Expr;
  /** Distance beyond which weights are 0. */
  readonly reach: number;
}

export const linearFilter: Filter = { reach: 1, weight: (d) => max(sub(1, d), 0) };

/** Source: Keys, "Cubic convolution interpolation for digital image processing", 1981, equation 4. */
export const cubicFilter = (a: number): Filter => ({
  reach: 2,
  weight: (d) => {
    const near = add(mul(mul(sub(mul(a + 2, d), a + 3), d), d), 1);
    const far = mul(a, sub(mul(add(mul(sub(d, 5), d), 8), d), 4));
    return select(le(d, 1), near, select(lt(d, 2), far, 0));
  },
});

/** Neighbours of each output coordinate along an axis: [taps, output] of input indices (int32) and weights, so that neighbouring outputs read neighbouring entries. */
export interface Taps {
  readonly axis: number;
  readonly output: number;
  readonly count: number;
  readonly index: TensorExpr;
  readonly weight: TensorExpr;
}

/**
 * Neighbours along an axis.
 * @param stretch whether downscaling widens the filter over all elements that fall together (antialias).
 * @param excludeOutside whether neighbours beyond the ends have no weight; else the end elements stand for them.
 */
export const tapsOf = (
  { axis, input, output, scale, coordinate }: ResizedAxis,
  filter: Filter,
  stretch: boolean,
  excludeOutside: boolean,
  dtype: DType,
): Taps => {
  const density = stretch ? Math.min(scale, 1) : 1;
  const first = Math.floor(-filter.reach / density) + 1;
  const count = 2 - 2 * first;
  const neighbour = (o: Expr, t: Expr): { place: Expr; index: Expr } => {
    const place = placeExpr(coordinate, o);
    return { place, index: add(add(floor(place), cast(t, 'float64')), first) };
  };
  const rawWeight = (o: Expr, t: Expr): Expr => {
    const { place, index } = neighbour(o, t);
    const weight = filter.weight(mul(abs(sub(index, place)), density));
    return excludeOutside ? select(and(ge(index, 0), lt(index, input)), weight, 0) : weight;
  };
  const raw = compute([output, count], (o, t) => rawWeight(o!, t!));
  const total = compute([output], (o) => {
    const e = sum(count, (t) => raw.at(o!, t!));
    return select(eq(e, 0), 1, e);
  });
  const normalized = stretch || excludeOutside;
  return {
    axis,
    output,
    count,
    index: compute([count, output], (t, o) => cast(clamp(neighbour(o!, t!).index, 0, input - 1), 'int32')),
    weight: compute([count, output], (t, o) => cast(normalized ? div(raw.at(o!, t!), total.at(o!)) : rawWeight(o!, t!), dtype)),
  };
};

/** Back to the element type; integers are rounded half to even and kept in range. */
export const narrowed = (e: Expr, dtype: DType): Expr => (isFloat(dtype) ? cast(e, dtype) : cast(round(e), dtype, true));

/** Σ of weighted neighbours along one axis. */
const blend = (x: TensorExpr, t: Taps, dtype: DType, finish: (e: Expr) => Expr): TensorExpr =>
  compute(replaceAt(x.shape, t.axis, t.output), (...o) =>
    finish(
      sum(t.count, (k) => {
        const at = replaceAt<Expr>(o, t.axis, cast(t.index.at(k, o[t.axis]!), 'index'));
        return mul(cast(x.at(...at), dtype), t.weight.at(k, o[t.axis]!));
      }),
    ),
  );

/** {@link blend} along all axes: first along those that shrink, so that the others have less to do. The result is of the type of `x`. */
export const interpolated = (x: TensorExpr, taps: readonly Taps[], dtype: DType): TensorExpr => {
  const growth = (t: Taps): number => t.output / x.shape[t.axis]!;
  const order = [...taps].sort((a, b) => growth(a) - growth(b));
  return order.reduce((y, t, n) => blend(y, t, dtype, n === order.length - 1 ? (e) => narrowed(e, x.dtype) : (e) => e), x);
};

/** Type that elements are weighted in: their own if it is a full float; integers in float64, so that a tie stays a tie. */
export const weightType = (dtype: DType): DType => (isFloat(dtype) && dtype !== 'float64' ? 'float32' : 'float64');

/** @throws FLAGOS_E_DTYPE for types that cannot be weighted and added. */
export const refuseUnweighable = (dtype: DType, mode: string): void => {
  if (!numeric.some((d) => d === dtype)) {
    throw new FlagosError('FLAGOS_E_DTYPE', `input 'X' is ${dtype}, mode '${mode}' needs numbers`, {
      hint: "mode 'nearest' takes every type",
    });
  }
};
