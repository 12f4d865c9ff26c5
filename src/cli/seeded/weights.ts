/**
 * Seeded random weights for models whose weights are constants: test models are shipped with
 * `ConstantOfShape` in place of large initializers, which makes their outputs a weak check. Each such
 * weight becomes normal values of a scale that keeps activations of order one through a deep network
 * (He et al. 2015, "Delving Deep into Rectifiers", for weights before a rectifier).
 */
import { dtypeInfo } from '../../core/dtype.ts';
import type { Graph, Model, Node } from '../../core/graph.ts';
import { Tensor } from '../../core/tensor.ts';
import { Random } from './random.ts';

/** Normal values of this mean and deviation; `least` keeps variances positive. */
interface Scale {
  readonly mean: number;
  readonly deviation: number;
  readonly least?: number;
}

const bias: Scale = { mean: 0, deviation: 0.05 };
const gain: Scale = { mean: 1, deviation: 0.1 };
/** A branch that is added to another: together they would grow from block to block. */
const branchGain: Scale = { mean: 0.3, deviation: 0.03 };
const variance: Scale = { mean: 1, deviation: 0.1, least: 0.5 };

const he = (fanIn: number): Scale => ({ mean: 0, deviation: Math.sqrt(2 / Math.max(fanIn, 1)) });
const unit = (fanIn: number): Scale => ({ mean: 0, deviation: Math.sqrt(1 / Math.max(fanIn, 1)) });

const product = (dims: readonly number[]): number => dims.reduce((n, d) => n * d, 1);
const isSet = (node: Node, attribute: string): boolean => {
  const a = node.attrs[attribute];
  return a?.type === 'int' && Number(a.value) !== 0;
};

class Seeder {
  readonly #graph: Graph;
  readonly #readers = new Map<string, { node: Node; position: number }[]>();

  constructor(graph: Graph) {
    this.#graph = graph;
    for (const node of graph.nodes) {
      node.inputs.forEach((name, position) => {
        const list = this.#readers.get(name);
        if (list) list.push({ node, position });
        else this.#readers.set(name, [{ node, position }]);
      });
    }
  }

  readers(name: string): readonly { node: Node; position: number }[] {
    return this.#readers.get(name) ?? [];
  }

  #isAdded(node: Node): boolean {
    return this.readers(node.outputs[0]!).some((r) => (r.node.op === 'Add' || r.node.op === 'Sum') && r.node.inputs.length > 1);
  }

  /** Scale of a weight by who reads it and where; undefined for what is no weight. */
  scaleOf(name: string, dims: readonly number[]): Scale | undefined {
    for (const { node, position } of this.readers(name)) {
      const scale = this.#roleScale(node, position, dims);
      if (scale) return scale;
    }
    return undefined;
  }

  #roleScale(node: Node, position: number, dims: readonly number[]): Scale | undefined {
    switch (node.op) {
      case 'Reshape': {
        const target = this.#graph.initializers.get(node.inputs[1] ?? '')?.toNumbers();
        return position === 0 ? this.scaleOf(node.outputs[0]!, target?.every((d) => d > 0) ? [...target] : dims) : undefined;
      }
      case 'Identity':
      case 'Cast':
        return this.scaleOf(node.outputs[0]!, dims);
      case 'Transpose':
        return this.scaleOf(node.outputs[0]!, dims.toReversed());
      case 'Conv':
      case 'ConvTranspose':
        return position === 1 ? he(product(dims.slice(1))) : position === 2 ? bias : undefined;
      case 'Gemm':
        return position === 1 ? he(isSet(node, 'transB') ? dims[1]! : dims[0]!) : position === 2 ? bias : undefined;
      case 'MatMul':
        return position === 1 && dims.length > 1 ? unit(dims.at(-2)!) : undefined;
      case 'RNN':
      case 'GRU':
      case 'LSTM':
        return position === 1 || position === 2 ? unit(dims[2]!) : position === 3 ? bias : undefined;
      case 'BatchNormalization':
        return [undefined, this.#isAdded(node) ? branchGain : gain, bias, bias, variance][position];
      case 'InstanceNormalization':
      case 'LayerNormalization':
      case 'GroupNormalization':
        return [undefined, gain, bias][position];
      case 'PRelu':
        return position === 1 ? { mean: 0.25, deviation: 0.05 } : undefined;
      default:
        return undefined;
    }
  }
}

const draw = (dtype: Tensor['dtype'], dims: readonly number[], { mean, deviation, least = -Infinity }: Scale, random: Random): Tensor => {
  const data = new Float32Array(product(dims));
  random.fillBell(data, mean, deviation, least);
  return dtype === 'float32' ? new Tensor(dtype, dims, data) : Tensor.from(dtype, dims, data);
};

/**
 * Replaces the weights a model makes by ConstantOfShape with seeded normal values.
 * @param seed the same seed gives the same weights, whatever the order of the nodes.
 * @returns a new model over the same other tensors, and the names of the weights that were replaced.
 */
export const seedWeights = (model: Model, seed: number): { readonly model: Model; readonly seeded: readonly string[] } => {
  const { graph } = model;
  const seeder = new Seeder(graph);
  const made = new Map<string, Tensor>();
  for (const node of graph.nodes) {
    const [name] = node.outputs;
    const shape = graph.initializers.get(node.inputs[0] ?? '');
    if (node.op !== 'ConstantOfShape' || node.domain !== '' || name === undefined || !shape) continue;
    const { value } = node.attrs;
    const dtype = value?.type === 'tensor' ? value.value.dtype : 'float32';
    if (dtypeInfo(dtype).kind !== 'float') continue;
    const dims = [...shape.toNumbers()];
    const scale = seeder.scaleOf(name, dims);
    if (scale) made.set(name, draw(dtype, dims, scale, new Random(seed, name)));
  }
  const nodes = graph.nodes.filter((n) => !made.has(n.outputs[0] ?? ''));
  return {
    model: { ...model, graph: { ...graph, nodes, initializers: new Map([...graph.initializers, ...made]) } },
    seeded: [...made.keys()],
  };
};
