/** Pictures [N, H, W, C] seen through boxes, rotations and projections. Places are reckoned in float64, as tfjs's cpu backend does. */
import {
  add,
  and,
  cast,
  ceil,
  clamp,
  constant,
  div,
  eq,
  floor,
  ge,
  gt,
  index,
  le,
  lt,
  mul,
  neg,
  or,
  select,
  sub,
  trunc,
  type Expr,
} from '../../compiler/expr.ts';
import { compute } from '../../compiler/tensor-expr.ts';
import { float, oneOf, requiredFloats, requiredInts } from '../attrs.ts';
import { contraction, defineOp } from '../define.ts';
import { shapeError, showShape } from '../util.ts';

const f64 = (x: number): Expr => constant(x, 'float64');
/** To the nearest, halves upwards: JavaScript's Math.round. */
const nearest = (x: Expr): Expr => floor(add(x, 0.5));
const within = (x: Expr, extent: number): Expr => and(ge(x, 0), le(x, extent - 1));
const place = (x: Expr, extent: number): Expr => index(cast(clamp(x, 0, Math.max(extent - 1, 0)), 'int32'));

export const CropAndResize = defineOp({
  name: 'CropAndResize',
  domain: 'tfjs',
  since: 1,
  inputs: { X: ['float32', 'int32'], boxes: ['float32'], box_indices: ['int32'] },
  outputs: { Y: 'float32' },
  attrs: { crop_size: requiredInts(), method: oneOf('bilinear', 'nearest'), extrapolation_value: float(0) },
  accuracy: contraction,
  compute: ({ X, boxes, box_indices: owners }, { crop_size: size, method, extrapolation_value: outside }) => {
    if (X.rank !== 4 || boxes.rank !== 2 || boxes.shape[1] !== 4)
      throw shapeError(`pictures of rank 4 and boxes [n, 4] are needed, not ${showShape(X.shape)} and ${showShape(boxes.shape)}`);
    const [batch, , , channels] = X.shape as [number, number, number, number];
    const [rows, columns] = [0, 1].map((a) =>
      compute([boxes.shape[0]!, size[a]!], (b, i) => {
        const [from, to] = [cast(boxes.at(b!, a), 'float64'), cast(boxes.at(b!, a + 2), 'float64')];
        const [last, steps] = [X.shape[a + 1]! - 1, size[a]! - 1];
        if (steps === 0) return mul(mul(add(from, to), 0.5), last);
        return add(mul(from, last), mul(cast(i!, 'float64'), div(mul(sub(to, from), last), steps)));
      }),
    );
    return compute([boxes.shape[0]!, ...size, channels], (b, r, c, d) => {
      const [y, x] = [rows!.at(b!, r!), columns!.at(b!, c!)];
      const owner = owners.at(b!);
      const read = (row: Expr, column: Expr): Expr =>
        cast(X.at(index(clamp(owner, 0, Math.max(batch - 1, 0))), place(row, X.shape[1]!), place(column, X.shape[2]!), d!), 'float64');
      const inside = and(within(y, X.shape[1]!), within(x, X.shape[2]!));
      const line = (row: Expr): Expr => {
        const left = read(row, floor(x));
        return add(left, mul(sub(read(row, ceil(x)), left), sub(x, floor(x))));
      };
      const seen =
        method === 'nearest'
          ? read(nearest(y), nearest(x))
          : add(line(floor(y)), mul(sub(line(ceil(y)), line(floor(y))), sub(y, floor(y))));
      // A box of no picture stays empty.
      return cast(select(lt(owner, batch), select(inside, seen, f64(outside)), f64(0)), 'float32');
    });
  },
  hints: { unroll: 16, materialize: true },
  source: 'TensorFlow.js API, tf.image.cropAndResize',
});

