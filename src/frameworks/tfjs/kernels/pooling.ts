/** Pooling over images and volumes, and its gradients. */
import type { GraphBuilder, KernelAttributes, KernelFamily, Sym } from '../translate.ts';
import type { PlainAttributes } from '../../../runtime/call.ts';
import { windowNumbers } from './windows.ts';

const filterOf = (given: unknown, axes: number): number[] => {
  if (typeof given === 'number') return new Array<number>(axes).fill(given);
  return (given as number[]).slice(0, axes);
};

/** tfjs pools over channels first only by transposing beforehand; the attribute is seen with volumes alone. */
const isFirst = (attributes: KernelAttributes): boolean => attributes['dataFormat'] === 'NCDHW' || attributes['dataFormat'] === 'NCHW';

const pooling = (
  op: string,
  graph: GraphBuilder,
  inputs: readonly (Sym | undefined)[],
  shape: readonly number[],
  attributes: KernelAttributes,
  more: PlainAttributes = {},
  outputs = 1,
): readonly Sym[] | undefined => {
  if (isFirst(attributes)) return undefined;
  const kernel = filterOf(attributes['filterSize'], shape.length - 2);
  const numbers = windowNumbers(shape.slice(1, -1), kernel, attributes);
  // Windows of one point that are as many as the image has points: tfjs hands the image on, wherever they stand.
  const still = kernel.every((k) => k === 1) && numbers.counts.every((n, a) => n === shape[a + 1]);
  if (still && (op === 'tfjs.MaxPool' || op === 'tfjs.AvgPool') && shape.length === 4) return graph.op('Identity', inputs);
  return graph.op(op, inputs, { ...numbers, kernel_shape: kernel, ...more }, outputs);
};

export const poolings: KernelFamily = {
  MaxPool: (graph, { x }, attributes) => pooling('tfjs.MaxPool', graph, [x], x!.shape, attributes),
  MaxPool3D: (graph, { x }, attributes) => pooling('tfjs.MaxPool', graph, [x], x!.shape, attributes),
  AvgPool: (graph, { x }, attributes) => pooling('tfjs.AvgPool', graph, [x], x!.shape, attributes),
  AvgPool3D: (graph, { x }, attributes) => pooling('tfjs.AvgPool', graph, [x], x!.shape, attributes, { empty_is_zero: true }),
  MaxPoolGrad: (graph, { dy, input }, attributes) => pooling('tfjs.MaxPoolGrad', graph, [dy, input], input!.shape, attributes),
  MaxPool3DGrad: (graph, { dy, input }, attributes) =>
    pooling('tfjs.MaxPoolGrad', graph, [dy, input], input!.shape, attributes, { last: true }),
  AvgPoolGrad: (graph, { dy, input }, attributes) =>
    pooling('tfjs.AvgPoolGrad', graph, [dy], input!.shape, attributes, { input_shape: input!.shape }),
  AvgPool3DGrad: (graph, { dy, input }, attributes) =>
    pooling('tfjs.AvgPoolGrad', graph, [dy], input!.shape, attributes, { input_shape: input!.shape }),
  MaxPoolWithArgmax: (graph, { x }, attributes) =>
    x!.shape.length === 4
      ? pooling(
          'tfjs.MaxPoolWithArgmax',
          graph,
          [x],
          x!.shape,
          attributes,
          { include_batch: Boolean(attributes['includeBatchInIndex']) },
          2,
        )
      : undefined,
};
