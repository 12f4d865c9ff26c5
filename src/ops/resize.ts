/**
 * Resize: by the nearest element, or by weighted neighbours along each axis. Neighbours and weights
 * depend on the axis alone, so they are small tables; few of them are taken in one sum, many
 * (downscaling with a stretched filter) axis by axis.
 */
import { abs, add, and, cast, ceil, clamp, constant, div, eq, floor, floordiv, ge, le, lt, max, mul, or, round, select, sub, sum, type Expr } from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import { isFloat, type DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { flag, float, oneOf, optionalInts } from './attrs.ts';
import { contraction, defineOp, optional, value, type OpRecord } from './define.ts';
import { movement } from './movement.ts';
import { placeExpr, placeOf, planResize, type ResizedAxis } from './resize-plan.ts';
import { common, numeric } from './types.ts';
import { range, replaceAt } from './util.ts';

type NearestMode = 'round_prefer_floor' | 'round_prefer_ceil' | 'floor' | 'ceil';

const nearestOf: Readonly<Record<NearestMode, { number: (x: number) => number; expr: (x: Expr) => Expr }>> = {
  round_prefer_floor: { number: (x) => Math.ceil(x - 0.5), expr: (x) => ceil(sub(x, 0.5)) },
  round_prefer_ceil: { number: (x) => Math.floor(x + 0.5), expr: (x) => floor(add(x, 0.5)) },
  floor: { number: Math.floor, expr: floor },
  ceil: { number: Math.ceil, expr: ceil },
};

/** Input index of each output index along an axis: index arithmetic where the scale is whole, else a table. */
const nearestIndex = ({ input, output, coordinate }: ResizedAxis, mode: NearestMode): ((o: Expr) => Expr) => {
  const { number, expr } = nearestOf[mode];
  const at = range(output).map((o) => Math.min(Math.max(number(placeOf(coordinate, o)), 0), input - 1));
  const [up, down, first] = [output / input, input / output, at[0] ?? 0];
  if (Number.isInteger(up) && at.every((i, o) => i === Math.floor(o / up))) return (o) => floordiv(o, up);
  if (Number.isInteger(down) && at.every((i, o) => i === o * down + first)) return (o) => add(mul(o, down), first);
  const table = compute([output], (o) => cast(clamp(expr(placeExpr(coordinate, o!)), 0, input - 1), 'int32'));
  return (o) => cast(table.at(o), 'index');
};

const nearest = (x: TensorExpr, axes: readonly ResizedAxis[], mode: NearestMode): TensorExpr => {
  const shape = axes.reduce<readonly number[]>((s, a) => replaceAt(s, a.axis, a.output), x.shape);
  const sources = axes.map((a) => nearestIndex(a, mode));
  return compute(shape, (...o) => x.at(...axes.reduce<readonly Expr[]>((at, a, n) => replaceAt(at, a.axis, sources[n]!(o[a.axis]!)), o)));
};

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
interface Taps {
  readonly axis: number;
  readonly output: number;
  readonly count: number;
  readonly index: TensorExpr;
  readonly weight: TensorExpr;
}

const tapsOf = ({ axis, input, output, scale, coordinate }: ResizedAxis, filter: Filter, stretch: boolean, excludeOutside: boolean, dtype: DType): Taps => {
  // Downscaling with antialias stretches the filter over all elements that fall together.
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
    axis, output, count,
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
    finish(sum(taps.map((t) => t.count), (...k) => {
      const weight = taps.map((t, n) => t.weight.at(o[t.axis]!, k[n]!)).reduce((a, b) => mul(a, b));
      const at = taps.reduce<readonly Expr[]>((i, t, n) => replaceAt(i, t.axis, cast(t.index.at(o[t.axis]!, k[n]!), 'index')), o);
      return mul(cast(x.at(...at), dtype), weight);
    })));
};

/** Most neighbours that one sum takes; beyond that axes are done one after another. */
const TAPS_AT_ONCE = 16;

const interpolated = (x: TensorExpr, taps: readonly Taps[], dtype: DType): TensorExpr => {
  const together = taps.reduce((n, t) => n * t.count, 1) <= TAPS_AT_ONCE;
  const groups = together ? [taps].filter((g) => g.length > 0) : taps.map((t) => [t]);
  return groups.reduce((y, group, n) => blend(y, group, dtype, n === groups.length - 1 ? (e) => narrowed(e, x.dtype) : (e) => e), x);
};

