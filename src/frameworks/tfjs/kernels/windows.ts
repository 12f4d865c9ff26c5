/**
 * TensorFlow's padding rules as numbers: what `same`, `valid`, a number, or explicit padding together
 * with a rounding mode mean for given extents. Source: TensorFlow.js API, tf.conv2d, `pad` and `dimRoundingMode`.
 */
import { FlagosError } from '../../../core/errors.ts';
import type { KernelAttributes } from '../translate.ts';

/** Strides, dilations and padding of a `tfjs` op, one number per spatial axis (padding: all before, then all after). */
export interface WindowNumbers {
  readonly strides: number[];
  readonly dilations: number[];
  readonly pads: number[];
  /** Windows along each axis. */
  readonly counts: number[];
}

/** A number for every spatial axis: given once, per axis, or with the batch and channel axes around. */
const perAxis = (given: unknown, axes: number, fallback: number): number[] => {
  if (given === undefined || given === null) return new Array<number>(axes).fill(fallback);
  if (typeof given === 'number') return new Array<number>(axes).fill(given);
  const list = given as number[];
  return list.length === axes + 2 ? list.slice(1, -1) : list.length === 1 ? new Array<number>(axes).fill(list[0]!) : [...list];
};

/** Explicit padding as pairs per spatial axis; tfjs gives a pair for every axis of the image. */
const explicitPads = (pad: readonly (readonly number[])[], axes: number, first: boolean): readonly (readonly number[])[] =>
  pad.length === axes ? pad : first ? pad.slice(2) : pad.slice(1, -1);

const rounded = (x: number, mode: unknown): number => (mode === 'ceil' ? Math.ceil(x) : mode === 'round' ? Math.round(x) : Math.trunc(x));

/**
 * @param image spatial extents. @param kernel extents of the window.
 * @param attributes `strides`, `dilations`, `pad`, `dimRoundingMode` as the kernel has them.
 * @throws FLAGOS_E_ATTRIBUTE for padding that is none of TensorFlow.js's forms.
 */
export const windowNumbers = (
  image: readonly number[],
  kernel: readonly number[],
  attributes: KernelAttributes,
  channelsFirst = false,
): WindowNumbers => {
  const axes = image.length;
  const strides = perAxis(attributes['strides'], axes, 1);
  const dilations = perAxis(attributes['dilations'], axes, 1);
  const { pad, dimRoundingMode: mode } = attributes;
  const reach = kernel.map((k, a) => (k - 1) * dilations[a]! + 1);
  const placed = image.map((extent, a): { begin: number; end: number; count: number } => {
    const stride = strides[a]!;
    if (pad === 'valid') return { begin: 0, end: 0, count: Math.ceil((extent - reach[a]! + 1) / stride) };
    if (pad === 'same') {
      const count = Math.ceil(extent / stride);
      const total = Math.max(0, (count - 1) * stride + reach[a]! - extent);
      return { begin: Math.floor(total / 2), end: total - Math.floor(total / 2), count };
    }
    // Of pictures, tfjs counts windows padded by one number as if they were square; of volumes, as if they were not dilated.
    if (typeof pad === 'number') {
      const [size, step] = axes === 2 ? [reach[0]!, strides[0]!] : [kernel[a]!, stride];
      return { begin: pad, end: pad, count: rounded((extent - size + 2 * pad) / step + 1, mode) };
    }
    const [begin, end] = Array.isArray(pad) ? (explicitPads(pad as number[][], axes, channelsFirst)[a] ?? []) : [];
    if (begin === undefined || end === undefined)
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', `padding ${JSON.stringify(pad)} is none of TensorFlow.js's forms`, {
        hint: "it is 'same', 'valid', a number, or a pair of numbers per axis",
      });
    return { begin, end, count: rounded((extent - reach[a]! + begin + end) / stride + 1, mode) };
  });
  return {
    strides,
    dilations,
    pads: [...placed.map((p) => p.begin), ...placed.map((p) => p.end)],
    counts: placed.map((p) => p.count),
  };
};
