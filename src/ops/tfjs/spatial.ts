/**
 * What convolutions and pooling of TensorFlow.js share: images are [N, …, C], filters [window…, …],
 * and every window is given by strides, dilations and explicit padding, because the adapter has
 * already turned TensorFlow's padding rules into numbers.
 */
import { add, and, constant, select, sum, type Expr } from '../../compiler/expr.ts';
import { compute, reshape, type TensorExpr } from '../../compiler/tensor-expr.ts';
import { flag, optionalInts } from '../attrs.ts';
import { dilatedTap, phaseTap, type Tap, type TransposedAxis } from '../conv-transpose.ts';
import { permuted, type Readable } from '../readable.ts';
import { range, sameShape } from '../util.ts';
import { layWindows, perAxis, type Windows } from '../windows.ts';

export const spatialAttrs = {
  strides: optionalInts(),
  dilations: optionalInts(),
  /** Before each spatial axis, then after each. */
  pads: optionalInts(),
  /** How many windows stand along each axis, where that is not as many as fit. */
  counts: optionalInts(),
};

export interface SpatialAttrs {
  readonly strides: readonly number[] | undefined;
  readonly dilations: readonly number[] | undefined;
  readonly pads: readonly number[] | undefined;
  readonly counts: readonly number[] | undefined;
}

/** Whether images are [N, C, …] instead. */
export const channelsFirstAttr = { channels_first: flag(false) };

/** Windows of an image whose spatial extents are given. @throws FLAGOS_E_ATTRIBUTE, FLAGOS_E_SHAPE */
export const windowsOf = (image: readonly number[], kernel: readonly number[], attrs: SpatialAttrs): Windows => {
  const windows = layWindows(image, kernel, { ...attrs, auto_pad: 'NOTSET' });
  return attrs.counts ? { ...windows, count: perAxis(attrs.counts, image.length, 1, 0, 'counts') } : windows;
};

/** An image as [N, …, C], whichever way it lies. */
export const channelsLastOf = (x: TensorExpr, first: boolean): Readable =>
  first ? permuted(x, [0, ...range(x.rank - 2).map((d) => d + 2), 1]) : x;

/** A tensor of images by its elements at (n, place…, channel), lying as asked. */
export const imageOf = (
  batch: number,
  places: readonly number[],
  channels: number,
  first: boolean,
  element: (n: Expr, at: readonly Expr[], c: Expr) => Expr,
): TensorExpr =>
  first
    ? compute([batch, channels, ...places], (n, c, ...at) => element(n!, at, c!))
    : compute([batch, ...places, channels], (...i) => element(i[0]!, i.slice(1, -1), i.at(-1)!));

/**
 * Images that gather from windows laid over them: at each place the sum over the windows that see it
 * (and over `extents` more), of what `term` gives for (n, extra…, window, point of the window, channel).
 * With strides each spatial axis is two, whole strides and the place within one, so that only windows
 * that really see the place are visited.
 */
export const gatherFromWindows = (
  shape: { readonly batch: number; readonly channels: number; readonly first: boolean },
  windows: Windows,
  extents: readonly number[],
  dtype: Expr['type'],
  term: (n: Expr, extra: readonly Expr[], w: readonly Expr[], k: readonly Expr[], c: Expr) => Expr,
): TensorExpr => {
  const { batch, channels, first } = shape;
  const axes = windows.image.map((output, a): TransposedAxis => ({
    image: windows.count[a]!,
    kernel: windows.kernel[a]!,
    stride: windows.strides[a]!,
    dilation: windows.dilations[a]!,
    begin: windows.begin[a]!,
    output,
  }));
  const total = (n: Expr, c: Expr, counts: readonly number[], tapOf: (a: number, j: Expr) => Tap): Expr =>
    sum([...extents, ...counts], (...i) => {
      const taps = i.slice(extents.length).map((e, a) => tapOf(a, e));
      const inside = taps.map((t) => t.inside).reduce((x, y) => and(x, y), constant(true, 'bool'));
      return select(
        inside,
        term(
          n,
          i.slice(0, extents.length),
          taps.map((t) => t.at),
          taps.map((t) => t.k),
          c,
        ),
        constant(0, dtype),
      );
    });
  if (axes.every((a) => a.stride === 1) || axes.some((a) => a.dilation !== 1)) {
    return imageOf(batch, windows.image, channels, first, (n, at, c) =>
      total(n, c, windows.kernel, (a, k) => dilatedTap(axes[a]!, add(at[a]!, axes[a]!.begin), k)),
    );
  }
  const strides = axes.map((a) => Math.ceil((a.begin + a.output) / a.stride));
  const split = axes.flatMap((a, i) => [strides[i]!, a.stride]);
  const phases = imageOf(batch, split, channels, first, (n, at, c) =>
    total(
      n,
      c,
      axes.map((a) => Math.ceil(a.kernel / a.stride)),
      (a, j) => phaseTap(axes[a]!, at[2 * a]!, at[2 * a + 1]!, j),
    ),
  );
  const joined = axes.map((a, i) => strides[i]! * a.stride);
  const uncut = reshape(phases, first ? [batch, channels, ...joined] : [batch, ...joined, channels]);
  if (sameShape(joined, windows.image)) return uncut;
  const cut = (at: readonly Expr[]): Expr[] => at.map((e, a) => add(e, axes[a]!.begin));
  return imageOf(batch, windows.image, channels, first, (n, at, c) => uncut.at(...(first ? [n, c, ...cut(at)] : [n, ...cut(at), c])));
};
