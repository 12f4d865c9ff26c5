/** Names for people: what was captured of a model, by the names the model itself has for its values. */
import type { Graph, Node, ValueInfo } from '../../core/graph.ts';

/** What the graph's own value names become. */
export interface ModelNames {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** The model's name of a value, by the graph's. Weights are values too. */
  readonly values: ReadonlyMap<string, string>;
}

/** Gives each name once: a second `conv` is `conv_1`. */
class Unique {
  readonly #taken = new Set<string>();

  of(name: string): string {
    let made = name;
    for (let i = 1; this.#taken.has(made); i++) made = `${name}_${i}`;
    this.#taken.add(made);
    return made;
  }
}

/** For each node, the named value it is for: its own, or that of the first node that reads it and has one. */
const purposes = (nodes: readonly Node[], values: ReadonlyMap<string, string>): (string | undefined)[] => {
  const readBy = new Map<string, string>();
  const made = new Array<string | undefined>(nodes.length);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const { inputs, outputs } = nodes[i]!;
    const own = outputs.map((o) => values.get(o)).find((label) => label !== undefined);
    const label = own ?? outputs.map((o) => readBy.get(o)).find((l) => l !== undefined);
    made[i] = label;
    // Walking backwards, the earliest reader comes last and counts.
    if (label !== undefined) for (const name of inputs) readBy.set(name, label);
  }
  return made;
};

/**
 * The graph with the model's names. A value the model names is made by a node of that name; nodes that only
 * lead there (a layer's sum before its activation) are `<name>/<op>`.
 */
export const named = (graph: Graph, { inputs, outputs, values }: ModelNames): Graph => {
  const names = new Map<string, string>();
  const unique = new Unique();
  graph.inputs.forEach((v, i) => names.set(v.name, unique.of(inputs[i]!)));
  graph.outputs.forEach((v, i) => names.set(v.name, unique.of(outputs[i]!)));
  for (const name of graph.initializers.keys()) names.set(name, unique.of(values.get(name) ?? name));

  const labels = purposes(graph.nodes, values);
  const nodeNames = new Unique();
  const nodes = graph.nodes.map((node, i): Node => {
    const first = (of: ReadonlyMap<string, string>): string | undefined => node.outputs.map((o) => of.get(o)).find((n) => n !== undefined);
    const label = labels[i];
    const leads = label === undefined ? node.name : `${label}/${node.op}`;
    const name = nodeNames.of(first(values) ?? first(names) ?? leads);
    for (const o of node.outputs) if (o !== '' && !names.has(o)) names.set(o, unique.of(values.get(o) ?? name));
    return { ...node, name };
  });
  const as = (name: string): string => names.get(name) ?? name;
  const info = (v: ValueInfo): ValueInfo => ({ ...v, name: as(v.name) });
  return {
    name: graph.name,
    inputs: graph.inputs.map(info),
    outputs: graph.outputs.map(info),
    initializers: new Map([...graph.initializers].map(([name, t]) => [as(name), t])),
    nodes: nodes.map((n) => ({ ...n, inputs: n.inputs.map(as), outputs: n.outputs.map(as) })),
    types: new Map([...graph.types].map(([name, t]) => [as(name), t])),
  };
};
