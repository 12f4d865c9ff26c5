/**
 * A model as ops: nodes that pass named values, in single assignment. Framework adapters produce it
 * (with old op forms already upgraded), everything behind them reads it. Graphs are plain data; a
 * transformation makes a new one.
 */
import { dtypeInfo, type DType } from './dtype.ts';
import type { Tensor } from './tensor.ts';
import { FlagosError } from './errors.ts';

/** A dimension: an extent, a named unknown that is the same wherever the name stands, or unknown (null). */
export type Dim = number | string | null;

/** Type of a value; `shape` undefined means not even the rank is known, `dtype` undefined that it is to be inferred. */
export type ValueType =
  | { readonly kind: 'tensor'; readonly dtype: DType; readonly shape?: readonly Dim[] | undefined }
  | { readonly kind: 'sequence'; readonly element: ValueType | undefined }
  | { readonly kind: 'optional'; readonly element: ValueType | undefined }
  | { readonly kind: 'map'; readonly key: DType; readonly element: ValueType | undefined };

export const tensorType = (dtype: DType, shape?: readonly Dim[]): ValueType => ({ kind: 'tensor', dtype, shape });

/** An attribute keeps ONNX's type next to its value: 1 and 1.0 are different attributes. Integers beyond 2^53 are bigints. */
export type Attribute =
  | { readonly type: 'int'; readonly value: number | bigint }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'tensor'; readonly value: Tensor }
  | { readonly type: 'graph'; readonly value: Graph }
  | { readonly type: 'type'; readonly value: ValueType }
  | { readonly type: 'ints'; readonly value: readonly (number | bigint)[] }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'tensors'; readonly value: readonly Tensor[] }
  | { readonly type: 'graphs'; readonly value: readonly Graph[] };

export type Attributes = Readonly<Record<string, Attribute>>;

/** One op call. `''` among inputs or outputs means omitted. */
export interface Node {
  /** Unique in its model, made from the op and its position where the model gives none. */
  readonly name: string;
  /** Op name in `domain` (`''` is ai.onnx). */
  readonly op: string;
  readonly domain: string;
  /** Version of the operator set the attributes and inputs are written in (after upgrading). */
  readonly version: number;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attrs: Attributes;
}

export interface ValueInfo {
  readonly name: string;
  /** Undefined where the model does not say. */
  readonly type: ValueType | undefined;
}

/** A graph or subgraph. A subgraph may read values of the graphs around it by name: {@link captures}. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** Constants by value name. An initializer that is also an input is a default for it. */
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** In topological order. */
  readonly nodes: readonly Node[];
  /** Types the model states for inner values. */
  readonly types: ReadonlyMap<string, ValueType>;
}

