/**
 * Windows that slide over the spatial axes of an image: where they stand and what they see. What
 * convolution and pooling share. Source: ONNX operator pages of Conv and MaxPool; with `ceil_mode`
 * windows that would start in the padding after the image are left out, as these pages say.
 */
import { add, and, constant, ge, lt, mul, sub, type Expr } from '../compiler/expr.ts';
import { FlagosError } from '../core/errors.ts';
import { oneOf, optionalInts } from './attrs.ts';
import { range, shapeError, showShape } from './util.ts';

/** Attributes of every op with windows. */
export const windowAttrs = {
  auto_pad: oneOf('NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'),
  dilations: optionalInts(),
  kernel_shape: optionalInts(),
  pads: optionalInts(),
  strides: optionalInts(),
};

/** Their values. */
export interface WindowAttrs {
  readonly auto_pad: 'NOTSET' | 'SAME_UPPER' | 'SAME_LOWER' | 'VALID';
  readonly dilations: readonly number[] | undefined;
  readonly pads: readonly number[] | undefined;
  readonly strides: readonly number[] | undefined;
}

/** Windows over an image; lists have one number per spatial axis. */
export interface Windows {
  /** Extents of the image. */
  readonly image: readonly number[];
  /** Points of a window, and how far apart they stand. */
  readonly kernel: readonly number[];
  readonly dilations: readonly number[];
  readonly strides: readonly number[];
  /** Padding before and after the image. */
  readonly begin: readonly number[];
  readonly end: readonly number[];
  /** How many windows there are. */
  readonly count: readonly number[];
}

const attributeError = (reason: string): FlagosError => new FlagosError('FLAGOS_E_ATTRIBUTE', reason);

/** An attribute with a number per spatial axis. @throws FLAGOS_E_ATTRIBUTE */
export const perAxis = (
  given: readonly number[] | undefined,
  length: number,
  fallback: number,
  least: number,
  name: string,
): readonly number[] => {
  const list = given ?? Array.from({ length }, () => fallback);
  if (list.length !== length) throw attributeError(`attribute '${name}' is ${showShape(list)}, it must have ${length} numbers`);
  const low = list.find((n) => n < least);
  if (low !== undefined) throw attributeError(`attribute '${name}' is ${showShape(list)}, ${low} is below ${least}`);
  return list;
};

/** Points from the first to the last of a window, those between included. */
export const reachOf = (kernel: number, dilation: number): number => (kernel - 1) * dilation + 1;

/** Splits padding in two; the odd one goes after the image for SAME_UPPER, before it otherwise. */
export const splitPadding = (total: number, upper: boolean): [number, number] => {
  const half = Math.floor(total / 2);
  return upper ? [half, total - half] : [total - half, half];
};

/**
 * Lays windows over an image.
 * @param ceil whether a last window that is only partly inside counts.
 * @throws FLAGOS_E_ATTRIBUTE for lists of a wrong length or range, FLAGOS_E_SHAPE if not one window fits.
 */
export const layWindows = (image: readonly number[], kernel: readonly number[], attrs: WindowAttrs, ceil = false): Windows => {
  const axes = image.length;
  perAxis(kernel, axes, 1, 1, 'kernel_shape');
  const dilations = perAxis(attrs.dilations, axes, 1, 1, 'dilations');
  const strides = perAxis(attrs.strides, axes, 1, 1, 'strides');
  const explicit = attrs.auto_pad === 'NOTSET' ? perAxis(attrs.pads, 2 * axes, 0, 0, 'pads') : [];
  const placed = range(axes).map((a) => {
    const [extent, stride, reach] = [image[a]!, strides[a]!, reachOf(kernel[a]!, dilations[a]!)];
    if (attrs.auto_pad === 'SAME_UPPER' || attrs.auto_pad === 'SAME_LOWER') {
      const count = Math.ceil(extent / stride);
      const [begin, end] = splitPadding(Math.max(0, (count - 1) * stride + reach - extent), attrs.auto_pad === 'SAME_UPPER');
      return { count, begin, end };
    }
    const [begin, end] = [explicit[a] ?? 0, explicit[a + axes] ?? 0];
    const free = extent + begin + end - reach;
    if (free < 0) throw shapeError(`a window of ${reach} does not fit into axis ${a + 2} of ${extent} with padding ${begin} and ${end}`);
    if (!ceil || attrs.auto_pad === 'VALID') return { count: Math.floor(free / stride) + 1, begin, end };
    const last = Math.ceil(free / stride);
    return { count: last * stride >= extent + begin ? last : last + 1, begin, end };
  });
  return {
    image,
    kernel,
    dilations,
    strides,
    count: placed.map((p) => p.count),
    begin: placed.map((p) => p.begin),
    end: placed.map((p) => p.end),
  };
};

/** A point of a window: where it is in the image, and whether it is inside of it at all. */
export interface WindowPoint {
  readonly inside: Expr;
  /** Index in the image; defined only where `inside` holds. */
  readonly at: readonly Expr[];
  /** Index from the first point of the padding; always defined. */
  readonly padded: readonly Expr[];
}

/** Bounds of an index, decided here where its range decides them. */
const isBelow = (e: Expr, highest: number, bound: number): Expr =>
  highest < bound ? constant(true, 'bool') : e.kind === 'const' ? constant(Number(e.value) < bound, 'bool') : lt(e, bound);
const isFrom = (e: Expr, bound: number): Expr =>
  bound <= 0 ? constant(true, 'bool') : e.kind === 'const' ? constant(Number(e.value) >= bound, 'bool') : ge(e, bound);

/** Point `k` of window `w`. Bounds that hold for all windows are not checked. */
export const windowPoint = (windows: Windows, w: readonly Expr[], k: readonly Expr[]): WindowPoint => {
  const { image, kernel, dilations, strides, begin, count } = windows;
  const padded = range(image.length).map((a) => add(mul(w[a]!, strides[a]!), mul(k[a]!, dilations[a]!)));
  const inside = padded.flatMap((e, a) => {
    const highest = (count[a]! - 1) * strides[a]! + (kernel[a]! - 1) * dilations[a]!;
    return [isFrom(e, begin[a]!), isBelow(e, highest, begin[a]! + image[a]!)];
  });
  return {
    inside: inside.reduce((x, y) => and(x, y), constant(true, 'bool')),
    at: padded.map((e, a) => sub(e, begin[a]!)),
    padded,
  };
};
