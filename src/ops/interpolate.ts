/**
 * Interpolation by weighted neighbours. Neighbours and weights depend on one axis alone, so they are
 * small tables; few of them are taken in one sum, many (downscaling with a stretched filter) axis by axis.
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

/** Neighbours of each output coordinate along an axis: [output, taps] of input indices (int32) and weights. */
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
  const raw = compute([output, count], (o, t) => {
    const { place, index } = neighbour(o!, t!);
    const weight = filter.weight(mul(abs(sub(index, place)), density));
    return excludeOutside ? select(and(ge(index, 0), lt(index, input)), weight, 0) : weight;
  });
  const total = compute([output], (o) => {
    const e = sum(count, (t) => raw.at(o!, t!));
    return select(eq(e, 0), 1, e);
  });
  const normalized = stretch || excludeOutside;
  return {
    axis,
    output,
    count,
    index: compute([output, count], (o, t) => cast(clamp(neighbour(o!, t!).index, 0, input - 1), 'int32')),
    weight: compute([output, count], (o, t) => cast(normalized ? div(raw.at(o!, t!), total.at(o!)) : raw.at(o!, t!), dtype)),
  };
};

/** Back to the element type; integers are rounded half to even and kept in range. */
export const narrowed = (e: Expr, dtype: DType): Expr => (isFloat(dtype) ? cast(e, dtype) : cast(round(e), dtype, true));

/** Σ of weighted neighbours along all of these axes at once. */
const blend = (x: TensorExpr, taps: readonly Taps[], dtype: DType, finish: (e: Expr) => Expr): TensorExpr => {
  const shape = taps.reduce<readonly number[]>((s, t) => replaceAt(s, t.axis, t.output), x.shape);
  return compute(shape, (...o) =>
    finish(
      sum(
        taps.map((t) => t.count),
        (...k) => {
          const weight = taps.map((t, n) => t.weight.at(o[t.axis]!, k[n]!)).reduce((a, b) => mul(a, b));
          const at = taps.reduce<readonly Expr[]>((i, t, n) => replaceAt(i, t.axis, cast(t.index.at(o[t.axis]!, k[n]!), 'index')), o);
          return mul(cast(x.at(...at), dtype), weight);
        },
      ),
    ),
  );
};

/** Most neighbours that one sum takes; beyond that axes are done one after another. */
const TAPS_AT_ONCE = 16;

/** {@link blend} along all axes, in as few sums as pay. The result is of the type of `x`. */
export const interpolated = (x: TensorExpr, taps: readonly Taps[], dtype: DType): TensorExpr => {
  const together = taps.reduce((n, t) => n * t.count, 1) <= TAPS_AT_ONCE;
  const groups = together ? [taps].filter((g) => g.length > 0) : taps.map((t) => [t]);
  return groups.reduce((y, group, n) => blend(y, group, dtype, n === groups.length - 1 ? (e) => narrowed(e, x.dtype) : (e) => e), x);
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
