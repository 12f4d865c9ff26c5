/**
 * TensorFlow's convolutions: images [N, …, C], filters [window…, C, M], and what training needs of
 * them. They lie in memory as TensorFlow.js has them; the contraction template packs from there.
 */
import { add, constant, floordiv, floormod, mul, select, sum, type Expr, type Operand } from '../../compiler/expr.ts';
import { compute, reshape, type TensorExpr } from '../../compiler/tensor-expr.ts';
import { requiredInts } from '../attrs.ts';
import { channelsFirst, conv } from '../conv.ts';
import { defineOp, optional } from '../define.ts';
import { permuted, type Readable } from '../readable.ts';
import { expectRank, expectShape, range, shapeError, showShape } from '../util.ts';
import { windowPoint, type Windows } from '../windows.ts';
import { channelsFirstAttr, channelsLastOf, gatherFromWindows, imageOf, spatialAttrs, windowsOf, type SpatialAttrs } from './spatial.ts';

const types = ['float32', 'float64', 'float16', 'int32'] as const;

/** A filter [window…, C, M] read as [M, C, window…]. */
const mapsFirst = (w: TensorExpr): Readable => permuted(w, [w.rank - 1, w.rank - 2, ...range(w.rank - 2)]);

const expectFilter = (x: TensorExpr, w: TensorExpr): void => {
  expectRank(x.shape, 3, 'X');
  if (w.rank !== x.rank) throw shapeError(`'W' has shape ${showShape(w.shape)}, it must have as many axes as 'X' of ${showShape(x.shape)}`);
};

export const Conv = defineOp({
  name: 'Conv',
  domain: 'tfjs',
  since: 1,
  inputs: { X: types, W: 'X', B: optional('X') },
  outputs: { Y: 'X' },
  attrs: { ...spatialAttrs, ...channelsFirstAttr },
  compute: ({ X, W, B }, attrs) => {
    expectFilter(X, W);
    const { channels_first: first } = attrs;
    const group = { ...attrs, auto_pad: 'NOTSET' as const, kernel_shape: undefined, group: 1 };
    return conv(first ? X : channelsFirst(X), mapsFirst(W), B, group, (e) => e, !first);
  },
  source: 'TensorFlow.js API, tf.conv2d and tf.conv3d',
});

/** Extents of images that lie either way. */
const extentsOf = (shape: readonly number[], first: boolean): { batch: number; places: readonly number[]; channels: number } => ({
  batch: shape[0]!,
  places: first ? shape.slice(2) : shape.slice(1, -1),
  channels: first ? shape[1]! : shape.at(-1)!,
});

/** The windows of a gradient; `dy` must have one place for each. @throws FLAGOS_E_SHAPE */
const gradientWindows = (places: readonly number[], kernel: readonly number[], attrs: SpatialAttrs, dy: readonly number[]): Windows => {
  const windows = windowsOf(places, kernel, attrs);
  expectShape(dy, windows.count, 'the spatial axes of dY');
  return windows;
};

export const ConvInputGrad = defineOp({
  name: 'ConvInputGrad',
  domain: 'tfjs',
  since: 1,
  inputs: { dY: types, W: 'dY' },
  outputs: { dX: 'dY' },
  attrs: { ...spatialAttrs, ...channelsFirstAttr, input_shape: requiredInts() },
  compute: ({ dY, W }, attrs) => {
    expectFilter(dY, W);
    const { channels_first: first, input_shape } = attrs;
    const { batch, places, channels } = extentsOf(input_shape, first);
    const maps = W.shape.at(-1)!;
    const dy = channelsLastOf(dY, first);
    expectShape([W.shape.at(-2)!, dy.shape[0]!, dy.shape.at(-1)!], [channels, batch, maps], 'channels of W, batch and channels of dY');
    const windows = gradientWindows(places, W.shape.slice(0, -2), attrs, dy.shape.slice(1, -1));
    return gatherFromWindows({ batch, channels, first }, windows, [maps], dY.dtype, (n, [m], w, k, c) =>
      mul(dy.at(n, ...w, m!), W.at(...k, c, m!)),
    );
  },
});

export const ConvFilterGrad = defineOp({
  name: 'ConvFilterGrad',
  domain: 'tfjs',
  since: 1,
  inputs: { X: types, dY: 'X' },
  outputs: { dW: 'X' },
  attrs: { ...spatialAttrs, ...channelsFirstAttr, filter_shape: requiredInts() },
  compute: ({ X, dY }, attrs) => {
    const { channels_first: first, filter_shape } = attrs;
    const [x, dy] = [channelsLastOf(X, first), channelsLastOf(dY, first)];
    expectShape(
      [filter_shape.at(-2)!, filter_shape.at(-1)!, dy.shape[0]!],
      [x.shape.at(-1)!, dy.shape.at(-1)!, x.shape[0]!],
      'channels and batch',
    );
    const kernel = filter_shape.slice(0, -2);
    const windows = gradientWindows(x.shape.slice(1, -1), kernel, attrs, dy.shape.slice(1, -1));
    return compute(filter_shape, (...i) => {
      const [k, c, m] = [i.slice(0, -2), i.at(-2)!, i.at(-1)!];
      return sum([x.shape[0]!, ...windows.count], (n, ...w) => {
        const { inside, at } = windowPoint(windows, w, k);
        return mul(select(inside, x.at(n!, ...at, c), constant(0, X.dtype)), dy.at(n!, ...w, m));
      });
    });
  },
});

