/**
 * TensorFlow's pooling over images [N, …, C] and its gradients. As in TensorFlow.js, padding takes no
 * part in an average, and a maximum passes over NaN.
 */
import { add, and, cast, constant, div, eq, gt, isnan, max, maxOf, minOf, mul, or, select, sum, type Expr } from '../../compiler/expr.ts';
import { ravel, type TensorExpr } from '../../compiler/tensor-expr.ts';
import { integerRange, isFloat, type DType } from '../../core/dtype.ts';
import { flag, requiredInts } from '../attrs.ts';
import { defineOp, exact } from '../define.ts';
import { pointsOf } from '../pool.ts';
import { expectRank, expectShape, extentAs } from '../util.ts';
import { windowPoint, type Windows } from '../windows.ts';
import { gatherFromWindows, imageOf, spatialAttrs, windowsOf, type SpatialAttrs } from './spatial.ts';

const types = ['float32', 'float64', 'float16', 'int32', 'bool'] as const;
const poolAttrs = { ...spatialAttrs, kernel_shape: requiredInts() };

const planPool = (x: readonly number[], attrs: SpatialAttrs & { readonly kernel_shape: readonly number[] }): Windows => {
  expectRank(x, 3, 'X');
  return windowsOf(x.slice(1, -1), attrs.kernel_shape, attrs);
};

const lowestOf = (dtype: DType): number => (isFloat(dtype) ? -Infinity : dtype === 'bool' ? 0 : Number(integerRange(dtype)[0]));

/** What counts of an element for a maximum: NaN never does. */
const counted = (e: Expr): Expr => (isFloat(e.type as DType) ? select(isnan(e), constant(-Infinity, e.type), e) : e);

const largest = (x: TensorExpr, windows: Windows): TensorExpr =>
  imageOf(x.shape[0]!, windows.count, x.shape.at(-1)!, false, (n, w, c) =>
    maxOf(windows.kernel, (...k) => {
      const { inside, at } = windowPoint(windows, w, k);
      return select(inside, counted(x.at(n, ...at, c)), constant(lowestOf(x.dtype), x.dtype));
    }),
  );

/**
 * Which point of each window holds its largest element, as a row-major number among the window's points: the first
 * such, or the last. −1 where no element counts.
 */
const placesOfLargest = (x: TensorExpr, windows: Windows, y: TensorExpr, last: boolean): TensorExpr => {
  const points = windows.kernel.reduce((p, d) => p * d, 1);
  return imageOf(x.shape[0]!, windows.count, x.shape.at(-1)!, false, (n, w, c) => {
    const found = (last ? maxOf : minOf)(windows.kernel, (...k) => {
      const { inside, at } = windowPoint(windows, w, k);
      const here = cast(ravel(k, windows.kernel), 'int32');
      const e = counted(x.at(n, ...at, c));
      // An element of −∞ never was larger than the −∞ one starts from.
      const counts = isFloat(x.dtype) && !last ? gt(e, constant(-Infinity, e.type)) : constant(true, 'bool');
      return select(and(inside, and(counts, eq(e, y.at(n, ...w, c)))), here, constant(last ? -1 : points, 'int32'));
    });
    return last ? found : select(eq(found, points), constant(-1, 'int32'), found);
  });
};

export const MaxPool = defineOp({
  name: 'MaxPool',
  domain: 'tfjs',
  since: 1,
  accuracy: exact,
  inputs: { X: types },
  outputs: { Y: 'X' },
  attrs: poolAttrs,
  compute: ({ X }, attrs) => largest(X, planPool(X.shape, attrs)),
  source: 'TensorFlow.js API, tf.maxPool',
});