/** A whole model, as a framework adapter gives it. */
export interface Model {
  /** For messages: file name or the graph's own name. */
  readonly name: string;
  readonly graph: Graph;
  /** Producer, versions, metadata properties: for people. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** `MatMul`, `com.microsoft.FusedMatMul`: the name of an op over all domains. */
export const opName = (domain: string, op: string): string => (domain === '' || domain === 'ai.onnx' ? op : `${domain}.${op}`);

/** Subgraphs in a node's attributes, with the attribute's name. */
export const subgraphsOf = (node: Node): [string, Graph][] => {
  const found: [string, Graph][] = [];
  for (const [name, attr] of Object.entries(node.attrs)) {
    if (attr.type === 'graph') found.push([name, attr.value]);
    else if (attr.type === 'graphs') for (const g of attr.value) found.push([name, g]);
  }
  return found;
};

const captured = new WeakMap<Graph, readonly string[]>();

/** Names a subgraph reads from the graphs around it (through its own subgraphs too), sorted. */
export const captures = (graph: Graph): readonly string[] => {
  const known = captured.get(graph);
  if (known) return known;
  const defined = new Set<string>([...graph.inputs.map((i) => i.name), ...graph.initializers.keys()]);
  const free = new Set<string>();
  const read = (name: string): void => {
    if (name !== '' && !defined.has(name)) free.add(name);
  };
  for (const node of graph.nodes) {
    for (const name of nodeReads(node)) read(name);
    for (const name of node.outputs) defined.add(name);
  }
  for (const out of graph.outputs) read(out.name);
  const result = [...free].sort();
  captured.set(graph, result);
  return result;
};

/** All values a node needs: its inputs (omitted ones left out) and what its subgraphs capture. */
export const nodeReads = (node: Node): readonly string[] => {
  const subgraphs = subgraphsOf(node);
  if (subgraphs.length === 0) return node.inputs.includes('') ? node.inputs.filter((n) => n !== '') : node.inputs;
  return [...new Set([...node.inputs.filter((n) => n !== ''), ...subgraphs.flatMap(([, g]) => captures(g))])];
};

/**
 * Nodes in an order in which every value is made before it is read.
 * @param available names known before the first node (inputs, initializers, outer values).
 * @throws FLAGOS_E_MODEL_INVALID naming the values of a cycle, a value nobody makes, or a value made twice.
 */
export const topologicalOrder = (nodes: readonly Node[], available: Iterable<string>): Node[] => {
  const outside = new Set(available);
  const maker = new Map<string, number>();
  nodes.forEach((node, i) => {
    for (const out of node.outputs) {
      if (out === '') continue;
      if (maker.has(out) || outside.has(out)) {
        throw new FlagosError('FLAGOS_E_MODEL_INVALID', `value '${out}' is made twice`, { trace: { node: node.name, op: node.op } });
      }
      maker.set(out, i);
    }
  });
  const missing = new Array<number>(nodes.length).fill(0);
  const readers: number[][] = nodes.map(() => []);
  nodes.forEach((node, i) => {
    for (const name of new Set(nodeReads(node))) {
      const from = maker.get(name);
      if (from === undefined) {
        if (outside.has(name)) continue;
        throw new FlagosError('FLAGOS_E_MODEL_INVALID', `value '${name}' is read but nothing makes it`, {
          trace: { node: node.name, op: node.op },
          hint: 'an initializer or a node may be missing from the file',
        });
      }
      readers[from]!.push(i);
      missing[i]!++;
    }
  });
  // Ready nodes leave in file order, so a graph that is already sorted keeps its order.
  const order: Node[] = [];
  const done = new Uint8Array(nodes.length);
  const ready: number[] = [];
  let next = 0;
  const emit = (i: number): void => {
    done[i] = 1;
    order.push(nodes[i]!);
    for (const r of readers[i]!) if (--missing[r]! === 0 && r < next) ready.push(r);
  };
  for (next = 0; next < nodes.length; next++) {
    if (!done[next] && missing[next] === 0) emit(next);
    while (ready.length) emit(ready.pop()!);
  }
  if (order.length !== nodes.length) {
    const stuck = nodes.filter((_, i) => !done[i]);
    throw new FlagosError(
      'FLAGOS_E_MODEL_INVALID',
      `the graph has a cycle through ${stuck
        .slice(0, 5)
        .map((n) => n.name)
        .join(', ')}`,
      {
        trace: { node: stuck[0]!.name, op: stuck[0]!.op },
      },
    );
  }
  return order;
};

/** `float32[1,3,224,224]`, with `?` for unknown dims: for messages. */
export const describeType = (type: ValueType | undefined): string => {
  if (!type) return 'unknown';
  if (type.kind !== 'tensor') return type.kind === 'map' ? `map(${type.key})` : `${type.kind}(${describeType(type.element)})`;
  return type.dtype + (type.shape ? `[${type.shape.map((d) => d ?? '?').join(',')}]` : '[…]');
};

/** The shape if every dimension is a number. */
export const concreteShape = (type: ValueType | undefined): readonly number[] | undefined => {
  if (type?.kind !== 'tensor' || !type.shape) return undefined;
  return type.shape.every((d) => typeof d === 'number') ? (type.shape as readonly number[]) : undefined;
};

/** Bytes of a tensor type with known shape, else undefined. */
export const typeBytes = (type: ValueType | undefined): number | undefined => {
  const shape = concreteShape(type);
  if (!shape || type?.kind !== 'tensor') return undefined;
  return shape.reduce((n, d) => n * d, dtypeInfo(type.dtype).bytes);
};
