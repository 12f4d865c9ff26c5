/**
 * Where Resize samples: which axes change, to what extent, and which place of the input an output
 * coordinate stands for. Everything here is known when the op is specialized.
 */
import { add, cast, constant, div, mul, type Expr } from '../compiler/expr.ts';
import { FlagosError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { normalizeAxes, numbersOf, range, shapeError, showShape, valueError } from './util.ts';

export type CoordinateMode =
  | 'half_pixel'
  | 'half_pixel_symmetric'
  | 'pytorch_half_pixel'
  | 'align_corners'
  | 'asymmetric'
  | 'tf_crop_and_resize';

/** Place of output coordinate o in the input: (o + shift) · factor / divisor + offset, in float64. */
export interface Coordinate {
  readonly shift: number;
  readonly factor: number;
  readonly divisor: number;
  readonly offset: number;
}

/** One axis that changes. */
export interface ResizedAxis {
  readonly axis: number;
  readonly input: number;
  readonly output: number;
  /** Output elements per input element. */
  readonly scale: number;
  readonly coordinate: Coordinate;
}

export interface ResizeRequest {
  readonly axes: readonly number[] | undefined;
  readonly roi: Tensor | undefined;
  readonly scales: Tensor | undefined;
  readonly sizes: Tensor | undefined;
  readonly mode: CoordinateMode;
  readonly policy: 'stretch' | 'not_larger' | 'not_smaller';
}

/** The place of an output coordinate. */
export const placeOf = ({ shift, factor, divisor, offset }: Coordinate, o: number): number => ((o + shift) * factor) / divisor + offset;
/** {@link placeOf} as an expression, float64. */
export const placeExpr = ({ shift, factor, divisor, offset }: Coordinate, o: Expr): Expr =>
  add(div(mul(add(cast(o, 'float64'), constant(shift, 'float64')), factor), divisor), offset);

const linear = (shift: number, factor: number, divisor: number, offset: number): Coordinate => ({ shift, factor, divisor, offset });
const fixed = (place: number): Coordinate => linear(0, 0, 1, place);

/** Source: ONNX, Resize, coordinate_transformation_mode. The resized length may be fractional where it comes from a scale. */
const coordinateOf = (mode: CoordinateMode, input: number, output: number, scale: number, roi: readonly [number, number]): Coordinate => {
  const resized = scale * input;
  switch (mode) {
    case 'asymmetric':
      return linear(0, 1, scale, 0);
    case 'half_pixel':
      return linear(0.5, 1, scale, -0.5);
    case 'pytorch_half_pixel':
      return resized === 1 ? fixed(-0.5) : linear(0.5, 1, scale, -0.5);
    case 'half_pixel_symmetric':
      return linear(0.5, 1, scale, (input / 2) * (1 - output / resized) - 0.5);
    case 'align_corners':
      return resized === 1 ? fixed(0) : linear(0, input - 1, resized - 1, 0);
    case 'tf_crop_and_resize': {
      const [start, end] = roi;
      return resized === 1
        ? fixed(0.5 * (start + end) * (input - 1))
        : linear(0, (end - start) * (input - 1), resized - 1, start * (input - 1));
    }
  }
};

/** A list argument; an empty tensor counts as left out, as exporters write it. */
const listOf = (t: Tensor | undefined, count: number, name: string): number[] | undefined => {
  if (!t || t.size === 0) return undefined;
  if (t.size !== count) throw shapeError(`'${name}' has ${t.size} numbers, it must have ${count}`);
  return numbersOf(t);
};

interface Extents {
  readonly outputs: readonly number[];
  readonly scales: readonly number[];
}

const extentsOf = (inputs: readonly number[], { scales: scaleTensor, sizes: sizeTensor, policy }: ResizeRequest): Extents => {
  const scales = listOf(scaleTensor, inputs.length, 'scales');
  const sizes = listOf(sizeTensor, inputs.length, 'sizes');
  if ((scales === undefined) === (sizes === undefined) && inputs.length > 0) {
    throw new FlagosError(
      'FLAGOS_E_MODEL_INVALID',
      `has ${scales ? "both of 'scales' and 'sizes'" : "none of 'scales' and 'sizes'"}, it must have one`,
    );
  }
  if (scales) {
    if (scales.some((s) => !(s > 0) || !Number.isFinite(s))) throw valueError(`scales ${showShape(scales)} must be above 0`);
    return { scales, outputs: inputs.map((d, i) => Math.floor(Math.fround(d * scales[i]!))) };
  }
  const wanted = sizes ?? [];
  if (wanted.some((s) => s < 0)) throw valueError(`sizes ${showShape(wanted)} must not be negative`);
  const ratios = wanted.map((s, i) => (inputs[i] === 0 ? 1 : s / inputs[i]!));
  if (policy === 'stretch') return { outputs: wanted, scales: ratios };
  const scale = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  return { outputs: inputs.map((d) => Math.floor(scale * d + 0.5)), scales: ratios.map(() => scale) };
};

/**
 * The axes that Resize changes.
 * @throws FLAGOS_E_SHAPE, FLAGOS_E_VALUE, FLAGOS_E_MODEL_INVALID for arguments that do not fit the shape or each other.
 */
export const planResize = (shape: readonly number[], request: ResizeRequest): ResizedAxis[] => {
  const axes = normalizeAxes(request.axes ?? range(shape.length), shape.length, 'axes');
  const inputs = axes.map((a) => shape[a]!);
  const { outputs, scales } = extentsOf(inputs, request);
  const cropped = request.mode === 'tf_crop_and_resize';
  const roi = cropped ? listOf(request.roi, 2 * axes.length, 'roi') : undefined;
  if (cropped && !roi && axes.length > 0)
    throw new FlagosError('FLAGOS_E_MODEL_INVALID', "has no 'roi', which mode 'tf_crop_and_resize' needs");
  return axes.flatMap((axis, i): ResizedAxis[] => {
    const [input, output, scale] = [inputs[i]!, outputs[i]!, scales[i]!];
    const region: readonly [number, number] = roi ? [roi[i]!, roi[i + axes.length]!] : [0, 1];
    if (input === output && Math.abs(scale - 1) < 1e-9 && region[0] === 0 && region[1] === 1) return [];
    if (input === 0 && output > 0)
      throw shapeError(`axis ${axis} of shape ${showShape(shape)} is empty, there is nothing to resize to ${output}`);
    return [{ axis, input, output, scale, coordinate: coordinateOf(request.mode, input, output, scale, region) }];
  });
};
