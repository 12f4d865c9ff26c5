/** Bias and activation that tfjs's layers put into a contraction; as nodes of their own, which the compiler fuses again. */
import type { GraphBuilder, KernelAttributes, Sym } from '../translate.ts';
import { Tensor } from '../../../core/tensor.ts';

const scalar = (graph: GraphBuilder, value: number): Sym => graph.constant(Tensor.scalar('float32', value));

/**
 * The activation of a fused kernel.
 * @param slope `preluActivationWeights`, broadcast against `x`.
 * @returns undefined for a name FlagOS does not know.
 */
export const activate = (graph: GraphBuilder, x: Sym, attributes: KernelAttributes, slope: Sym | undefined): Sym | undefined => {
  switch (attributes['activation']) {
    case undefined:
    case null:
    case 'linear':
      return x;
    case 'relu':
      return graph.op('Relu', [x])[0];
    case 'relu6':
      return graph.op('Clip', [x, scalar(graph, 0), scalar(graph, 6)])[0];
    case 'elu':
      return graph.op('Elu', [x])[0];
    case 'sigmoid':
      return graph.op('Sigmoid', [x])[0];
    case 'leakyrelu':
      return graph.op('LeakyRelu', [x], { alpha: Number(attributes['leakyreluAlpha'] ?? 0.2) })[0];
    case 'prelu':
      return slope && graph.op('PRelu', [x, slope])[0];
    default:
      return undefined;
  }
};

/** A value per channel, shaped to be broadcast over images that have channels first. */
export const perChannel = (graph: GraphBuilder, x: Sym, spatial: number, channelsFirst: boolean): Sym => {
  if (!channelsFirst || x.shape.length !== 1) return x;
  const shape = [x.shape[0]!, ...new Array<number>(spatial).fill(1)];
  return graph.op('Reshape', [x, graph.constant(Tensor.from('int64', [shape.length], shape))])[0]!;
};
