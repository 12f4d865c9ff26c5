/**
 * Convolution. One contraction over input channels and window points for every rank, layout, group
 * and element type; padding is a guard on the load. Groups are an axis of their own, so that indices
 * stay affine.
 */
import { add, constant, mul, select, sum, type Expr } from '../compiler/expr.ts';
import { compute, reshape, type TensorExpr } from '../compiler/tensor-expr.ts';
import { FlagosError } from '../core/errors.ts';
import { int } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import { permuted, type Readable } from './readable.ts';
import { floats } from './types.ts';
import { expectRank, expectShape, range, sameShape, shapeError, showShape } from './util.ts';
import { layWindows, windowAttrs, windowPoint, type WindowAttrs, type Windows } from './windows.ts';

export const convAttrs = { ...windowAttrs, group: int(1) };

/** Attributes of a convolution. */
export interface ConvAttrs extends WindowAttrs {
  readonly group: number;
  readonly kernel_shape: readonly number[] | undefined;
  /** How many windows stand along each axis, where that is not as many as fit (TensorFlow.js rounds in its own way). */
  readonly counts?: readonly number[] | undefined;
}

/** Checks what every convolution checks, and lays its windows. Shapes are [N, C, …] and [M, C/group, …]. */
const planConv = (x: readonly number[], w: readonly number[], attrs: ConvAttrs): Windows => {
  expectRank(x, 3, 'X');
  if (w.length !== x.length) throw shapeError(`'W' has shape ${showShape(w)}, it must have as many axes as 'X' of shape ${showShape(x)}`);
  const [channels, perGroup, maps, { group }] = [x[1]!, w[1]!, w[0]!, attrs];
  if (group < 1) throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'group' is ${group}, it must be at least 1`);
  if (channels !== perGroup * group) {
    throw shapeError(`'X' has ${channels} channels, 'W' of shape ${showShape(w)} with ${group} groups takes ${perGroup * group}`);
  }
  if (maps % group !== 0) throw shapeError(`'W' has ${maps} feature maps, which is not a multiple of ${group} groups`);
  const kernel = w.slice(2);
  if (attrs.kernel_shape && !sameShape(attrs.kernel_shape, kernel)) {
    throw shapeError(`attribute 'kernel_shape' is ${showShape(attrs.kernel_shape)}, the windows of 'W' are ${showShape(kernel)}`);
  }
  return layWindows(x.slice(2), kernel, attrs);
};

/** What becomes of each sum: the sum, its feature map, its place in the output [N, M, …]. */
type Finish = (sum: Expr, map: Expr, at: readonly Expr[]) => Expr;

/**
 * Σ over channels and window points of x·w, zero outside of the image.
 * @param x [N, C, …]. @param w [M, C/group, …].
 * @param last whether the output is [N, …, M] instead of [N, M, …].
 * @throws FLAGOS_E_SHAPE, FLAGOS_E_ATTRIBUTE
 */
export const convolve = (x: Readable, w: Readable, attrs: ConvAttrs, finish: Finish = (e) => e, last = false): TensorExpr => {
  const planned = planConv(x.shape, w.shape, attrs);
  const windows = attrs.counts ? { ...planned, count: attrs.counts } : planned;
  const { group } = attrs;
  const [batch, maps, perGroup] = [x.shape[0]!, w.shape[0]!, w.shape[1]!];
  const mapsPerGroup = maps / group;

  const element = (n: Expr, firstChannel: Expr, map: Expr, p: readonly Expr[]): Expr => {
    const dot = sum([perGroup, ...windows.kernel], (c, ...k) => {
      const { inside, at } = windowPoint(windows, p, k);
      const value = x.at(n, add(firstChannel, c!), ...at);
      return mul(select(inside, value, constant(0, value.type)), w.at(map, c!, ...k));
    });
    return finish(dot, map, [n, map, ...p]);
  };
  // Without groups, or with one map per group (depthwise), the first channel follows from the map by a product.
  if (group === 1 || mapsPerGroup === 1) {
    const firstChannel = (m: Expr): Expr => (group === 1 ? constant(0, 'index') : mul(m, perGroup));
    return last
      ? compute([batch, ...windows.count, maps], (...at) => element(at[0]!, firstChannel(at.at(-1)!), at.at(-1)!, at.slice(1, -1)))
      : compute([batch, maps, ...windows.count], (n, m, ...p) => element(n!, firstChannel(m!), m!, p));
  }
  const inGroup = (n: Expr, g: Expr, m: Expr, p: readonly Expr[]): Expr => element(n, mul(g, perGroup), add(mul(g, mapsPerGroup), m), p);
  return last
    ? reshape(
        compute([batch, ...windows.count, group, mapsPerGroup], (...at) => inGroup(at[0]!, at.at(-2)!, at.at(-1)!, at.slice(1, -2))),
        [batch, ...windows.count, maps],
      )
    : reshape(
        compute([batch, group, mapsPerGroup, ...windows.count], (n, g, m, ...p) => inGroup(n!, g!, m!, p)),
        [batch, maps, ...windows.count],
      );
};

/** {@link convolve} with an optional bias per feature map. */
export const conv = (
  x: Readable,
  w: Readable,
  bias: TensorExpr | undefined,
  attrs: ConvAttrs,
  finish: Finish = (e) => e,
  last = false,
): TensorExpr => {
  if (bias) expectShape(bias.shape, [w.shape[0]!], 'B');
  return convolve(x, w, attrs, (e, m, at) => finish(bias ? add(e, bias.at(m)) : e, m, at), last);
};

/** A channels-last image [N, …, C] read as [N, C, …]. */
export const channelsFirst = (x: Readable): Readable => {
  const rank = x.shape.length;
  return permuted(x, [0, rank - 1, ...range(rank - 2).map((d) => d + 1)]);
};

export const Conv = defineOp({
  name: 'Conv',
  since: 1,
  inputs: { X: floats, W: 'X', B: optional('X') },
  outputs: { Y: 'X' },
  attrs: convAttrs,
  compute: ({ X, W, B }, attrs) => conv(X, W, B, attrs),
});
