/** Who reads and who makes which names in a graph. */
import { nodeReads, subgraphsOf, type Graph, type Node } from '../core/graph.ts';

/** Nodes whose outputs are needed for `outputs`, in order. */
export const alive = (nodes: readonly Node[], outputs: readonly string[]): Node[] => {
  const needed = new Set(outputs);
  const kept: Node[] = [];
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!;
    if (!node.outputs.some((o) => needed.has(o))) continue;
    kept.push(node);
    for (const name of nodeReads(node)) needed.add(name);
  }
  return kept.reverse();
};

/** Names a graph and the graphs inside it give to values. */
export const addOwnNames = (graph: Graph, names: Set<string>): void => {
  for (const { name } of graph.inputs) names.add(name);
  for (const name of graph.initializers.keys()) names.add(name);
  for (const node of graph.nodes) {
    for (const name of node.outputs) names.add(name);
    for (const [, inner] of subgraphsOf(node)) addOwnNames(inner, names);
  }
};
