/** What an upgrade step has to work with: a node's attributes, what is known of its values, and ways to add constants and nodes. */
import type { DType } from '../../../core/dtype.ts';
import { FlagosError } from '../../../core/errors.ts';
import {
  nodeReads,
  tensorType,
  type Attribute,
  type Attributes,
  type Dim,
  type Graph,
  type Node,
  type ValueType,
} from '../../../core/graph.ts';
import { Tensor } from '../../../core/tensor.ts';
import type { Names } from '../names.ts';
import { inferType, type Facts } from './facts.ts';
import { newestVersion } from './versions.ts';

/** An attribute by its plain value: whole numbers are ints, so a float attribute is given as `{ float: 1 }`. */
type Plain = number | string | readonly number[] | { readonly float: number };

const toAttribute = (value: Plain): Attribute => {
  if (typeof value === 'number') return { type: 'int', value };
  if (typeof value === 'string') return { type: 'string', value };
  return 'float' in value ? { type: 'float', value: value.float } : { type: 'ints', value };
};

/** Constants that decide how a node is upgraded are short lists; longer ones are not looked at. */
const fewNumbers = 256;

export class Rewriter implements Facts {
  readonly initializers: Map<string, Tensor>;
  readonly #types = new Map<string, ValueType>();
  readonly #names: Names;
  readonly #outer: Rewriter | undefined;
  readonly #graph: Graph;
  readonly #inputs: ReadonlySet<string>;
  #reads: Set<string> | undefined;