/** Filters are [window…, C, multiplier]; channel c gives outputs c·multiplier … . */
export const DepthwiseConv = defineOp({
  name: 'DepthwiseConv',
  domain: 'tfjs',
  since: 1,
  inputs: { X: types, W: 'X', B: optional('X') },
  outputs: { Y: 'X' },
  attrs: { ...spatialAttrs, ...channelsFirstAttr },
  compute: ({ X, W, B }, attrs) => {
    expectFilter(X, W);
    const { channels_first: first } = attrs;
    const x = channelsLastOf(X, first);
    const [channels, multiplier] = [W.shape.at(-2)!, W.shape.at(-1)!];
    expectShape([x.shape.at(-1)!], [channels], 'the channels of X');
    const maps = channels * multiplier;
    if (B) expectShape(B.shape, [maps], 'B');
    const windows = windowsOf(x.shape.slice(1, -1), W.shape.slice(0, -2), attrs);
    const of = (n: Expr, w: readonly Expr[], c: Expr, q: Operand): Expr =>
      sum(windows.kernel, (...k) => {
        const { inside, at } = windowPoint(windows, w, k);
        return mul(select(inside, x.at(n, ...at, c), constant(0, X.dtype)), W.at(...k, c, q));
      });
    if (first || multiplier === 1) {
      return imageOf(x.shape[0]!, windows.count, maps, first, (n, w, m) => {
        const e = multiplier === 1 ? of(n, w, m, 0) : of(n, w, floordiv(m, multiplier), floormod(m, multiplier));
        return B ? add(e, B.at(m)) : e;
      });
    }
    // Channel and multiplier are axes of their own, so that indices stay affine.
    const split = compute([x.shape[0]!, ...windows.count, channels, multiplier], (...i) => {
      const [c, q] = [i.at(-2)!, i.at(-1)!];
      const e = of(i[0]!, i.slice(1, -2), c, q);
      return B ? add(e, B.at(add(mul(c, multiplier), q))) : e;
    });
    return reshape(split, [x.shape[0]!, ...windows.count, maps]);
  },
  source: 'TensorFlow.js API, tf.depthwiseConv2d',
});

export const DepthwiseInputGrad = defineOp({
  name: 'DepthwiseInputGrad',
  domain: 'tfjs',
  since: 1,
  inputs: { dY: types, W: 'dY' },
  outputs: { dX: 'dY' },
  attrs: { ...spatialAttrs, input_shape: requiredInts() },
  compute: ({ dY, W }, attrs) => {
    expectFilter(dY, W);
    const { batch, places, channels } = extentsOf(attrs.input_shape, false);
    const multiplier = W.shape.at(-1)!;
    expectShape([dY.shape.at(-1)!], [channels * multiplier], 'the channels of dY');
    const windows = gradientWindows(places, W.shape.slice(0, -2), attrs, dY.shape.slice(1, -1));
    return gatherFromWindows({ batch, channels, first: false }, windows, [multiplier], dY.dtype, (n, [q], w, k, c) =>
      mul(dY.at(n, ...w, add(mul(c, multiplier), q!)), W.at(...k, c, q!)),
    );
  },
});

export const DepthwiseFilterGrad = defineOp({
  name: 'DepthwiseFilterGrad',
  domain: 'tfjs',
  since: 1,
  inputs: { X: types, dY: 'X' },
  outputs: { dW: 'X' },
  attrs: { ...spatialAttrs, filter_shape: requiredInts() },
  compute: ({ X, dY }, attrs) => {
    const multiplier = attrs.filter_shape.at(-1)!;
    const windows = gradientWindows(X.shape.slice(1, -1), attrs.filter_shape.slice(0, -2), attrs, dY.shape.slice(1, -1));
    return compute(attrs.filter_shape, (...i) => {
      const [k, c, q] = [i.slice(0, -2), i.at(-2)!, i.at(-1)!];
      return sum([X.shape[0]!, ...windows.count], (n, ...w) => {
        const { inside, at } = windowPoint(windows, w, k);
        const x = select(inside, X.at(n!, ...at, c), constant(0, X.dtype));
        return mul(x, dY.at(n!, ...w, add(mul(c, multiplier), q)));
      });
    });
  },
});