export const AvgPool = defineOp({
  name: 'AvgPool',
  domain: 'tfjs',
  since: 1,
  inputs: { X: types.slice(0, 3) },
  outputs: { Y: 'X' },
  attrs: {
    ...poolAttrs,
    /** A window that sees only padding gives 0 instead of NaN, as over volumes. */
    empty_is_zero: flag(false),
  },
  compute: ({ X }, attrs) => {
    const windows = planPool(X.shape, attrs);
    return imageOf(X.shape[0]!, windows.count, X.shape.at(-1)!, false, (n, w, c) => {
      const points = pointsOf(windows, w, false);
      return div(
        sum(windows.kernel, (...k) => {
          const { inside, at } = windowPoint(windows, w, k);
          return select(inside, X.at(n, ...at, c), constant(0, X.dtype));
        }),
        cast(attrs.empty_is_zero ? max(points, 1) : points, X.dtype),
      );
    });
  },
  source: 'TensorFlow.js API, tf.avgPool',
});

export const MaxPoolGrad = defineOp({
  name: 'MaxPoolGrad',
  domain: 'tfjs',
  since: 1,
  inputs: { dY: ['float32', 'float64'], X: types },
  outputs: { dX: 'dY' },
  attrs: {
    ...poolAttrs,
    /** Of several largest elements the last one gets the gradient, not the first. */
    last: flag(false),
  },
  compute: ({ dY, X }, attrs) => {
    const windows = planPool(X.shape, attrs);
    const places = placesOfLargest(X, windows, largest(X, windows), attrs.last);
    expectShape(dY.shape, places.shape, 'dY');
    const shape = { batch: X.shape[0]!, channels: X.shape.at(-1)!, first: false };
    return gatherFromWindows(shape, windows, [], dY.dtype, (n, _, w, k, c) =>
      select(eq(places.at(n, ...w, c), cast(ravel(k, windows.kernel), 'int32')), dY.at(n, ...w, c), constant(0, dY.dtype)),
    );
  },
});

export const AvgPoolGrad = defineOp({
  name: 'AvgPoolGrad',
  domain: 'tfjs',
  since: 1,
  inputs: { dY: ['float32', 'float64'] },
  outputs: { dX: 'dY' },
  attrs: { ...poolAttrs, input_shape: requiredInts() },
  compute: ({ dY }, attrs) => {
    const windows = planPool(attrs.input_shape, attrs);
    const shape = { batch: attrs.input_shape[0]!, channels: attrs.input_shape.at(-1)!, first: false };
    expectShape(dY.shape, [shape.batch, ...windows.count, shape.channels], 'dY');
    const points = windows.kernel.reduce((p, d) => p * d, 1);
    const seen = gatherFromWindows(shape, windows, [], dY.dtype, (n, _, w, _k, c) => dY.at(n, ...w, c));
    return imageOf(shape.batch, windows.image, shape.channels, false, (n, at, c) => div(seen.at(n, ...at, c), extentAs(points, dY.dtype)));
  },
});

/** The largest elements and where they stand: (row · width + column) · channels + channel, with the image's number in front if asked. */
export const MaxPoolWithArgmax = defineOp({
  name: 'MaxPoolWithArgmax',
  domain: 'tfjs',
  since: 1,
  accuracy: exact,
  inputs: { X: types },
  outputs: { Y: 'X', Indices: 'int32' },
  attrs: { ...poolAttrs, include_batch: flag(false) },
  compute: ({ X }, attrs) => {
    const windows = planPool(X.shape, attrs);
    const Y = largest(X, windows);
    const size = X.shape.slice(1).reduce((p, d) => p * d, 1);
    const Indices = imageOf(X.shape[0]!, windows.count, X.shape.at(-1)!, false, (n, w, c) => {
      const found = minOf(windows.kernel, (...k) => {
        const { inside, at } = windowPoint(windows, w, k);
        const is = and(inside, eq(counted(X.at(n, ...at, c)), Y.at(n, ...w, c)));
        return select(is, cast(ravel([...at, c], X.shape.slice(1)), 'int32'), constant(size, 'int32'));
      });
      const place = attrs.include_batch ? add(found, cast(mul(n, size), 'int32')) : found;
      const nothing = isFloat(X.dtype) ? eq(Y.at(n, ...w, c), constant(-Infinity, X.dtype)) : eq(found, size);
      return select(or(nothing, eq(found, size)), constant(-1, 'int32'), place);
    });
    return { Y, Indices };
  },
  source: 'TensorFlow.js API, tf.maxPoolWithArgmax',
});
