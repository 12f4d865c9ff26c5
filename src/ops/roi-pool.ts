/** Pooling of regions of interest: RoiAlign (samples between elements) and MaxRoiPool (whole elements). Source: arXiv 1703.06870, 1504.08083. */
import {
  abs,
  add,
  and,
  cast,
  ceil,
  clamp,
  constant,
  div,
  floor,
  ge,
  gt,
  lt,
  max,
  maxOf,
  mul,
  or,
  rounded,
  select,
  sign,
  sub,
  sum,
  type Expr,
} from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import type { DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { float, int, oneOf, requiredInts } from './attrs.ts';
import { defineOp, exact } from './define.ts';
import { cornersAt, isNear, leaves, regionAxis, samplesOf } from './roi-samples.ts';
import { floats } from './types.ts';
import { expectShape, shapeError, showShape, valueError } from './util.ts';

const checkPicture = (x: TensorExpr, rois: TensorExpr, columns: number): void => {
  if (x.rank !== 4) throw shapeError(`'X' has shape ${showShape(x.shape)}, it must be [N, C, H, W]`);
  if (rois.rank !== 2 || rois.shape[1] !== columns)
    throw shapeError(`'rois' has shape ${showShape(rois.shape)}, it must be [regions, ${columns}]`);
};

/** A number of an image as an index that is always one of the batch. */
const imageOf = (number: Expr, batch: number): Expr => cast(clamp(number, 0, Math.max(batch - 1, 0)), 'index');

export const RoiAlign = defineOp({
  name: 'RoiAlign',
  since: 16,
  inputs: { X: floats, rois: 'X', batch_indices: ['int64'] },
  outputs: { Y: 'X' },
  attrs: {
    coordinate_transformation_mode: oneOf('half_pixel', 'output_half_pixel'),
    mode: oneOf('avg', 'max'),
    output_height: int(1),
    output_width: int(1),
    sampling_ratio: int(0),
    spatial_scale: float(1),
  },
  compute: ({ X, rois, batch_indices }, attrs) => {
    checkPicture(X, rois, 4);
    const [batch, channels, height, width] = X.shape as [number, number, number, number];
    const regions = rois.shape[0]!;
    expectShape(batch_indices.shape, [regions], 'batch_indices');
    const { output_height, output_width, sampling_ratio: ratio, spatial_scale } = attrs;
    if (output_height < 0 || output_width < 0 || ratio < 0)
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', 'output extents and sampling_ratio must not be negative');
    if (height * width === 0) throw shapeError(`'X' of shape ${showShape(X.shape)} has no elements to sample`);
    const half = attrs.coordinate_transformation_mode === 'half_pixel';
    const wide: DType = X.dtype === 'float64' ? 'float64' : 'float32';

    const region = { rois, regions, half, ratio, scale: spatial_scale, dtype: wide };
    const [rows, columns] = [regionAxis(region, 1, output_height), regionAxis(region, 0, output_width)];
    return compute([regions, channels, output_height, output_width], (r, c, ph, pw) => {
      const image = imageOf(batch_indices.at(r!), batch);
      const [ys, xs] = [samplesOf(region, rows, height, r!, ph!), samplesOf(region, columns, width, r!, pw!)];
      const overRows = attrs.mode === 'avg' ? sum : maxOf;
      const none = constant(attrs.mode === 'avg' ? 0 : -Infinity, wide);
      const total = overRows(ys.most, (i) => {
        const row = add(ys.first, cast(i!, wide));
        const y = ys.place(row);
        const v = cornersAt(y, height);
        const inRow = overRows(xs.most, (j) => {
          const column = add(xs.first, cast(j!, wide));
          const x = xs.place(column);
          const h = cornersAt(x, width);
          const at = (a: Expr, b: Expr): Expr => cast(X.at(image, c!, a, b), wide);
          const [top, left] = [sub(1, v.part), sub(1, h.part)];
          const corners = [
            mul(mul(top, left), at(v.low, h.low)),
            mul(mul(top, h.part), at(v.low, h.high)),
            mul(mul(v.part, left), at(v.high, h.low)),
            mul(mul(v.part, h.part), at(v.high, h.high)),
          ];
          // The largest weighted corner, not the largest sample: so it is specified by what everyone does.
          return select(
            and(lt(column, xs.count), isNear(x, width)),
            corners.reduce((a, b) => (attrs.mode === 'avg' ? add(a, b) : max(a, b))),
            none,
          );
        });
        return select(and(lt(row, ys.count), isNear(y, height)), inRow, none);
      });
      const samples = mul(ys.count, xs.count);
      if (attrs.mode === 'avg') return cast(div(total, max(samples, 1)), X.dtype);
      // A sample away from the picture counts as 0, and so does a bin without samples.
      const someZero = or(or(leaves(ys, height), leaves(xs, width)), lt(samples, 1));
      return cast(select(someZero, max(total, 0), total), X.dtype);
    });
  },
  check: ({ X, batch_indices }) => {
    const bad = batch_indices.toNumbers().find((n) => n < 0 || n >= X.dims[0]!);
    if (bad !== undefined) throw valueError(`'batch_indices' names image ${bad} of a batch of ${X.dims[0]!}`);
  },
});

/** To the nearest whole number, halves away from zero: what C's round does. */
const roundAway = (e: Expr): Expr => mul(sign(e), floor(add(abs(e), 0.5)));

export const MaxRoiPool = defineOp({
  name: 'MaxRoiPool',
  since: 1,
  accuracy: exact,
  inputs: { X: floats, rois: 'X' },
  outputs: { Y: 'X' },
  attrs: { pooled_shape: requiredInts(), spatial_scale: float(1) },
  compute: ({ X, rois }, { pooled_shape: pooled, spatial_scale }) => {
    checkPicture(X, rois, 5);
    if (pooled.length !== 2 || pooled.some((d) => d < 1))
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'pooled_shape' is ${showShape(pooled)}, it must be two positive numbers`);
    const [batch, channels, height, width] = X.shape as [number, number, number, number];
    const regions = rois.shape[0]!;
    const wide: DType = X.dtype === 'float64' ? 'float64' : 'float32';
    /** First and past-the-last element of a bin along an axis, within the picture. */
    const binOf = (r: Expr, p: Expr, low: number, bins: number, extent: number): readonly [Expr, Expr] => {
      const edge = (column: number): Expr => roundAway(rounded(mul(cast(rois.at(r, column), wide), spatial_scale)));
      const start = edge(low);
      const size = rounded(div(max(add(sub(edge(low + 2), start), 1), 1), bins));
      const at = cast(p, wide);
      return [
        clamp(add(floor(rounded(mul(at, size))), start), 0, extent),
        clamp(add(ceil(rounded(mul(add(at, 1), size))), start), 0, extent),
      ];
    };
    return compute([regions, channels, ...pooled], (r, c, ph, pw) => {
      const image = imageOf(rois.at(r!, 0), batch);
      const [top, bottom] = binOf(r!, ph!, 2, pooled[0]!, height);
      const [left, right] = binOf(r!, pw!, 1, pooled[1]!, width);
      const between = (i: Expr, from: Expr, to: Expr): Expr => and(ge(cast(i, wide), from), lt(cast(i, wide), to));
      const lowest = constant(-Infinity, X.dtype);
      const largest = maxOf(height, (y) =>
        select(
          between(y!, top, bottom),
          maxOf(width, (x) => select(between(x!, left, right), X.at(image, c!, y!, x!), lowest)),
          lowest,
        ),
      );
      return select(and(gt(bottom, top), gt(right, left)), largest, 0);
    });
  },
  check: ({ X, rois }) => {
    const numbers = rois.toNumbers();
    const bad = Array.from({ length: rois.dims[0]! }, (_, r) => numbers[5 * r]!).find((n) => n < 0 || n >= X.dims[0]!);
    if (bad !== undefined) throw valueError(`'rois' names image ${bad} of a batch of ${X.dims[0]!}`);
  },
});