  constructor(graph: Graph, names: Names, outer?: Rewriter) {
    this.#graph = graph;
    this.#names = names;
    this.#outer = outer;
    this.initializers = new Map(graph.initializers);
    this.#inputs = new Set(graph.inputs.map((i) => i.name));
    for (const [name, type] of graph.types) this.#types.set(name, type);
    for (const { name, type } of [...graph.outputs, ...graph.inputs]) if (type) this.#types.set(name, type);
    for (const [name, tensor] of graph.initializers)
      if (!this.#types.has(name)) this.#types.set(name, tensorType(tensor.dtype, tensor.dims));
  }

  type(name: string): ValueType | undefined {
    return this.#types.get(name) ?? this.#outer?.type(name);
  }

  dtype(name: string): DType | undefined {
    const type = this.type(name);
    return type?.kind === 'tensor' ? type.dtype : undefined;
  }

  shape(name: string): readonly Dim[] | undefined {
    const type = this.type(name);
    return type?.kind === 'tensor' ? type.shape : undefined;
  }

  numbers(name: string): readonly number[] | undefined {
    const tensor = this.#constant(name);
    return tensor && tensor.dtype !== 'string' && tensor.size <= fewNumbers ? [...tensor.toNumbers()] : undefined;
  }

  /** Whether `name` is a constant without elements. */
  isEmpty(name: string): boolean {
    return this.#constant(name)?.size === 0;
  }

  /** The value of an initializer nobody can override. */
  #constant(name: string): Tensor | undefined {
    if (this.#inputs.has(name)) return undefined;
    return this.initializers.get(name) ?? (this.#outer && this.#outer.#constant(name));
  }

  /** Remember what a finished node makes. */
  learn(node: Node): void {
    const type = inferType(node, this);
    if (type)
      for (const [i, name] of node.outputs.entries())
        if (name !== '' && !this.#types.has(name) && (i === 0 || node.op === 'Split')) this.#types.set(name, type);
  }

  /** Whether anything reads an output of the graph's original nodes. */
  isRead(name: string): boolean {
    this.#reads ??= new Set([...this.#graph.nodes.flatMap((n) => nodeReads(n)), ...this.#graph.outputs.map((o) => o.name)]);
    return name !== '' && this.#reads.has(name);
  }

  /** An attribute that must be of `type` if it is there. */
  #attr(node: Node, name: string, type: Attribute['type']): Attribute | undefined {
    const attr = Object.hasOwn(node.attrs, name) ? node.attrs[name] : undefined;
    return attr === undefined || attr.type === type ? attr : this.invalid(`attribute '${name}' is of type ${attr.type}, not ${type}`);
  }

  int(node: Node, name: string): number | undefined {
    const attr = this.#attr(node, name, 'int');
    return attr?.type === 'int' ? Number(attr.value) : undefined;
  }

  float(node: Node, name: string): number | undefined {
    const attr = this.#attr(node, name, 'float');
    return attr?.type === 'float' ? attr.value : undefined;
  }

  string(node: Node, name: string): string | undefined {
    const attr = this.#attr(node, name, 'string');
    return attr?.type === 'string' ? attr.value : undefined;
  }

  strings(node: Node, name: string): readonly string[] | undefined {
    const attr = this.#attr(node, name, 'strings');
    return attr?.type === 'strings' ? attr.value : undefined;
  }

  floats(node: Node, name: string): readonly number[] | undefined {
    const attr = this.#attr(node, name, 'floats');
    return attr?.type === 'floats' ? attr.value : undefined;
  }

  ints(node: Node, name: string): readonly (number | bigint)[] | undefined {
    const attr = this.#attr(node, name, 'ints');
    return attr?.type === 'ints' ? attr.value : undefined;
  }

  /** A required list of integers. */
  needInts(node: Node, name: string): readonly (number | bigint)[] {
    return this.ints(node, name) ?? this.invalid(`attribute '${name}' is missing`);
  }

  invalid(reason: string): never {
    throw new FlagosError('FLAGOS_E_MODEL_INVALID', reason);
  }

  unsupported(reason: string, hint?: string): never {
    throw new FlagosError('FLAGOS_E_MODEL_UNSUPPORTED', reason, { hint });
  }

  /** Add a constant; gives its name. */
  add(tensor: Tensor, wanted: string): string {
    this.#names.count(Math.floor(tensor.size / 16));
    const name = this.#names.value(wanted);
    this.initializers.set(name, tensor);
    this.#types.set(name, tensorType(tensor.dtype, tensor.dims));
    return name;
  }

  /** A 1-D int64 constant. */
  int64s(node: Node, values: readonly (number | bigint)[], what: string): string {
    return this.add(Tensor.from('int64', [values.length], values), `${node.name}/${what}`);
  }

  /** A fresh value name. */
  value(node: Node, what: string): string {
    return this.#names.value(`${node.name}/${what}`);
  }

  /** A helper node of `node`, in the newest form of its op, with one output (`output`, or a new value). */
  make(node: Node, op: string, inputs: readonly string[], attrs: Readonly<Record<string, Plain>> = {}, output?: string): Node {
    return {
      name: this.#names.node(`${node.name}/${op}`),
      op,
      domain: '',
      version: newestVersion('', op),
      inputs,
      outputs: [output ?? this.#names.value(`${node.name}/${op}`)],
      attrs: Object.fromEntries(Object.entries(attrs).map(([name, value]) => [name, toAttribute(value)])),
    };
  }

  /**
   * A scalar of the element type of the value `like`: a constant when the type is known, else a constant with a CastLike.
   * @returns its name, and the nodes to put before.
   */
  scalarLike(node: Node, value: number, like: string, what: string): { name: string; nodes: Node[] } {
    const dtype = this.dtype(like);
    const name = this.add(Tensor.scalar(dtype ?? 'float32', value), `${node.name}/${what}`);
    if (dtype) return { name, nodes: [] };
    const cast = this.make(node, 'CastLike', [name, like]);
    return { name: cast.outputs[0]!, nodes: [cast] };
  }

  /** A graph inside the one being rewritten gets a rewriter that sees this one. */
  inside(graph: Graph): Rewriter {
    return new Rewriter(graph, this.#names, this);
  }
}

/** `node` with other attributes: those given are set, `undefined` removes. */
export const withAttrs = (node: Node, changes: Readonly<Record<string, Plain | undefined>>): Node => {
  const attrs = new Map<string, Attribute>(Object.entries(node.attrs));
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) attrs.delete(name);
    else attrs.set(name, toAttribute(value));
  }
  const next: Attributes = Object.fromEntries(attrs);
  return { ...node, attrs: next };
};

/**
 * Brings a node to the next version of its op (several nodes where one does not suffice). Nodes that
 * come back in an older version than the newest are upgraded further.
 */
export type Step = (node: Node, rewriter: Rewriter) => Node | readonly Node[];

/** Steps by op (`Clip`, `ai.onnx.ml.LabelEncoder`) and the version they lead to. Versions without a step only widen types or add defaults. */
export type Steps = Readonly<Record<string, Readonly<Record<number, Step>>>>;
