/** Convolutions, plain and depthwise, fused, and their gradients: ops of the `tfjs` domain, in TensorFlow's own layout. */
import type { GraphBuilder, KernelAttributes, KernelFamily, KernelInputs, KernelTranslator, Sym } from '../translate.ts';
import { activate, perChannel } from './fused.ts';
import { windowNumbers } from './windows.ts';

const isFirst = (attributes: KernelAttributes): boolean => attributes['dataFormat'] === 'NCHW' || attributes['dataFormat'] === 'NCDHW';

const placesOf = (shape: readonly number[], first: boolean): readonly number[] => (first ? shape.slice(2) : shape.slice(1, -1));

const convolve = (graph: GraphBuilder, op: string, x: Sym, w: Sym, bias: Sym | undefined, attributes: KernelAttributes): Sym => {
  const first = isFirst(attributes);
  const numbers = windowNumbers(placesOf(x.shape, first), w.shape.slice(0, -2), attributes, first);
  const maps = op === 'tfjs.Conv' ? w.shape.at(-1)! : w.shape.at(-1)! * w.shape.at(-2)!;
  const own = bias && bias.shape.length === 1 && bias.shape[0] === maps ? bias : undefined;
  const [y] = graph.op(op, [x, w, own], { ...numbers, channels_first: first });
  return bias && !own ? graph.op('Add', [y, perChannel(graph, bias, x.shape.length - 2, first)])[0]! : y!;
};

const plain =
  (op: string): KernelTranslator =>
  (graph, { x, filter }, attributes) => [convolve(graph, op, x!, filter!, undefined, attributes)];

const fused =
  (op: string): KernelTranslator =>
  (graph, { x, filter, bias, preluActivationWeights: slope }, attributes) => {
    const y = convolve(graph, op, x!, filter!, bias, attributes);
    const done = activate(graph, y, attributes, slope && perChannel(graph, slope, x!.shape.length - 2, isFirst(attributes)));
    return done && [done];
  };

/** Gradient by the input: images of `inputShape` from `dy` and the filter. */
const inputGrad =
  (op: string): KernelTranslator =>
  (graph, { dy, filter }, attributes) => {
    const first = isFirst(attributes);
    const shape = attributes['inputShape'] as readonly number[];
    const numbers = windowNumbers(placesOf(shape, first), filter!.shape.slice(0, -2), attributes, first);
    return graph.op(op, [dy, filter], {
      ...numbers,
      ...(op === 'tfjs.ConvInputGrad' && { channels_first: first }),
      input_shape: shape,
    });
  };

const filterGrad =
  (op: string): KernelTranslator =>
  (graph, { x, dy }: KernelInputs, attributes) => {
    const first = isFirst(attributes);
    const shape = attributes['filterShape'] as readonly number[];
    const numbers = windowNumbers(placesOf(x!.shape, first), shape.slice(0, -2), attributes, first);
    return graph.op(op, [x, dy], {
      ...numbers,
      ...(op === 'tfjs.ConvFilterGrad' && { channels_first: first }),
      filter_shape: shape,
    });
  };

/** Depthwise kernels of tfjs know channels last only. */
const lastOnly =
  (translate: KernelTranslator): KernelTranslator =>
  (graph, inputs, attributes) =>
    isFirst(attributes) ? undefined : translate(graph, inputs, attributes);

export const convolution: KernelFamily = {
  Conv2D: plain('tfjs.Conv'),
  Conv3D: plain('tfjs.Conv'),
  FusedConv2D: fused('tfjs.Conv'),
  Conv2DBackpropInput: inputGrad('tfjs.ConvInputGrad'),
  Conv3DBackpropInputV2: inputGrad('tfjs.ConvInputGrad'),
  Conv2DBackpropFilter: filterGrad('tfjs.ConvFilterGrad'),
  Conv3DBackpropFilterV2: filterGrad('tfjs.ConvFilterGrad'),
  DepthwiseConv2dNative: lastOnly(plain('tfjs.DepthwiseConv')),
  FusedDepthwiseConv2D: lastOnly(fused('tfjs.DepthwiseConv')),
  DepthwiseConv2dNativeBackpropInput: lastOnly(inputGrad('tfjs.DepthwiseInputGrad')),
  DepthwiseConv2dNativeBackpropFilter: lastOnly(filterGrad('tfjs.DepthwiseFilterGrad')),
};