/** Type that elements are weighted in: their own if it is a full float; integers in float64, so that a tie stays a tie. */
export const weightType = (dtype: DType): DType => (isFloat(dtype) && dtype !== 'float64' ? 'float32' : 'float64');

/** Outputs that stand for places outside of the input show a fixed value. */
const extrapolated = (y: TensorExpr, axes: readonly ResizedAxis[], filler: number): TensorExpr => {
  const leaving = axes.filter((a) => range(a.output).some((o) => placeOf(a.coordinate, o) < 0 || placeOf(a.coordinate, o) > a.input - 1));
  if (leaving.length === 0) return y;
  return compute(y.shape, (...o) => {
    const outside = leaving.flatMap((a) => {
      const place = placeExpr(a.coordinate, o[a.axis]!);
      return [lt(place, 0), lt(constant(a.input - 1, 'float64'), place)];
    });
    return select(outside.reduce((p, q) => or(p, q)), cast(constant(filler, 'float64'), y.dtype), y.at(...o));
  });
};

const resize = defineOp({
  name: 'Resize', since: 18,
  inputs: {
    X: common, roi: optional(value(['float32', 'float64', 'float16'])), scales: optional(value(['float32'])), sizes: optional(value(['int64'])),
  },
  outputs: { Y: 'X' },
  attrs: {
    antialias: flag(false), axes: optionalInts(),
    coordinate_transformation_mode: oneOf('half_pixel', 'half_pixel_symmetric', 'pytorch_half_pixel', 'align_corners', 'asymmetric', 'tf_crop_and_resize'),
    cubic_coeff_a: float(-0.75), exclude_outside: flag(false), extrapolation_value: float(0),
    keep_aspect_ratio_policy: oneOf('stretch', 'not_larger', 'not_smaller'), mode: oneOf('nearest', 'linear', 'cubic'),
    nearest_mode: oneOf('round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'),
  },
  compute: ({ X, roi, scales, sizes }, attrs) => {
    const mode = attrs.coordinate_transformation_mode;
    const axes = planResize(X.shape, { axes: attrs.axes, roi, scales, sizes, mode, policy: attrs.keep_aspect_ratio_policy });
    const crop = (y: TensorExpr): TensorExpr => (mode === 'tf_crop_and_resize' ? extrapolated(y, axes, attrs.extrapolation_value) : y);
    if (attrs.mode === 'nearest') {
      if (attrs.antialias) throw new FlagosError('FLAGOS_E_ATTRIBUTE', "attribute 'antialias' is for modes 'linear' and 'cubic', not 'nearest'");
      return crop(nearest(X, axes, attrs.nearest_mode));
    }
    refuseUnweighable(X.dtype, attrs.mode);
    const dtype = weightType(X.dtype);
    const filter = attrs.mode === 'linear' ? linearFilter : cubicFilter(attrs.cubic_coeff_a);
    const taps = axes.map((a) => tapsOf(a, filter, attrs.antialias, attrs.exclude_outside, dtype));
    return crop(interpolated(X, taps, dtype));
  },
  accuracy: contraction,
});

/** @throws FLAGOS_E_DTYPE for types that cannot be weighted and added. */
export const refuseUnweighable = (dtype: DType, mode: string): void => {
  if (!numeric.some((d) => d === dtype)) {
    throw new FlagosError('FLAGOS_E_DTYPE', `input 'X' is ${dtype}, mode '${mode}' needs numbers`, { hint: "mode 'nearest' takes every type" });
  }
};

const moving = movement(resize, contraction);

/** Elements that are no numbers can only be moved: by the nearest one, and with nothing but zeros or empty strings outside. */
export const Resize: OpRecord = {
  ...moving,
  host: (inputs, attrs, ctx) => {
    const { X } = inputs as { X: { dtype: DType } };
    if (attrs['mode'] !== 'nearest') refuseUnweighable(X.dtype, String(attrs['mode']));
    return moving.host!(inputs, { ...attrs, extrapolation_value: 0 }, ctx);
  },
};
