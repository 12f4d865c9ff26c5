/** How large a model is, its subgraphs included. */
import { subgraphsOf, type Graph } from '../../core/graph.ts';

export interface ModelSize {
  readonly nodes: number;
  readonly weightBytes: number;
}

export const sizeOfGraph = (graph: Graph): ModelSize => {
  let nodes = graph.nodes.length;
  let weightBytes = [...graph.initializers.values()].reduce((n, t) => n + t.byteLength, 0);
  for (const node of graph.nodes) {
    for (const [, inner] of subgraphsOf(node)) {
      const size = sizeOfGraph(inner);
      nodes += size.nodes;
      weightBytes += size.weightBytes;
    }
  }
  return { nodes, weightBytes };
};
