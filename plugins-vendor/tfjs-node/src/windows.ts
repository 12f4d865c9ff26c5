/** Convolution, pooling, resizing, and what else goes by channels: TensorFlow has them with channels last. */
import { refuse, sizeOf, Tensor, type Facts, type WindowFacts } from 'flagos/plugin';
import { attr, typeAttr, type Attr } from './library.ts';
import type { Program, Slot } from './program.ts';
import type { Row } from './row.ts';

const f32 = typeAttr('float32');
const nhwc = attr('data_format', 'string', 'NHWC');
const asImage = (dims: readonly number[]): number[] => (dims.length === 3 ? [dims[0]!, dims[1]!, 1, dims[2]!] : [...dims]);

const imageOf = (f: Facts, p: Program): Slot =>
  f.dims(0).length === 4 ? p.last(f, 0) : p.transpose(p.reshape(p.plain(f, 0), asImage(f.dims(0))), [0, 2, 3, 1]);
const imageOut = (f: Facts, p: Program, y: Slot): void => {
  if (f.outDims().length === 4) p.output(f, y, 'last');
  else p.output(f, p.reshape(p.transpose(y, [0, 3, 1, 2]), f.outDims()));
};
const ofImage = (name: string, values: readonly number[]): Attr => attr(name, 'int', [1, ...values, 1]);
const padded = ({ before, after }: WindowFacts): boolean => [...before, ...after].some((n) => n > 0);
const explicit = (w: WindowFacts): Attr[] =>
  padded(w)
    ? [
        attr('padding', 'string', 'EXPLICIT'),
        attr('explicit_paddings', 'int', [0, 0, w.before[0], w.after[0], w.before[1], w.after[1], 0, 0]),
      ]
    : [attr('padding', 'string', 'VALID'), attr('explicit_paddings', 'int', [])];

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
    const window = f.planarWindow(space(x), w.slice(2), space(f.outDims()));
    if (depthwise && window.strides[0] !== window.strides[1]) refuse('ATTR', 'depthwise with two strides');
    if (depthwise && sizeOf(window.dilations) !== 1 && sizeOf(window.strides) !== 1) refuse('ATTR', 'depthwise with strides and dilations');
    if (!p) return;
    const image = channelsLast ? p.plain(f, 0) : imageOf(f, p);
    const weights = w.length === 3 ? p.reshape(p.plain(f, 1), asImage(w)) : p.plain(f, 1);
    // HWIO; depthwise H, W, channel, multiple. Transposed in every run: libtensorflow packs its own way anyway.
    const filter = depthwise
      ? p.reshape(p.transpose(weights, [2, 3, 0, 1]), [...window.kernel, channels, w[0]! / channels])
      : p.transpose(weights, [2, 3, 1, 0]);
    const attrs = [f32, nhwc, ofImage('strides', window.strides), ofImage('dilations', window.dilations), ...explicit(window)];
    const own = depthwise ? attrs : [...attrs, attr('use_cudnn_on_gpu', 'bool', false)];
    const y = p.op(depthwise ? 'DepthwiseConv2dNative' : 'Conv2D', own, [image, filter], 'float32');
    const sum = f.has(2) ? p.op('BiasAdd', [f32, nhwc], [y, p.plain(f, 2)], 'float32') : y;
    if (channelsLast) p.output(f, sum);
    else imageOut(f, p, sum);
  };

const maxPool: Row = (f, p) => {
  f.needType(0, 'float32');
  if (f.node.outputs[1]) refuse('NO_KERNEL', 'positions of the largest are not given in this form');
  const window = f.planarWindow(f.dims(0).slice(2), f.ints('kernel_shape')!, f.outDims().slice(2));
  if (sizeOf(window.dilations) !== 1) refuse('ATTR', 'dilations');
  if (!p) return;
  const attrs = [f32, nhwc, ofImage('ksize', window.kernel), ofImage('strides', window.strides), ...explicit(window)];
  imageOut(f, p, p.op('MaxPool', attrs, [imageOf(f, p)], 'float32'));
};

