/**
 * Specialization: a graph with the types (and some values) of its inputs known → the nodes that are
 * left to run, with everything known about every value. Shapes are inferred, whatever is constant is
 * folded (shape arithmetic above all), branches whose condition is constant are taken, nodes nobody
 * needs are dropped. What depends on data stays unknown; the planner cuts there.
 */
import { concreteShape, subgraphsOf, type Graph, type Node, type ValueType } from '../core/graph.ts';
import { FlagosError } from '../core/errors.ts';
import { Tensor } from '../core/tensor.ts';
import { bindNode, inferTypes, type Arg, type BoundNode } from '../ops/bind.ts';
import type { OpSet } from '../ops/registry.ts';
import { fold, type Folded } from './fold.ts';
import { addOwnNames, alive } from './names.ts';
import { inlineBranch, renameAttrs } from './inline.ts';

/** A node with what is known of it. */
export interface SpecialNode {
  readonly node: Node;
  /** Undefined for ops without a record. */
  readonly bound: BoundNode | undefined;
  readonly args: readonly Arg[];
  readonly outputs: readonly (ValueType | undefined)[];
  /** Whether more will be known of its inputs later: a shape, or contents that decide shapes. */
  readonly waits: boolean;
}

const waitsFor = (node: Node, bound: BoundNode | undefined, args: readonly Arg[]): boolean =>
  node.inputs.some((name, i) => {
    if (name === '') return false;
    const { type, value } = args[i]!;
    const inputs = bound?.record.inputs;
    if (inputs?.[Math.min(i, inputs.length - 1)]?.role === 'value') return value === undefined;
    return type === undefined || (type.kind === 'tensor' && concreteShape(type) === undefined);
  });

export interface Specialized {
  readonly nodes: readonly SpecialNode[];
  /** Names of the graph's outputs after folding and aliasing: a constant, an input, or a node's output. */
  readonly outputs: readonly string[];
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly types: ReadonlyMap<string, ValueType>;
  /** Nodes that were folded, by name: for explain. */
  readonly folded: readonly string[];
  /** Values whose type is the model's word alone. */
  readonly stated: ReadonlySet<string>;
}

export interface SpecializeOptions {
  readonly ops: OpSet;
  /** Whether the model is believed where it states a shape that cannot be inferred. */
  readonly trusting?: boolean;
  /** A folded value may be at most this large (bytes), unless it is smaller than what it was made from. */
  readonly foldBytes?: number;
}

const FOLD_BYTES = 1 << 16;

class Specializer {
  readonly constants = new Map<string, Tensor>();
  readonly types = new Map<string, ValueType>();
  readonly nodes: SpecialNode[] = [];
  readonly folded: string[] = [];
  readonly stated = new Set<string>();
  readonly #alias = new Map<string, string>();
  /** What the model says of inner values: of this graph, then of each branch that is taken into it. */
  readonly #declared: Graph['types'][];
  /** Names subgraphs give to values of their own. */
  readonly #inner = new Set<string>();
  readonly #ops: OpSet;
  readonly #trusting: boolean;
  readonly #foldBytes: number;
  readonly #keep: ReadonlySet<string>;

  constructor(graph: Graph, known: ReadonlyMap<string, Arg>, keep: ReadonlySet<string>, options: SpecializeOptions) {
    this.#declared = [graph.types];
    this.#ops = options.ops;
    this.#trusting = options.trusting ?? true;
    this.#foldBytes = options.foldBytes ?? FOLD_BYTES;
    this.#keep = keep;
    for (const node of graph.nodes) for (const [, g] of subgraphsOf(node)) addOwnNames(g, this.#inner);
    for (const [name, tensor] of graph.initializers) if (!known.has(name)) this.#constant(name, tensor);
    for (const [name, arg] of known) {
      if (arg.value) this.#constant(name, arg.value);
      else if (arg.type) this.types.set(name, arg.type);
    }
  }

  resolve(name: string): string {
    return this.#alias.get(name) ?? name;
  }

  #constant(name: string, tensor: Tensor): void {
    this.constants.set(name, tensor);
    this.types.set(name, { kind: 'tensor', dtype: tensor.dtype, shape: tensor.dims });
  }