export const Rotate = defineOp({
  name: 'Rotate',
  domain: 'tfjs',
  since: 1,
  accuracy: contraction,
  inputs: { X: ['float32', 'int32'] },
  outputs: { Y: 'X' },
  attrs: {
    radians: float(0),
    /** Column and row everything turns about. */
    center: requiredFloats(),
    /** One number for each channel. */
    fill: requiredFloats(),
  },
  compute: ({ X }, { radians, center, fill }) => {
    const [, height, width] = X.shape as [number, number, number, number];
    const [sin, cos] = [Math.sin(radians), Math.cos(radians)];
    const fills = compute([X.shape[3]!], (d) => fill.reduceRight<Expr>((e, v, i) => select(eq(d!, i), f64(v), e), f64(0)));
    return compute(X.shape, (n, r, c, d) => {
      const [x, y] = [sub(cast(c!, 'float64'), center[0]!), sub(cast(r!, 'float64'), center[1]!)];
      const from = nearest(add(sub(mul(x, cos), mul(y, sin)), center[0]!));
      const row = nearest(add(add(mul(x, sin), mul(y, cos)), center[1]!));
      const inside = and(within(from, width), within(row, height));
      return select(inside, X.at(n!, place(row, height), place(from, width), d!), cast(fills.at(d!), X.dtype));
    });
  },
  source: 'TensorFlow.js API, tf.image.rotateWithOffset',
});

type Fill = 'constant' | 'reflect' | 'wrap' | 'nearest';

/** A place that may lie outside, brought back to where its mode says it is read. */
const mapped = (x: Expr, extent: number, mode: Fill): Expr => {
  if (mode === 'constant') return x;
  const bounded = (e: Expr): Expr => clamp(e, 0, extent - 1);
  if (mode === 'nearest') return bounded(x);
  if (extent <= 1) return select(or(lt(x, 0), gt(x, extent - 1)), f64(0), x);
  const period = mode === 'reflect' ? 2 * extent : extent;
  const turns = (e: Expr, by: number): Expr => trunc(div(e, by));
  if (mode === 'wrap') {
    const before = add(x, mul(add(turns(neg(x), extent - 1), 1), period));
    return bounded(select(lt(x, 0), before, select(gt(x, extent - 1), sub(x, mul(turns(x, extent - 1), period)), x)));
  }
  const raised = add(mul(turns(neg(x), period), period), x);
  const before = select(lt(raised, -extent), add(raised, period), sub(neg(raised), 1));
  const lowered = sub(x, mul(turns(x, period), period));
  const after = select(ge(lowered, extent), sub(sub(f64(period), lowered), 1), lowered);
  return bounded(select(lt(x, 0), before, select(gt(x, extent - 1), after, x)));
};

/** Each output point is read where a projection of 8 numbers per picture (or one for all) takes it. */
export const Transform = defineOp({
  name: 'Transform',
  domain: 'tfjs',
  since: 1,
  accuracy: contraction,
  inputs: { X: ['float32', 'int32'], transforms: ['float32'] },
  outputs: { Y: 'X' },
  attrs: {
    interpolation: oneOf('nearest', 'bilinear'),
    fill_mode: oneOf('constant', 'reflect', 'wrap', 'nearest'),
    fill_value: float(0),
    size: requiredInts(),
  },
  compute: ({ X, transforms }, { interpolation, fill_mode: mode, fill_value: outside, size }) => {
    const [batch, height, width, channels] = X.shape as [number, number, number, number];
    return compute([batch, ...size, channels], (n, r, c, d) => {
      const t = (i: number): Expr => cast(transforms.at(transforms.shape[0] === 1 ? 0 : n!, i), 'float64');
      const [row, column] = [cast(r!, 'float64'), cast(c!, 'float64')];
      const linear = (i: number): Expr => add(mul(t(i), column), mul(t(i + 1), row));
      const projection = add(linear(6), 1);
      const x = mapped(div(add(linear(0), t(2)), projection), width, mode);
      const y = mapped(div(add(linear(3), t(5)), projection), height, mode);
      const read = (i: Expr, j: Expr): Expr =>
        select(and(within(i, height), within(j, width)), cast(X.at(n!, place(i, height), place(j, width), d!), 'float64'), f64(outside));
      const line = (i: Expr): Expr =>
        add(mul(sub(add(floor(x), 1), x), read(i, floor(x))), mul(sub(x, floor(x)), read(i, add(floor(x), 1))));
      const seen =
        interpolation === 'nearest'
          ? read(nearest(y), nearest(x))
          : add(mul(sub(add(floor(y), 1), y), line(floor(y))), mul(sub(y, floor(y)), line(add(floor(y), 1))));
      return cast(select(eq(projection, 0), f64(outside), seen), X.dtype);
    });
  },
  hints: { unroll: 16 },
  source: 'TensorFlow.js API, tf.image.transform',
});
