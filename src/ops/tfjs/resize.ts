/**
 * TensorFlow.js's resizing of pictures [N, H, W, C] by two points per axis or by the nearest one, and
 * its gradients. Places are reckoned in float64, as its cpu backend does, once per row and column. With
 * half-pixel centres a place before the first pixel extrapolates; ONNX's Resize would clamp it.
 */
import { add, and, cast, ceil, clamp, constant, eq, floor, index, mul, select, sub, sum, type Expr } from '../../compiler/expr.ts';
import { compute, scatter, fill, type TensorExpr } from '../../compiler/tensor-expr.ts';
import { flag, requiredInts } from '../attrs.ts';
import { defineOp, exact } from '../define.ts';
import { shapeError, showShape } from '../util.ts';

const attrs = { size: requiredInts(), align_corners: flag(false), half_pixel_centers: flag(false) };

/** Source places per step of the output. */
const scaleOf = (input: number, output: number, corners: boolean): number =>
  corners && output > 1 ? (input - 1) / (output - 1) : input / output;

const placeOf = (o: Expr, scale: number, half: boolean): Expr => {
  const at = cast(o, 'float64');
  return half ? sub(mul(add(at, 0.5), scale), 0.5) : mul(at, scale);
};

/** The two source points of each output point, and how far it lies beyond the first. */
interface Taps {
  readonly low: TensorExpr;
  readonly high: TensorExpr;
  readonly share: TensorExpr;
}

const tapsOf = (input: number, output: number, corners: boolean, half: boolean): Taps => {
  const scale = scaleOf(input, output, corners);
  const point = (f: (x: Expr) => Expr): TensorExpr =>
    compute([output], (o) => cast(clamp(f(placeOf(o!, scale, half)), 0, input - 1), 'int32'));
  const low = point(floor);
  return {
    low,
    high: point(ceil),
    share: compute([output], (o) => cast(sub(placeOf(o!, scale, half), cast(low.at(o!), 'float64')), 'float32')),
  };
};

/** With half-pixel centres a place is the middle of its pixel: nothing is taken off again. */
const nearestOf = (input: number, output: number, corners: boolean, half: boolean): TensorExpr => {
  const scale = scaleOf(input, output, corners);
  return compute([output], (o) => {
    const at = cast(o!, 'float64');
    const place = mul(half ? add(at, 0.5) : at, scale);
    return cast(clamp(floor(corners ? add(place, 0.5) : place), 0, input - 1), 'int32');
  });
};

const expectPicture = (shape: readonly number[], size: readonly number[]): void => {
  if (shape.length !== 4 || size.length !== 2)
    throw shapeError(
      `pictures must be [batch, height, width, channels] and a size two numbers, not ${showShape(shape)} and ${showShape(size)}`,
    );
};

const at = (t: TensorExpr, o: Expr): Expr => index(t.at(o));

export const ResizeBilinear = defineOp({
  name: 'ResizeBilinear',
  domain: 'tfjs',
  since: 1,
  inputs: { X: ['float32', 'int32'] },
  outputs: { Y: 'float32' },
  attrs,
  compute: ({ X }, { size, align_corners: corners, half_pixel_centers: half }) => {
    expectPicture(X.shape, size);
    const [rows, columns] = [0, 1].map((a) => tapsOf(X.shape[a + 1]!, size[a]!, corners, half)) as [Taps, Taps];
    return compute([X.shape[0]!, ...size, X.shape[3]!], (n, r, c, d) => {
      const read = (row: TensorExpr, column: TensorExpr): Expr => cast(X.at(n!, at(row, r!), at(column, c!), d!), 'float32');
      const along = (row: TensorExpr): Expr => {
        const left = read(row, columns.low);
        return add(left, mul(sub(read(row, columns.high), left), columns.share.at(c!)));
      };
      const top = along(rows.low);
      return add(top, mul(sub(along(rows.high), top), rows.share.at(r!)));
    });
  },
  hints: { unroll: 16, materialize: true },
  source: 'TensorFlow.js API, tf.image.resizeBilinear',
});

export const ResizeNearest = defineOp({
  name: 'ResizeNearest',
  domain: 'tfjs',
  since: 1,
  accuracy: exact,
  inputs: { X: ['float32', 'int32', 'bool'] },
  outputs: { Y: 'X' },
  attrs,
  compute: ({ X }, { size, align_corners: corners, half_pixel_centers: half }) => {
    expectPicture(X.shape, size);
    const [rows, columns] = [0, 1].map((a) => nearestOf(X.shape[a + 1]!, size[a]!, corners, half)) as [TensorExpr, TensorExpr];
    return compute([X.shape[0]!, ...size, X.shape[3]!], (n, r, c, d) => X.at(n!, at(rows, r!), at(columns, c!), d!));
  },
  hints: { materialize: true },
  source: 'TensorFlow.js API, tf.image.resizeNearestNeighbor',
});

const gradAttrs = { input_shape: requiredInts(), align_corners: flag(false) };

export const ResizeBilinearGrad = defineOp({
  name: 'ResizeBilinearGrad',
  domain: 'tfjs',
  since: 1,
  inputs: { dY: ['float32'] },
  outputs: { dX: 'dY' },
  attrs: gradAttrs,
  compute: ({ dY }, { input_shape: shape, align_corners: corners }) => {
    expectPicture(shape, dY.shape.slice(1, 3));
    const [rows, columns] = [1, 2].map((a) => tapsOf(shape[a]!, dY.shape[a]!, corners, false)) as [Taps, Taps];
    const weight = ({ share }: Taps, o: Expr, far: Expr): Expr => select(eq(far, 0), sub(constant(1, 'float32'), share.at(o)), share.at(o));
    const place = ({ low, high }: Taps, o: Expr, far: Expr): Expr => index(select(eq(far, 0), low.at(o), high.at(o)));
    // Two points per axis share each gradient.
    return scatter(
      fill(shape, 0, 'float32'),
      [...dY.shape, 2, 2],
      (n, r, c, d, i, j) => ({
        at: [n!, place(rows, r!, i!), place(columns, c!, j!), d!],
        value: mul(dY.at(n!, r!, c!, d!), mul(weight(rows, r!, i!), weight(columns, c!, j!))),
      }),
      'add',
    );
  },
});

export const ResizeNearestGrad = defineOp({
  name: 'ResizeNearestGrad',
  domain: 'tfjs',
  since: 1,
  inputs: { dY: ['float32'] },
  outputs: { dX: 'dY' },
  attrs: gradAttrs,
  compute: ({ dY }, { input_shape: shape, align_corners: corners }) => {
    expectPicture(shape, dY.shape.slice(1, 3));
    const [rows, columns] = [1, 2].map((a) => nearestOf(shape[a]!, dY.shape[a]!, corners, false)) as [TensorExpr, TensorExpr];
    return compute(shape, (n, r, c, d) =>
      sum([dY.shape[1]!, dY.shape[2]!], (i, j) => {
        const here = and(eq(at(rows, i!), r!), eq(at(columns, j!), c!));
        return select(here, dY.at(n!, i!, j!, d!), constant(0, 'float32'));
      }),
    );
  },
});
