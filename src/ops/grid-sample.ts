/**
 * GridSample: a picture read at places a grid gives, between its elements, for any number of spatial
 * axes. Places do not depend on the channel, so they are tensors of their own.
 */
import {
  abs,
  add,
  and,
  cast,
  constant,
  div,
  floor,
  floormod,
  ge,
  gt,
  isnan,
  le,
  lt,
  min,
  mul,
  or,
  round,
  rounded,
  select,
  sub,
  sum,
  type Expr,
} from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import type { DType } from '../core/dtype.ts';
import { flag, oneOf } from './attrs.ts';
import { contraction, defineOp, type OpRecord } from './define.ts';
import { movement } from './movement.ts';
import { cubicFilter, linearFilter, narrowed, refuseUnweighable, weightType, type Filter } from './interpolate.ts';
import { common, floats } from './types.ts';
import { expectRank, range, shapeError, showShape } from './util.ts';

type Padding = 'zeros' | 'border' | 'reflection';
type Mode = 'linear' | 'nearest' | 'cubic';

interface Sampling {
  readonly mode: Mode;
  readonly padding: Padding;
  readonly align: boolean;
}

/** Where an axis of `extent` elements begins and ends: at the centers of its end elements, or at their outer edges. */
const borderOf = (extent: number, align: boolean): readonly [number, number] => (align ? [0, extent - 1] : [-0.5, extent - 0.5]);

/** Mirrors a place at the borders until it is inside. */
const reflected = (place: Expr, [low, high]: readonly [number, number]): Expr => {
  const width = high - low;
  if (width === 0) return constant(low, place.type);
  const t = floormod(abs(sub(place, low)), 2 * width);
  return add(select(gt(t, width), sub(2 * width, t), t), low);
};

/** A whole number as an index within 0 … extent − 1; what is no number becomes 0. */
const within = (place: Expr, extent: number): Expr => cast(select(ge(place, 0), min(place, extent - 1), constant(0, place.type)), 'index');

/**
 * Element −1 … 1 of the grid → place along an axis, moved inside as the padding says. Cubic neighbours
 * are moved one by one instead, so that the curve goes on past the border, as PyTorch has it.
 */
const placeOf = (value: Expr, extent: number, { align, padding, mode }: Sampling): Expr => {
  const exact = align ? mul(div(add(value, 1), 2), extent - 1) : div(sub(mul(add(value, 1), extent), 1), 2);
  const place = mode === 'nearest' ? round(rounded(exact)) : exact;
  const [low, high] = borderOf(extent, align);
  if (padding === 'zeros' || mode === 'cubic') return place;
  const outside = or(or(lt(place, low), gt(place, high)), isnan(place));
  return select(
    outside,
    padding === 'border' ? select(ge(place, 0), min(place, extent - 1), constant(0, place.type)) : reflected(place, [low, high]),
    place,
  );
};

/** The index that a whole place reads, and whether it reads anything. */
const sourceOf = (place: Expr, extent: number, align: boolean, padding: Padding): { index: Expr; inside: Expr } => {
  if (padding === 'zeros') return { index: within(place, extent), inside: and(ge(place, 0), le(place, extent - 1)) };
  if (padding === 'border') return { index: within(place, extent), inside: constant(true, 'bool') };
  // Mirrored at an outer edge, a place stands for the element it falls into.
  const mirrored = floor(reflected(place, borderOf(extent, align)));
  return { index: within(mirrored, extent), inside: constant(true, 'bool') };
};

const filters: Readonly<Record<'linear' | 'cubic', Filter>> = { linear: linearFilter, cubic: cubicFilter(-0.75) };

/** @throws FLAGOS_E_SHAPE */
const checkShapes = (x: TensorExpr, grid: TensorExpr): void => {
  expectRank(x.shape, 3, 'X');
  const axes = x.rank - 2;
  if (grid.rank !== x.rank || grid.shape[0] !== x.shape[0] || grid.shape.at(-1) !== axes) {
    throw shapeError(
      `'grid' has shape ${showShape(grid.shape)}, for 'X' of shape ${showShape(x.shape)} it must be [${x.shape[0]!}, ${range(axes)
        .map(() => '…')
        .join(', ')}, ${axes}]`,
    );
  }
  if (x.shape.slice(2).some((d) => d === 0) && grid.size > 0)
    throw shapeError(`'X' of shape ${showShape(x.shape)} has no elements to sample`);
};