  #arg(name: string): Arg {
    return name === '' ? { type: undefined } : { type: this.types.get(name), value: this.constants.get(name) };
  }

  run(nodes: readonly Node[]): void {
    for (const original of nodes) {
      const rename = (n: string): string => this.resolve(n);
      const node: Node = { ...original, inputs: original.inputs.map(rename), attrs: renameAttrs(original, rename) };
      const record = this.#ops.find(node.domain, node.op);
      if (!record)
        this.#add(
          node,
          undefined,
          node.inputs.map((n) => this.#arg(n)),
          [],
        );
      else this.#known(node, bindNode(record, node));
    }
  }

  /** What the model says of a value: its word for it. */
  #statedType(name: string): ValueType | undefined {
    const type = this.#declared.find((types) => types.has(name))?.get(name);
    return type?.kind === 'tensor' && !this.#trusting ? { kind: 'tensor', dtype: type.dtype } : type;
  }

  /** Adds a node, with the types of its outputs: inferred, or else as the model states them. */
  #add(node: Node, bound: BoundNode | undefined, args: readonly Arg[], inferred: readonly (ValueType | undefined)[]): void {
    const outputs = node.outputs.map((name, i) => {
      const type = inferred[i] ?? (name === '' ? undefined : this.#statedType(name));
      if (name !== '' && type) this.types.set(name, type);
      if (type && !inferred[i]) this.stated.add(name);
      return type;
    });
    this.nodes.push({ node, bound, args, outputs, waits: waitsFor(node, bound, args) });
  }

  #known(node: Node, bound: BoundNode): void {
    const args = node.inputs.map((n) => this.#arg(n));
    if (this.#forwards(node, bound) || this.#branches(node, args)) return;
    const folded = fold(bound, args, this.#foldBytes);
    if (folded) this.#constants(node, folded);
    else this.#add(node, bound, args, inferTypes(bound, args));
  }

  /** Identity passes its input on under another name, unless that name is what the graph's user reads. */
  #forwards(node: Node, { record }: BoundNode): boolean {
    const [from, to] = [node.inputs[0], node.outputs[0]];
    // Renamed where a subgraph reads it, it would mean that subgraph's own value of the name.
    if (record.name !== 'Identity' || record.domain !== '' || !from || !to || this.#keep.has(to) || this.#inner.has(from)) return false;
    this.#alias.set(to, from);
    return true;
  }

  /** `If` with a constant condition becomes the branch that is taken. */
  #branches(node: Node, args: readonly Arg[]): boolean {
    if (node.op !== 'If' || node.domain !== '') return false;
    const cond = args[0]?.value;
    if (!cond || cond.size !== 1) return false;
    const branch = node.attrs[cond.data[0] ? 'then_branch' : 'else_branch'];
    // A branch that does not fit its node is left to be refused as a user's error where it would run.
    if (branch?.type !== 'graph' || branch.value.inputs.length > 0 || branch.value.outputs.length < node.outputs.length) return false;
    const inlined = inlineBranch(node, branch.value);
    this.#declared.push(inlined.types);
    for (const [name, tensor] of inlined.initializers) this.#constant(name, tensor);
    this.run(inlined.nodes);
    this.folded.push(node.name);
    node.outputs.forEach((o, i) => {
      if (o === '') return;
      const from = this.resolve(inlined.outputs[i]!);
      if (this.#keep.has(o) || this.#inner.has(from))
        this.run([{ name: `${node.name}/output_${i}`, op: 'Identity', domain: '', version: 14, inputs: [from], outputs: [o], attrs: {} }]);
      else this.#alias.set(o, from);
    });
    return true;
  }

  #constants(node: Node, values: Folded): void {
    values.forEach((v, i) => v instanceof Tensor && node.outputs[i] && this.#constant(node.outputs[i]!, v));
    this.folded.push(node.name);
  }
}

/**
 * @param known types and, where known, values of the graph's inputs and of outer values it captures.
 * @throws user errors (FLAGOS_E_SHAPE, FLAGOS_E_DTYPE, …) for what no kernel could run.
 */
export const specialize = (graph: Graph, known: ReadonlyMap<string, Arg>, options: SpecializeOptions): Specialized => {
  const names = graph.outputs.map((o) => o.name);
  const keep = new Set(names);
  const specializer = new Specializer(graph, known, keep, options);
  specializer.run(alive(graph.nodes, names));
  const outputs = names.map((n) => specializer.resolve(n));
  for (const name of outputs) {
    if (!specializer.types.has(name) && !specializer.nodes.some((n) => n.node.outputs.includes(name)) && !known.has(name)) {
      throw new FlagosError('FLAGOS_E_MODEL_INVALID', `output '${name}' is made by no node`);
    }
  }
  // Folding may have left nodes whose outputs nobody reads any more.
  const live = new Set(
    alive(
      specializer.nodes.map((n) => n.node),
      outputs,
    ),
  );
  return {
    nodes: specializer.nodes.filter((n) => live.has(n.node)),
    outputs,
    constants: specializer.constants,
    types: specializer.types,
    folded: specializer.folded,
    stated: specializer.stated,
  };
};
