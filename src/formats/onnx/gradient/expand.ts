/**
 * Gradient nodes (ai.onnx.preview.training) written out: each names values of its own graph, so no
 * kernel could serve it; here it becomes the nodes of reverse-mode differentiation, which later
 * stages run, plan and fuse like any others. The differentiated part is repeated where the node feeds
 * other values than those it names. Gradients of gradients work, as the first ones are nodes by then.
 *
 * Source: ONNX operator page of Gradient; Griewank and Walther, "Evaluating Derivatives", chapter 3.
 */
import { FlagosError } from '../../../core/errors.ts';
import { opName, type Graph, type Node } from '../../../core/graph.ts';
import type { Names } from '../names.ts';
import { Rewriter } from '../upgrade/rewriter.ts';
import { rules, type Step } from './rules.ts';

const isGradient = (node: Node): boolean => node.op === 'Gradient' && node.domain === 'ai.onnx.preview.training';

/** The nodes among `nodes`, in order, that make `wanted` out of `given` and constants. */
const between = (nodes: readonly Node[], wanted: string, given: ReadonlySet<string>): Node[] => {
  const open = new Set([wanted]);
  return nodes
    .toReversed()
    .filter((node) => {
      if (!node.outputs.some((name) => name !== '' && open.has(name) && !given.has(name))) return false;
      for (const name of node.inputs) open.add(name);
      return true;
    })
    .toReversed();
};

/** What the writing out of one Gradient node works with, and the nodes it makes. */
interface Work {
  readonly gradient: Node;
  readonly u: Rewriter;
  readonly names: Names;
  readonly made: Node[];
}

/** Nodes in which given values stand for others; those that nothing changes are used as they are and not among `made`. */
const substitute = (nodes: readonly Node[], values: Map<string, string>, { gradient, u, names, made }: Work): Node[] =>
  nodes.map((node) => {
    const inputs = node.inputs.map((name) => values.get(name) ?? name);
    if (inputs.every((name, i) => name === node.inputs[i])) return node;
    const outputs = node.outputs.map((name) => name && u.value(gradient, name));
    node.outputs.forEach((name, i) => values.set(name, outputs[i]!));
    const copy = { ...node, name: names.node(`${gradient.name}/${node.name}`), inputs, outputs };
    made.push(copy);
    return copy;
  });

/** The gradients of `y` by each of `xs`, by reverse accumulation over `nodes`; zeros where `y` does not depend on it. */
const accumulate = (nodes: readonly Node[], y: string, xs: readonly string[], { gradient, u, made }: Work): string[] => {
  const op: Step['op'] = (name, inputs, attrs) => {
    const node = u.make(gradient, name, inputs, attrs);
    u.learn(node);
    made.push(node);
    return node.outputs[0]!;
  };
  const scalar: Step['scalar'] = (value, like) => {
    const { name, nodes: cast } = u.scalarLike(gradient, value, like, 'constant');
    made.push(...cast);
    return name;
  };
  const list: Step['list'] = (values) => u.int64s(gradient, values, 'list');
  const none: Step['none'] = (what) => {
    throw new FlagosError('FLAGOS_E_MODEL_UNSUPPORTED', `no gradient is known for ${what}`, {
      trace: { node: gradient.name, op: gradient.op },
    });
  };
  const active = new Set(xs);
  for (const node of nodes) if (node.inputs.some((name) => active.has(name))) for (const name of node.outputs) active.add(name);
  const gradients = new Map<string, string>();
  if (active.has(y)) gradients.set(y, op('Expand', [scalar(1, y), op('Shape', [y])]));
  for (const node of nodes.toReversed()) {
    const g = gradients.get(node.outputs[0]!);
    const later = node.outputs.slice(1).find((name) => gradients.has(name));
    const rule = node.domain === '' ? rules[node.op] : undefined;
    if (later !== undefined) none(`output '${later}' of ${opName(node.domain, node.op)}`);
    if (g === undefined) continue;
    if (!rule) return none(opName(node.domain, node.op));
    rule({ node, x: (i) => node.inputs[i]!, y: node.outputs[0]!, g, op, scalar, list, none }).forEach((back, i) => {
      const name = node.inputs[i]!;
      if (!back || !active.has(name)) return;
      const part = back();
      const sum = gradients.get(name);
      gradients.set(name, sum === undefined ? part : op('Add', [sum, part]));
    });
  }
  return xs.map((x) => gradients.get(x) ?? op('Expand', [scalar(0, x), op('Shape', [x])]));
};

const expand = (gradient: Node, before: readonly Node[], u: Rewriter, names: Names): Node[] => {
  const xs = u.strings(gradient, 'xs') ?? u.invalid("attribute 'xs' is missing");
  const y = u.string(gradient, 'y') ?? u.invalid("attribute 'y' is missing");
  const given = [...xs, ...(u.strings(gradient, 'zs') ?? [])];
  if (gradient.inputs.length !== given.length)
    u.invalid(`Gradient has ${gradient.inputs.length} inputs for the ${given.length} values that xs and zs name`);
  const work: Work = { gradient, u, names, made: [] };
  const values = new Map(given.map((name, i) => [name, gradient.inputs[i]!]));
  const forward = between(before, y, new Set(given));
  if (forward.length === 0 && !given.includes(y)) u.invalid(`no node before Gradient makes '${y}'`);
  const nodes = substitute(forward, values, work);
  const now = (name: string): string => values.get(name) ?? name;
  const results = accumulate(nodes, now(y), xs.map(now), work);
  gradient.outputs.forEach((output, i) => {
    if (output !== '') work.made.push(u.make(gradient, 'Identity', [results[i] ?? u.invalid(`Gradient has no output ${i}`)], {}, output));
  });
  return work.made;
};

/**
 * @param graph with nodes in order and in the newest form.
 * @param names all names of the model.
 * @throws FLAGOS_E_MODEL_INVALID for a Gradient node that names values it cannot; FLAGOS_E_MODEL_UNSUPPORTED
 *   where an op on the way has no rule. Gradient nodes inside subgraphs are left: they may name outer values.
 */
export const expandGradients = (graph: Graph, names: Names): Graph => {
  if (!graph.nodes.some(isGradient)) return graph;
  const u = new Rewriter(graph, names);
  const nodes: Node[] = [];
  for (const node of graph.nodes) nodes.push(...(isGradient(node) ? expand(node, nodes, u, names) : [node]));
  return { ...graph, nodes, initializers: u.initializers };
};
