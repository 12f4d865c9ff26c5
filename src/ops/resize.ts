/** Resize: by the nearest element, or by weighted neighbours along each axis. */
import { add, cast, ceil, clamp, constant, floor, floordiv, lt, mul, or, select, sub, type Expr } from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import type { DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { flag, float, oneOf, optionalInts } from './attrs.ts';
import { contraction, defineOp, optional, value, type OpRecord } from './define.ts';
import { cubicFilter, interpolated, linearFilter, refuseUnweighable, tapsOf, weightType } from './interpolate.ts';
import { movement } from './movement.ts';
import { placeExpr, placeOf, planResize, type ResizedAxis } from './resize-plan.ts';
import { common } from './types.ts';
import { range, replaceAt } from './util.ts';

type NearestMode = 'round_prefer_floor' | 'round_prefer_ceil' | 'floor' | 'ceil';

const nearestOf: Readonly<Record<NearestMode, { number: (x: number) => number; expr: (x: Expr) => Expr }>> = {
  round_prefer_floor: { number: (x) => Math.ceil(x - 0.5), expr: (x) => ceil(sub(x, 0.5)) },
  round_prefer_ceil: { number: (x) => Math.floor(x + 0.5), expr: (x) => floor(add(x, 0.5)) },
  floor: { number: Math.floor, expr: floor },
  ceil: { number: Math.ceil, expr: ceil },
};

/** Axes longer than this are not searched for a pattern. */
const LONGEST_PATTERN = 1 << 16;

/** Input index of each output index along an axis: index arithmetic where the scale is whole, else a table. */
const nearestIndex = ({ input, output, coordinate }: ResizedAxis, mode: NearestMode): ((o: Expr) => Expr) => {
  const { number, expr } = nearestOf[mode];
  const table = compute([output], (o) => cast(clamp(expr(placeExpr(coordinate, o!)), 0, input - 1), 'int32'));
  if (output > LONGEST_PATTERN) return (o) => cast(table.at(o), 'index');
  const at = range(output).map((o) => Math.min(Math.max(number(placeOf(coordinate, o)), 0), input - 1));
  const [up, down, first] = [output / input, input / output, at[0] ?? 0];
  if (Number.isInteger(up) && at.every((i, o) => i === Math.floor(o / up))) return (o) => floordiv(o, up);
  if (Number.isInteger(down) && at.every((i, o) => i === o * down + first)) return (o) => add(mul(o, down), first);
  return (o) => cast(table.at(o), 'index');
};

const nearest = (x: TensorExpr, axes: readonly ResizedAxis[], mode: NearestMode): TensorExpr => {
  const shape = axes.reduce<readonly number[]>((s, a) => replaceAt(s, a.axis, a.output), x.shape);
  const sources = axes.map((a) => nearestIndex(a, mode));
  return compute(shape, (...o) => x.at(...axes.reduce<readonly Expr[]>((at, a, n) => replaceAt(at, a.axis, sources[n]!(o[a.axis]!)), o)));
};

/** Outputs that stand for places outside of the input show a fixed value. */
const extrapolated = (y: TensorExpr, axes: readonly ResizedAxis[], filler: number): TensorExpr => {
  // Places grow or fall steadily, so the first and the last tell whether any leaves the input.
  const leaves = (a: ResizedAxis, o: number): boolean => placeOf(a.coordinate, o) < 0 || placeOf(a.coordinate, o) > a.input - 1;
  const leaving = axes.filter((a) => leaves(a, 0) || leaves(a, a.output - 1));
  if (leaving.length === 0) return y;
  return compute(y.shape, (...o) => {
    const outside = leaving.flatMap((a) => {
      const place = placeExpr(a.coordinate, o[a.axis]!);
      return [lt(place, 0), lt(constant(a.input - 1, 'float64'), place)];
    });
    return select(
      outside.reduce((p, q) => or(p, q)),
      cast(constant(filler, 'float64'), y.dtype),
      y.at(...o),
    );
  });
};

const resize = defineOp({
  name: 'Resize',
  since: 18,
  inputs: {
    X: common,
    roi: optional(value(['float32', 'float64', 'float16'])),
    scales: optional(value(['float32'])),
    sizes: optional(value(['int64'])),
  },
  outputs: { Y: 'X' },
  attrs: {
    antialias: flag(false),
    axes: optionalInts(),
    coordinate_transformation_mode: oneOf(
      'half_pixel',
      'half_pixel_symmetric',
      'pytorch_half_pixel',
      'align_corners',
      'asymmetric',
      'tf_crop_and_resize',
    ),
    cubic_coeff_a: float(-0.75),
    exclude_outside: flag(false),
    extrapolation_value: float(0),
    keep_aspect_ratio_policy: oneOf('stretch', 'not_larger', 'not_smaller'),
    mode: oneOf('nearest', 'linear', 'cubic'),
    nearest_mode: oneOf('round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'),
  },
  compute: ({ X, roi, scales, sizes }, attrs) => {
    const mode = attrs.coordinate_transformation_mode;
    const axes = planResize(X.shape, { axes: attrs.axes, roi, scales, sizes, mode, policy: attrs.keep_aspect_ratio_policy });
    const crop = (y: TensorExpr): TensorExpr => (mode === 'tf_crop_and_resize' ? extrapolated(y, axes, attrs.extrapolation_value) : y);
    if (attrs.mode === 'nearest') {
      if (attrs.antialias)
        throw new FlagosError('FLAGOS_E_ATTRIBUTE', "attribute 'antialias' is for modes 'linear' and 'cubic', not 'nearest'");
      return crop(nearest(X, axes, attrs.nearest_mode));
    }
    refuseUnweighable(X.dtype, attrs.mode);
    const dtype = weightType(X.dtype);
    const filter = attrs.mode === 'linear' ? linearFilter : cubicFilter(attrs.cubic_coeff_a);
    const taps = axes.map((a) => tapsOf(a, filter, attrs.antialias, attrs.exclude_outside, dtype));
    return crop(interpolated(X, taps, dtype));
  },
  accuracy: contraction,
  // Neighbours of a place, up to 16 on a curve, are written out. Where a window reads an enlarged picture, finding each element's place again for every window is dear.
  hints: { unroll: 16, materialize: true },
});

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
