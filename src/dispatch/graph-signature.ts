/**
 * Signatures of several nodes: what a region or a whole graph is measured by. Two sets of nodes have the
 * same one if they do the same work: the same ops with the same attributes, wired the same way, on the same
 * types. Names do not count, nor what is in weights.
 */
import { describeType, nodeReads, opName, type Attribute, type Graph, type Node, type ValueType } from '../core/graph.ts';
import { hashOf } from '../core/hash.ts';
import { Tensor } from '../core/tensor.ts';
import type { SpecialNode } from './specialize.ts';

type TypeOf = (name: string) => ValueType | undefined;

const plain = (_: string, v: unknown): unknown => (typeof v === 'bigint' ? `${v}n` : v instanceof Map ? [...v] : v);

/** Small tensors by what is in them (axes, shapes), large ones (weights) by their type. */
const tensorText = (t: Tensor): string => {
  const small = t.data.length <= 16 ? `=${Array.from(t.data as ArrayLike<unknown>, String).join(',')}` : '';
  return `${t.dtype}[${t.dims.join(',')}]${small}`;
};

const attributeText = ({ type, value }: Attribute): string => {
  if (value instanceof Tensor) return tensorText(value);
  if (type === 'graph') return graphText(value);
  if (type === 'graphs') return value.map(graphText).join('&');
  if (type === 'tensors') return value.map(tensorText).join('&');
  return JSON.stringify(value, plain);
};

/** Values by the order in which they appear. */
class Numbering {
  readonly #numbers = new Map<string, number>();
  of(name: string): string {
    let n = this.#numbers.get(name);
    if (n === undefined) this.#numbers.set(name, (n = this.#numbers.size));
    return String(n);
  }
}

const nodeText = (node: Node, numbers: Numbering, typeOf: TypeOf, constants: ReadonlyMap<string, Tensor>): string => {
  const attrs = Object.keys(node.attrs)
    .sort()
    .map((name) => `${name}=${attributeText(node.attrs[name]!)}`);
  const value = (name: string): string => {
    if (name === '') return '-';
    const constant = constants.get(name);
    return constant ? `c${tensorText(constant)}` : `${numbers.of(name)}:${describeType(typeOf(name))}`;
  };
  // What subgraphs capture is read, too.
  const captured = nodeReads(node).filter((name) => !node.inputs.includes(name));
  const reads = [...node.inputs, ...captured].map(value).join(' ');
  return `${opName(node.domain, node.op)}{${attrs.join(';')}} ${reads} > ${node.outputs.map(value).join(' ')}`;
};

const noConstants: ReadonlyMap<string, Tensor> = new Map();

const graphText = (graph: Graph): string => {
  const numbers = new Numbering();
  const inputs = graph.inputs.map((i) => numbers.of(i.name)).join(' ');
  const nodes = graph.nodes.map((n) => nodeText(n, numbers, (name) => graph.types.get(name), graph.initializers));
  return `(${inputs}|${nodes.join('|')}|${graph.outputs.map((o) => numbers.of(o.name)).join(' ')})`;
};

/**
 * `Graph(66 nodes,1f2e…)`.
 * @param isRead whether a value is read outside of these nodes: what is handed out is part of the work.
 */
export const graphSignature = (
  nodes: readonly SpecialNode[],
  constants: ReadonlyMap<string, Tensor> = noConstants,
  isRead: (name: string) => boolean = () => false,
): string => {
  const types = new Map<string, ValueType | undefined>();
  for (const { node, args, outputs } of nodes) {
    node.inputs.forEach((name, i) => types.set(name, args[i]?.type));
    node.outputs.forEach((name, i) => types.set(name, outputs[i]));
  }
  const numbers = new Numbering();
  const lines = nodes.map(({ node }) => nodeText(node, numbers, (name) => types.get(name), constants));
  const kept = nodes.flatMap(({ node }) => node.outputs.filter((name) => name !== '' && isRead(name)).map((name) => numbers.of(name)));
  return `Graph(${nodes.length} nodes,${hashOf(`${lines.join('\n')}\n${kept.join(' ')}`)})`;
};