const averagePool: Row = (f, p) => {
  f.needType(0, 'float32');
  const window = f.planarWindow(f.dims(0).slice(2), f.ints('kernel_shape')!, f.outDims().slice(2));
  if (sizeOf(window.dilations) !== 1) refuse('ATTR', 'dilations');
  if (padded(window) && f.int('count_include_pad', 0) !== 1) refuse('ATTR', 'padding that does not count');
  if (!p) return;
  const { before, after } = window;
  const widths = Tensor.from('int32', [4, 2], [0, 0, before[0]!, after[0]!, before[1]!, after[1]!, 0, 0]);
  const x = imageOf(f, p);
  const input = padded(window) ? p.op('Pad', [f32, typeAttr('int32', 'Tpaddings')], [x, p.constant(widths)], 'float32') : x;
  const attrs = [f32, nhwc, ofImage('ksize', window.kernel), ofImage('strides', window.strides), attr('padding', 'string', 'VALID')];
  imageOut(f, p, p.op('AvgPool', attrs, [input], 'float32'));
};

const globalPool =
  (op: string): Row =>
  (f, p) => {
    f.needType(0, 'float32');
    const axes = f
      .dims(0)
      .map((_, i) => i)
      .slice(2);
    if (p)
      p.output(f, p.op(op, [f32, typeAttr('int32', 'Tidx'), attr('keep_dims', 'bool', true)], [p.plain(f, 0), p.list(axes)], 'float32'));
  };

const batchNorm: Row = (f, p) => {
  f.need('float32');
  if (f.dims(0).length !== 4) refuse('RANK', 'images only');
  if (f.int('training_mode', 0) !== 0 || f.node.outputs.length > 1) refuse('ATTR', 'training_mode');
  if (!p) return;
  const attrs = [
    f32,
    typeAttr('float32', 'U'),
    nhwc,
    attr('epsilon', 'float', f.float('epsilon', 1e-5)),
    attr('is_training', 'bool', false),
  ];
  const inputs = [p.last(f, 0), ...[1, 2, 3, 4].map((i) => p.plain(f, i))];
  const [y] = p.ops('FusedBatchNormV3', [...attrs, attr('exponential_avg_factor', 'float', 1)], inputs, new Array(6).fill('float32'));
  p.output(f, y!, 'last');
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
  if (f.ints('axes') || f.string('keep_aspect_ratio_policy', 'stretch') !== 'stretch') refuse('ATTR', 'axes, keep_aspect_ratio_policy');
  const scales = f.has(2) ? f.numbers(2, 'the scales') : undefined;
  if (scales?.some((s, i) => from[i]! * s !== to[i])) refuse('SHAPE', 'scales by which an extent is not whole');
  if (where === 'align_corners' && to.slice(2).some((d) => d === 1)) refuse('SHAPE', 'corners of an image of one pixel');
  if (!p) return;
  const flags = [attr('align_corners', 'bool', where === 'align_corners'), attr('half_pixel_centers', 'bool', where === 'half_pixel')];
  const op = mode === 'linear' ? 'ResizeBilinear' : 'ResizeNearestNeighbor';
  p.output(f, p.op(op, [f32, ...flags], [p.last(f, 0), p.list(to.slice(2))], 'float32'), 'last');
};

const lrn: Row = (f, p) => {
  f.needType(0, 'float32');
  const size = f.int('size', 1);
  if (f.dims(0).length !== 4 || size % 2 === 0) refuse('ATTR', 'images, and an odd size, only');
  if (!p) return;
  const scale = [attr('bias', 'float', f.float('bias', 1)), attr('alpha', 'float', f.float('alpha', 1e-4) / size)];
  const attrs = [f32, attr('depth_radius', 'int', (size - 1) / 2), ...scale, attr('beta', 'float', f.float('beta', 0.75))];
  p.output(f, p.op('LRN', attrs, [p.last(f, 0)], 'float32'), 'last');
};

export const windowOps: Readonly<Record<string, Row>> = {
  Conv: conv(false),
  'com.microsoft.NhwcConv': conv(true),
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: globalPool('Mean'),
  GlobalMaxPool: globalPool('Max'),
  BatchNormalization: batchNorm,
  Resize: resize,
  LRN: lrn,
};
