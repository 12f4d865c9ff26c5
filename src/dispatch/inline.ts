/** Puts a subgraph's nodes into the graph around it, under names of their own. */
import { captures, subgraphsOf, type Attribute, type Graph, type Node, type ValueType } from '../core/graph.ts';
import type { Tensor } from '../core/tensor.ts';

export interface Inlined {
  readonly nodes: readonly Node[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** Types the model states for its values. */
  readonly types: ReadonlyMap<string, ValueType>;
  /** The subgraph's outputs under their new names. */
  readonly outputs: readonly string[];
}

type Rename = (name: string) => string;

const renameGraph = (graph: Graph, rename: Rename): Graph => {
  // Names a subgraph defines itself hide the outer ones.
  const own = new Set([...graph.inputs.map((i) => i.name), ...graph.initializers.keys(), ...graph.nodes.flatMap((n) => n.outputs)]);
  const inner: Rename = (n) => (own.has(n) ? n : rename(n));
  return {
    ...graph,
    nodes: graph.nodes.map((n) => ({ ...n, inputs: n.inputs.map(inner), attrs: renameAttrs(n, inner) })),
    outputs: graph.outputs.map((o) => ({ ...o, name: inner(o.name) })),
  };
};

/** A node's attributes with the names its subgraphs capture renamed. */
export const renameAttrs = (node: Node, rename: Rename): Node['attrs'] => {
  if (subgraphsOf(node).length === 0) return node.attrs;
  return Object.fromEntries(
    Object.entries(node.attrs).map(([key, a]): [string, Attribute] => {
      if (a.type === 'graph') return [key, { type: 'graph', value: renameGraph(a.value, rename) }];
      if (a.type === 'graphs') return [key, { type: 'graphs', value: a.value.map((g) => renameGraph(g, rename)) }];
      return [key, a];
    }),
  );
};

/** The nodes of a branch of `node` (a subgraph without inputs), values renamed to `<node>/<value>`; captured names stay. */
export const inlineBranch = (node: Node, branch: Graph): Inlined => {
  const outer = new Set(captures(branch));
  const rename: Rename = (name) => (name === '' || outer.has(name) ? name : `${node.name}/${name}`);
  return {
    nodes: branch.nodes.map((n) => ({
      ...n,
      name: `${node.name}/${n.name}`,
      inputs: n.inputs.map(rename),
      outputs: n.outputs.map(rename),
      attrs: renameAttrs(n, rename),
    })),
    initializers: new Map([...branch.initializers].map(([name, t]) => [rename(name), t])),
    types: new Map([...branch.types].map(([name, t]) => [rename(name), t])),
    outputs: branch.outputs.map((o) => rename(o.name)),
  };
};