const gridSample = (x: TensorExpr, grid: TensorExpr, sampling: Sampling): TensorExpr => {
  const { mode, padding, align } = sampling;
  checkShapes(x, grid);
  const [batch, channels, ...extents] = x.shape as [number, number, ...number[]];
  const outputs = grid.shape.slice(1, -1);
  const coordinateType: DType = grid.dtype === 'float64' ? 'float64' : 'float32';
  // The grid names the last axis first.
  const places = extents.map((extent, a) =>
    compute([batch, ...outputs], (...at) => placeOf(cast(grid.at(...at, extents.length - 1 - a), coordinateType), extent, sampling)),
  );
  const read = (n: Expr, c: Expr, at: readonly Expr[], type: DType, convert: (e: Expr) => Expr): Expr => {
    const sources = at.map((place, a) => sourceOf(place, extents[a]!, align, padding));
    const inside = sources.map((s) => s.inside).reduce((p, q) => and(p, q));
    return select(inside, convert(x.at(n, c, ...sources.map((s) => s.index))), constant(0, type));
  };
  const shape = [batch, channels, ...outputs];
  if (mode === 'nearest')
    return compute(shape, (n, c, ...o) =>
      read(
        n!,
        c!,
        places.map((p) => p.at(n!, ...o)),
        x.dtype,
        (e) => e,
      ),
    );

  refuseUnweighable(x.dtype, mode);
  const dtype = weightType(x.dtype);
  const filter = filters[mode];
  const first = 1 - filter.reach;
  return compute(shape, (n, c, ...o) => {
    const at = places.map((p) => p.at(n!, ...o));
    const blended = sum(
      extents.map(() => 2 * filter.reach),
      (...k) => {
        const taps = at.map((place, a) => add(add(floor(place), cast(k[a]!, coordinateType)), first));
        const weight = taps.map((tap, a) => cast(filter.weight(abs(sub(tap, at[a]!))), dtype)).reduce((p, q) => mul(p, q));
        return mul(
          read(n!, c!, taps, dtype, (e) => cast(e, dtype)),
          weight,
        );
      },
    );
    return narrowed(blended, x.dtype);
  });
};

/** Elements that are no numbers (strings, complex) can be read by the nearest one only. */
const sampler = (record: OpRecord): OpRecord => {
  const moving = movement(record, contraction);
  return {
    ...moving,
    host: (inputs, attrs, ctx) => {
      const { X } = inputs as { X: { dtype: DType } };
      if (attrs['mode'] !== 'nearest') refuseUnweighable(X.dtype, String(attrs['mode']));
      return moving.host!(inputs, attrs, ctx);
    },
  };
};

const padding = oneOf('zeros', 'border', 'reflection');

export const GridSample = sampler(
  defineOp({
    name: 'GridSample',
    since: 20,
    inputs: { X: common, grid: floats },
    outputs: { Y: 'X' },
    attrs: { align_corners: flag(false), mode: oneOf('linear', 'nearest', 'cubic'), padding_mode: padding },
    compute: ({ X, grid }, { mode, padding_mode, align_corners: align }) => gridSample(X, grid, { mode, padding: padding_mode, align }),
  }),
);

/** onnxruntime's older one: other names of modes, two spatial axes. */
export const MsGridSample = defineOp({
  name: 'GridSample',
  domain: 'com.microsoft',
  since: 1,
  inputs: { X: ['float32', 'float64', 'float16'], Grid: 'X' },
  outputs: { Y: 'X' },
  attrs: { align_corners: flag(false), mode: oneOf('bilinear', 'nearest', 'bicubic'), padding_mode: padding },
  compute: ({ X, Grid }, { mode, padding_mode, align_corners: align }) =>
    gridSample(X, Grid, { mode: mode === 'bilinear' ? 'linear' : mode === 'bicubic' ? 'cubic' : mode, padding: padding_mode, align }),
});
