/**
 * The ONNX writer: a {@link Graph} → the bytes of a model file. Used to hand regions to a vendor that
 * reads ONNX, and by tools. Weights are written once, straight into the result.
 */
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { FlagosError } from '../../core/errors.ts';
import { opName, subgraphsOf, type Attribute, type Graph, type Node } from '../../core/graph.ts';
import { joinChunks, lengthDelimited, type Chunk } from './chunks.ts';
import { tensorChunks, toTensorProto } from './encode-tensor.ts';
import { toTypeProto, toValueInfo } from './encode-type.ts';
import {
  AttributeProto_AttributeType as T,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  type AttributeProto,
  type GraphProto,
  type NodeProto,
} from './onnx_pb.ts';

export interface WritableModel {
  readonly graph: Graph;
  readonly name: string;
  /** Operator set versions by domain; '' is ai.onnx. Every domain a node uses must be here. */
  readonly opsets: Readonly<Record<string, number>>;
  /** Default: the lowest that knows the model's ai.onnx version, and at least 8. */
  readonly irVersion?: number;
}

const utf8 = new TextEncoder();

/** IR version that came with each ai.onnx version (onnx.helper.VERSION_TABLE). */
const irVersionFor = (opset: number): number => {
  const since = [
    [28, 14],
    [25, 13],
    [24, 12],
    [23, 11],
    [21, 10],
    [19, 9],
  ].find(([v]) => opset >= v!);
  return since ? since[1]! : 8;
};

const toAttribute = (name: string, attr: Attribute): AttributeProto => {
  const make = (type: T, value: MessageInitShape<typeof AttributeProtoSchema>): AttributeProto =>
    create(AttributeProtoSchema, { name, type, ...value });
  switch (attr.type) {
    case 'int':
      return make(T.INT, { i: BigInt(attr.value) });
    case 'float':
      return make(T.FLOAT, { f: Math.fround(attr.value) });
    case 'string':
      return make(T.STRING, { s: utf8.encode(attr.value) });
    case 'tensor':
      return make(T.TENSOR, { t: toTensorProto(attr.value) });
    case 'graph':
      return make(T.GRAPH, { g: toGraph(attr.value) });
    case 'type':
      return make(T.TYPE_PROTO, { tp: toTypeProto(attr.value) });
    case 'ints':
      return make(T.INTS, { ints: attr.value.map(BigInt) });
    case 'floats':
      return make(T.FLOATS, { floats: attr.value.map(Math.fround) });
    case 'strings':
      return make(T.STRINGS, { strings: attr.value.map((s) => utf8.encode(s)) });
    case 'tensors':
      return make(T.TENSORS, { tensors: attr.value.map((t) => toTensorProto(t)) });
    case 'graphs':
      return make(T.GRAPHS, { graphs: attr.value.map(toGraph) });
  }
};

const toNode = (node: Node): NodeProto =>
  create(NodeProtoSchema, {
    name: node.name,
    opType: node.op,
    ...(node.domain === '' ? {} : { domain: node.domain }),
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: Object.entries(node.attrs).map(([name, attr]) => toAttribute(name, attr)),
  });

const graphFrame = (graph: Graph): GraphProto => {
  const stated = new Set([...graph.inputs, ...graph.outputs].map((v) => v.name));
  return create(GraphProtoSchema, {
    name: graph.name || 'graph',
    node: graph.nodes.map(toNode),
    input: graph.inputs.map(toValueInfo),
    output: graph.outputs.map(toValueInfo),
    valueInfo: [...graph.types].filter(([name]) => !stated.has(name)).map(([name, type]) => toValueInfo({ name, type })),
  });
};

const toGraph = (graph: Graph): GraphProto => {
  const proto = graphFrame(graph);
  proto.initializer = [...graph.initializers].map(([name, tensor]) => toTensorProto(tensor, name));
  return proto;
};

const checkDomains = (graph: Graph, opsets: WritableModel['opsets']): void => {
  for (const node of graph.nodes) {
    if (opsets[node.domain] === undefined) {
      throw new FlagosError(
        'FLAGOS_E_USAGE',
        `${opName(node.domain, node.op)} needs a version for the domain '${node.domain || 'ai.onnx'}' in \`opsets\``,
        {
          trace: { node: node.name },
        },
      );
    }
    for (const [, inner] of subgraphsOf(node)) checkDomains(inner, opsets);
  }
};

/**
 * The model as a file. Nodes are written as they are: their forms must be those of `opsets`.
 * @throws FLAGOS_E_USAGE when a node's domain has no version, FLAGOS_E_LIMIT when the file would pass protobuf's 2 GiB.
 */
export const writeModel = (model: WritableModel): Uint8Array => {
  const { graph, opsets, name } = model;
  checkDomains(graph, opsets);
  const head = create(ModelProtoSchema, {
    irVersion: BigInt(model.irVersion ?? irVersionFor(opsets[''] ?? 0)),
    producerName: 'flagos',
    opsetImport: Object.entries(opsets).map(([domain, version]) => ({ domain, version: BigInt(version) })),
  });
  const frame = graphFrame(graph);
  frame.name = name || frame.name;
  const graphChunks: Chunk[] = [toBinary(GraphProtoSchema, frame)];
  for (const [key, tensor] of graph.initializers)
    graphChunks.push(...lengthDelimited(GraphProtoSchema.field.initializer, tensorChunks(tensor, key)));
  return joinChunks([toBinary(ModelProtoSchema, head), ...lengthDelimited(ModelProtoSchema.field.graph, graphChunks)]);
};
