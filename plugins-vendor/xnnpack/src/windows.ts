/** Convolution, pooling, resizing, and what else goes by channels: XNNPACK has them with channels last. */
import { type Facts, refuse, sizeOf, Tensor } from 'flagos/plugin';
import { permuted, type Program, type Slot } from './program.ts';
import type { Row } from './row.ts';

interface Window {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  /** Top, right, bottom, left. */
  readonly pads: readonly [number, number, number, number];
}

/** The window of a node over an image, in the numbers the kernels take. */
const windowOf = (f: Facts, image: readonly number[], kernel: readonly number[], out: readonly number[]): Window => {
  const w = f.planarWindow(image, kernel, out);
  const two = (v: readonly number[]): [number, number] => [v[0]!, v[1]!];
  const [[top, left], [bottom, right]] = [two(w.before), two(w.after)];
  return { kernel: two(w.kernel), strides: two(w.strides), dilations: two(w.dilations), pads: [top, right, bottom, left] };
};

/** [N, C, L] as [N, C, 1, L]. */
const asImage = (dims: readonly number[]): number[] => (dims.length === 3 ? [dims[0]!, dims[1]!, 1, dims[2]!] : [...dims]);
const spread = (dims: readonly number[]): number[] => permuted(asImage(dims), [0, 2, 3, 1]);

const imageOf = (f: Facts, p: Program): Slot =>
  f.dims(0).length === 4 ? p.last(f, 0) : p.transpose(p.reshaped(p.plain(f, 0), asImage(f.dims(0))), [0, 2, 3, 1]);
const imageOut = (f: Facts, p: Program, y: Slot): void => {
  if (f.outDims().length === 4) p.output(f, y, 'last');
  else p.output(f, p.reshaped(p.transpose(y, [0, 3, 1, 2]), f.outDims()));
};

/** Weights [M, C/group, H, W] as the kernel wants them: transposed beforehand where they are known. */
const weights = (f: Facts, p: Program, perm: readonly number[]): Slot => {
  const dims = asImage(f.dims(1));
  const known = f.constant(1);
  if (!known) return p.fresh(p.transpose(p.reshaped(p.plain(f, 1), dims), perm));
  const from = known.data as Float32Array;
  const to = Tensor.zeros('float32', permuted(dims, perm));
  const strides = permuted(
    dims.map((_, i) => sizeOf(dims.slice(i + 1))),
    perm,
  );
  const out = to.data as Float32Array;
  const [, b, c, d] = to.dims as [number, number, number, number];
  for (let i = 0; i < out.length; i++) {
    const l = i % d;
    const k = Math.floor(i / d) % c;
    const j = Math.floor(i / (d * c)) % b;
    out[i] = from[Math.floor(i / (d * c * b)) * strides[0]! + j * strides[1]! + k * strides[2]! + l * strides[3]!]!;
  }
  return p.fixed(to);
};

const conv =
  (channelsLast: boolean): Row =>
  (f, p) => {
    f.need('float32');
    const [x, w] = [f.dims(0), f.dims(1)];
    if (channelsLast && x.length !== 4) refuse('RANK', 'images only');
    const channels = channelsLast ? x.at(-1)! : x[1]!;
    const group = f.int('group', 1);
    const depthwise = group === channels && w[1] === 1 && group > 1;
    if (group !== 1 && !depthwise) refuse('ATTR', 'groups of several channels');
    const space = (dims: readonly number[]): readonly number[] => (channelsLast ? dims.slice(1, -1) : dims.slice(2));
    const { kernel, strides, dilations, pads } = windowOf(f, space(x), w.slice(2), space(f.outDims()));
    if (!p) return;
    const image = channelsLast ? p.plain(f, 0) : imageOf(f, p);
    const [n, h, wide, c] = image.dims as [number, number, number, number];
    const filter = weights(f, p, depthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]);
    const y = p.temp(channelsLast ? f.outDims() : spread(f.outDims()));
    const bias = f.has(2) ? p.fresh(p.plain(f, 2)) : 0;
    const kernelName = depthwise ? 'FusedDepthwiseConv2D' : 'FusedConv2D';
    // Neither padding of kind SAME (its own rule would decide) nor an activation.
    p.call(kernelName, image, n, h, wide, filter, ...kernel, bias, ...pads, 0, ...dilations, ...strides, c, w[0]!, 0, 0, 0, y);
    if (channelsLast) p.output(f, y);
    else imageOut(f, p, y);
  };

