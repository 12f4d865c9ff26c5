/** GraphProto → {@link Graph}, with the graphs inside it. */
import { FlagosError } from '../../core/errors.ts';
import { nodeReads, topologicalOrder, type Graph, type Node, type ValueInfo } from '../../core/graph.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Body, ImportContext, Place } from './context.ts';
import { Scope } from './names.ts';
import { readNode } from './node.ts';
import type { GraphProto } from './onnx_pb.ts';
import { readValueInfo } from './types.ts';

const invalid = (reason: string): never => {
  throw new FlagosError('FLAGOS_E_MODEL_INVALID', reason);
};

/** Initializers under the names the file gives them. */
const readInitializers = (ctx: ImportContext, proto: GraphProto): Map<string, Tensor> => {
  const found = new Map<string, Tensor>();
  const add = (name: string, tensor: () => Tensor): void => {
    if (name === '') invalid('an initializer has no name');
    if (found.has(name)) invalid(`initializer '${name}' is given twice`);
    found.set(name, tensor());
  };
  for (const t of proto.initializer) add(t.name, () => ctx.tensor(t, `initializer '${t.name}'`));
  for (const s of proto.sparseInitializer) {
    const name = s.values?.name ?? '';
    add(name, () => ctx.sparseTensor(s, `sparse initializer '${name}'`));
  }
  return found;
};

/** Every name the graph itself defines, before any node is read: nodes may stand in any order in the file. */
const defineNames = (ctx: ImportContext, proto: GraphProto, initializers: Iterable<string>, scope: Scope, prefix: string): void => {
  const define = (name: string): void => scope.define(name, ctx.names.value(prefix + name));
  for (const { name } of proto.input) {
    if (name === '') invalid('a graph input has no name');
    define(name);
  }
  // An initializer may have an input's name: it is the input's default.
  const inputs = new Set(proto.input.map((i) => i.name));
  for (const name of initializers) if (!inputs.has(name)) define(name);
  for (const node of proto.node) for (const name of node.output) if (name !== '') define(name);
};

/** Nodes in order. What a subgraph reads from outside was found when names were resolved, so it counts as there. */
const sorted = (body: Body, inputs: readonly ValueInfo[]): Node[] => {
  const made = new Set(body.nodes.flatMap((n) => n.outputs));
  const outside = body.nodes.flatMap((n) => nodeReads(n)).filter((name) => !made.has(name));
  return topologicalOrder(body.nodes, [...inputs.map((i) => i.name), ...body.initializers.keys(), ...outside]);
};

/**
 * @param outer where the graph stands: the place of the node that holds it, or the model's own.
 * @param constants initializers that are also inputs are constants, not defaults (files before IR version 4).
 * @throws FLAGOS_E_MODEL_INVALID, FLAGOS_E_MODEL_UNSUPPORTED, FLAGOS_E_EXTERNAL_DATA.
 */
export const readGraph = (ctx: ImportContext, proto: GraphProto, outer: Place, constants = false): Graph => {
  const place: Place = { ...outer, scope: new Scope(outer.scope), depth: outer.depth + 1 };
  ctx.enter(place.depth, `graph '${proto.name}'`);
  ctx.names.count(proto.valueInfo.length + proto.initializer.length + proto.output.length);
  const { scope } = place;
  const initializers = readInitializers(ctx, proto);
  defineNames(ctx, proto, initializers.keys(), scope, place.prefix);
  const unique = (name: string): string => scope.resolve(name)!;
  const body: Body = { nodes: [], initializers: new Map([...initializers].map(([name, t]) => [unique(name), t])), types: new Map() };
  proto.node.forEach((node, i) => readNode(ctx, node, i, place, body));
  for (const info of proto.valueInfo) {
    const type = scope.has(info.name) ? readValueInfo(info, 'value') : undefined;
    if (type) body.types.set(unique(info.name), type);
  }
  const inputs = proto.input
    .filter((i) => !(constants && initializers.has(i.name)))
    .map((i) => ({ name: unique(i.name), type: readValueInfo(i, 'input') }));
  const outputs = proto.output.map((o) => ({
    name: scope.resolve(o.name) || invalid(`output '${o.name}' of graph '${proto.name}' is made by nothing`),
    type: readValueInfo(o, 'output'),
  }));
  return { name: proto.name, inputs, outputs, initializers: body.initializers, nodes: sorted(body, inputs), types: body.types };
};
