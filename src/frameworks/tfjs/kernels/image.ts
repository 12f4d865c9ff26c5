/** Resizing, cropping, turning and flipping pictures; dilation; response normalization. */
import type { KernelAttributes, KernelFamily, KernelTranslator } from '../translate.ts';
import { int64s } from './util.ts';
import { windowNumbers } from './windows.ts';

const resize =
  (op: string): KernelTranslator =>
  (graph, { images }, { size, alignCorners, halfPixelCenters }) =>
    graph.op(op, [images], {
      size: size as number[],
      align_corners: Boolean(alignCorners),
      half_pixel_centers: Boolean(halfPixelCenters),
    });

const resizeGrad =
  (op: string): KernelTranslator =>
  (graph, { images, dy }, { alignCorners }) =>
    graph.op(op, [dy], { input_shape: images!.shape, align_corners: Boolean(alignCorners) });

/** Column and row of a centre that is given as parts of the picture. */
const centerOf = (center: unknown, height: number, width: number): number[] => {
  const [x, y] = typeof center === 'number' ? [center, center] : (center as [number, number]);
  return [width * x, height * y];
};

/** What a turned picture shows where there was nothing: one number, or one per channel with the fourth opaque. */
const fillsOf = (fill: unknown, channels: number): number[] =>
  Array.from({ length: channels }, (_, c) => (typeof fill === 'number' ? fill : c === 3 ? 255 : ((fill as number[])[c] ?? 0)));

const dilation =
  (op: string): KernelTranslator =>
  (graph, { x, filter, dy }, attributes) =>
    graph.op(op, dy ? [x, filter, dy] : [x, filter], {
      ...windowNumbers(x!.shape.slice(1, -1), filter!.shape.slice(0, -1), attributes),
    });

const lrnAttrs = ({ depthRadius, bias, alpha, beta }: KernelAttributes): Record<string, number> => ({
  depth_radius: Number(depthRadius),
  bias: Number(bias),
  alpha: Number(alpha),
  beta: Number(beta),
});

export const image: KernelFamily = {
  ResizeBilinear: resize('tfjs.ResizeBilinear'),
  ResizeNearestNeighbor: resize('tfjs.ResizeNearest'),
  ResizeBilinearGrad: resizeGrad('tfjs.ResizeBilinearGrad'),
  ResizeNearestNeighborGrad: resizeGrad('tfjs.ResizeNearestGrad'),
  CropAndResize: (graph, { image: x, boxes, boxInd }, { cropSize, method, extrapolationValue }) =>
    graph.op('tfjs.CropAndResize', [x, boxes, boxInd], {
      crop_size: cropSize as number[],
      method: String(method),
      extrapolation_value: Number(extrapolationValue),
    }),
  RotateWithOffset: (graph, { image: x }, { radians, fillValue, center }) =>
    graph.op('tfjs.Rotate', [x], {
      radians: Number(radians),
      center: { type: 'floats', value: centerOf(center, x!.shape[1]!, x!.shape[2]!) },
      fill: { type: 'floats', value: fillsOf(fillValue, x!.shape[3]!) },
    }),
  Transform: (graph, { image: x, transforms }, { interpolation, fillMode, fillValue, outputShape }) =>
    graph.op('tfjs.Transform', [x, transforms], {
      interpolation: String(interpolation),
      fill_mode: String(fillMode),
      fill_value: Number(fillValue ?? 0),
      size: (outputShape as number[] | undefined) ?? x!.shape.slice(1, 3),
    }),
  FlipLeftRight: (graph, { image: x }) =>
    graph.op('Slice', [x, int64s(graph, [-1]), int64s(graph, [-(x!.shape[2]! + 1)]), int64s(graph, [2]), int64s(graph, [-1])]),
  Dilation2D: dilation('tfjs.Dilation2D'),
  Dilation2DBackpropInput: dilation('tfjs.Dilation2DInputGrad'),
  Dilation2DBackpropFilter: dilation('tfjs.Dilation2DFilterGrad'),
  LRN: (graph, { x }, attributes) => graph.op('tfjs.LRN', [x], lrnAttrs(attributes)),
  LRNGrad: (graph, { x, y, dy }, attributes) => graph.op('tfjs.LRNGrad', [x, y, dy], lrnAttrs(attributes)),
};