const pool =
  (kernelName: 'MaxPool' | 'AvgPool'): Row =>
  (f, p) => {
    f.need('float32');
    if (f.node.outputs[1]) refuse('NO_KERNEL', 'positions of the largest are not given');
    const shape = f.ints('kernel_shape') ?? refuse('ATTR', 'kernel_shape is missing');
    const { kernel, strides, dilations, pads } = windowOf(f, f.dims(0).slice(2), shape, f.outDims().slice(2));
    if (sizeOf(kernel) === 1) refuse('LIMIT', 'XNNPACK has no pooling by windows of one element');
    const average = kernelName === 'AvgPool';
    if (average && sizeOf(dilations) !== 1) refuse('ATTR', 'dilations');
    if (average && f.int('count_include_pad', 0) !== 0 && pads.some((n) => n > 0)) refuse('ATTR', 'count_include_pad');
    if (f.int('storage_order', 0) !== 0) refuse('ATTR', 'storage_order 1');
    if (!p) return;
    const x = imageOf(f, p);
    const [n, h, w, c] = x.dims as [number, number, number, number];
    const y = p.temp(spread(f.outDims()));
    if (average) p.call(kernelName, x, n, h, w, ...kernel, ...pads, ...strides, c, y);
    else p.call(kernelName, x, n, h, w, ...kernel, ...pads, ...dilations, ...strides, c, c, y);
    imageOut(f, p, y);
  };

const globalPool =
  (call: (p: Program, x: Slot, n: number, y: Slot) => void): Row =>
  (f, p) => {
    f.needType(0, 'float32');
    if (f.dims(0).length < 3) refuse('RANK', 'images only');
    if (!p) return;
    const y = p.temp(f.outDims());
    call(p, p.plain(f, 0), sizeOf(f.dims(0).slice(2)), y);
    p.output(f, y);
  };

const batchNorm: Row = (f, p) => {
  f.need('float32');
  if (f.dims(0).length !== 4) refuse('RANK', 'images only');
  if (f.int('training_mode', 0) !== 0 || f.node.outputs.length > 1) refuse('ATTR', 'training_mode');
  if (!p) return;
  const x = p.last(f, 0);
  const y = p.temp(x.dims);
  const [scale, offset, mean, variance] = [1, 2, 3, 4].map((i) => p.plain(f, i)) as [Slot, Slot, Slot, Slot];
  p.call('FusedBatchNorm', x, mean, variance, offset, scale, f.float('epsilon', 1e-5), y);
  p.output(f, y, 'last');
};

const resize: Row = (f, p) => {
  f.needType(0, 'float32');
  const [from, to] = [f.dims(0), f.outDims()];
  if (from.length !== 4 || from[0] !== to[0] || from[1] !== to[1]) refuse('RANK', 'images only, and no change of batch or channels');
  const mode = f.string('mode', 'nearest');
  const where = f.string('coordinate_transformation_mode', 'half_pixel');
  const linear = mode === 'linear' && ['half_pixel', 'asymmetric', 'align_corners'].includes(where);
  const nearest = mode === 'nearest' && where === 'asymmetric' && f.string('nearest_mode', 'round_prefer_floor') === 'floor';
  if (!linear && !nearest) refuse('ATTR', `${mode} with ${where}`);
  if (f.int('antialias', 0) !== 0 || f.int('exclude_outside', 0) !== 0) refuse('ATTR', 'antialias, exclude_outside');
  const scales = f.has(2) ? f.numbers(2, 'the scales') : undefined;
  if (f.ints('axes') || f.string('keep_aspect_ratio_policy', 'stretch') !== 'stretch') refuse('ATTR', 'axes, keep_aspect_ratio_policy');
  if (scales?.some((s, i) => from[i]! * s !== to[i])) refuse('SHAPE', 'scales by which an extent is not whole');
  if (where === 'align_corners' && to.slice(2).some((d) => d === 1)) refuse('SHAPE', 'corners of an image of one pixel');
  if (!p) return;
  const x = p.last(f, 0);
  const y = p.temp(spread(to));
  const [n, h, w, c] = x.dims as [number, number, number, number];
  const kernel = mode === 'linear' ? 'ResizeBilinear' : 'ResizeNearestNeighbor';
  p.call(kernel, x, n, h, w, c, to[2]!, to[3]!, where === 'align_corners', where === 'half_pixel', y);
  p.output(f, y, 'last');
};

const lrn: Row = (f, p) => {
  f.needType(0, 'float32');
  if (f.dims(0).length !== 4) refuse('RANK', 'images only');
  const size = f.int('size', 1);
  if (size % 2 === 0) refuse('ATTR', 'an even size');
  if (!p) return;
  const x = p.last(f, 0);
  const y = p.temp(x.dims);
  p.call('LRN', x, y, x.dims[3]!, (size - 1) / 2, f.float('bias', 1), f.float('alpha', 1e-4) / size, f.float('beta', 0.75));
  p.output(f, y, 'last');
};

export const windowOps: Readonly<Record<string, Row>> = {
  Conv: conv(false),
  'com.microsoft.NhwcConv': conv(true),
  MaxPool: pool('MaxPool'),
  AveragePool: pool('AvgPool'),
  GlobalAveragePool: globalPool((p, x, n, y) => p.call('Mean', x, n, y)),
  GlobalMaxPool: globalPool((p, x, n, y) => p.call('Max', x, 0, n, y)),
  BatchNormalization: batchNorm,
  Resize: resize,
  LRN: lrn,
};
