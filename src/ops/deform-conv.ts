/**
 * Deformable convolution: each point of a window is read where its offset puts it, between the
 * elements. What the windows see is gathered first, then contracted with the weights as any
 * convolution. Source: arXiv 1703.06211, 1811.11168.
 */
import { add, and, cast, constant, floor, floordiv, ge, le, lt, gt, mul, select, sub, sum, type Expr } from '../compiler/expr.ts';
import { compute, ravel, reshape } from '../compiler/tensor-expr.ts';
import type { DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { int, optionalInts } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import { floats } from './types.ts';
import { expectRank, expectShape, range, sameShape, shapeError, showShape } from './util.ts';
import { layWindows } from './windows.ts';

export const DeformConv = defineOp({
  name: 'DeformConv',
  since: 19,
  inputs: { X: floats, W: 'X', offset: 'X', B: optional('X'), mask: optional('X') },
  outputs: { Y: 'X' },
  attrs: {
    dilations: optionalInts(),
    group: int(1),
    kernel_shape: optionalInts(),
    offset_group: int(1),
    pads: optionalInts(),
    strides: optionalInts(),
  },
  compute: ({ X, W, offset, B, mask }, attrs) => {
    expectRank(X.shape, 3, 'X');
    const [batch, channels, ...image] = X.shape as [number, number, ...number[]];
    const [maps = 0, perGroup = 0, ...kernel] = W.shape;
    const { group, offset_group: offsetGroups } = attrs;
    if (group < 1 || offsetGroups < 1)
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', `groups ${group} and ${offsetGroups} must be at least 1`);
    if (W.rank !== X.rank || channels !== perGroup * group || maps % group !== 0 || channels % offsetGroups !== 0) {
      throw shapeError(
        `'W' of shape ${showShape(W.shape)} with ${group} groups and ${offsetGroups} offset groups does not fit 'X' of shape ${showShape(X.shape)}`,
      );
    }
    if (attrs.kernel_shape && !sameShape(attrs.kernel_shape, kernel)) {
      throw shapeError(`attribute 'kernel_shape' is ${showShape(attrs.kernel_shape)}, the windows of 'W' are ${showShape(kernel)}`);
    }
    const windows = layWindows(image, kernel, { auto_pad: 'NOTSET', dilations: attrs.dilations, pads: attrs.pads, strides: attrs.strides });
    const points = kernel.reduce((n, d) => n * d, 1);
    const axes = image.length;
    expectShape(offset.shape, [batch, offsetGroups * points * axes, ...windows.count], 'offset');
    if (mask) expectShape(mask.shape, [batch, offsetGroups * points, ...windows.count], 'mask');
    if (B) expectShape(B.shape, [maps], 'B');
    const wide: DType = X.dtype === 'float64' ? 'float64' : 'float32';

    /** Places along axis `a` for each offset group and window point, in elements of the image. */
    const places = range(axes).map((a) =>
      compute([batch, offsetGroups, ...kernel, ...windows.count], (n, g, ...rest) => {
        const [k, o] = [rest.slice(0, axes), rest.slice(axes)];
        const grid = sub(cast(add(mul(o[a]!, windows.strides[a]!), mul(k[a]!, windows.dilations[a]!)), wide), windows.begin[a]!);
        const channel = add(mul(add(mul(g!, points), ravel(k, kernel)), axes), a);
        return add(grid, cast(offset.at(n!, channel, ...o), wide));
      }),
    );

    const seen = compute([batch, channels, ...kernel, ...windows.count], (n, c, ...rest) => {
      const [k, o] = [rest.slice(0, axes), rest.slice(axes)];
      const offsetGroup = floordiv(c!, channels / offsetGroups);
      const at = places.map((p) => p.at(n!, offsetGroup, ...rest));
      const near = at.map((place, a) => and(gt(place, -1), lt(place, image[a]!))).reduce((x, y) => and(x, y));
      const blended = sum(
        range(axes).map(() => 2),
        (...t) => {
          const corner = at.map((place, a) => add(floor(place), cast(t[a]!, wide)));
          const weight = corner.map((place, a) => sub(1, distance(place, at[a]!, t[a]!))).reduce((x, y) => mul(x, y));
          const inside = corner.map((place, a) => and(ge(place, 0), le(place, image[a]! - 1))).reduce((x, y) => and(x, y));
          const value = cast(X.at(n!, c!, ...corner.map((place) => cast(place, 'index'))), wide);
          return select(inside, mul(value, weight), constant(0, wide));
        },
      );
      const value = select(near, blended, constant(0, wide));
      return mask ? mul(value, cast(mask.at(n!, add(mul(offsetGroup, points), ravel(k, kernel)), ...o), wide)) : value;
    });

    const mapsPerGroup = maps / group;
    const grouped = compute([batch, group, mapsPerGroup, ...windows.count], (n, g, m, ...o) => {
      const map = add(mul(g!, mapsPerGroup), m!);
      const dot = sum([perGroup, ...kernel], (c, ...k) =>
        mul(seen.at(n!, add(mul(g!, perGroup), c!), ...k, ...o), cast(W.at(map, c!, ...k), wide)),
      );
      return cast(B ? add(dot, cast(B.at(map), wide)) : dot, X.dtype);
    });
    return reshape(grouped, [batch, maps, ...windows.count]);
  },
});

/** How far a corner is from a place: the lower one below it, the upper one (t = 1) above it. */
const distance = (corner: Expr, place: Expr, t: Expr): Expr => select(lt(t, 1), sub(place, corner), sub(corner, place));
