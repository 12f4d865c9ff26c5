/**
 * AttributeProto → {@link Attribute}. Graphs are left to the caller, who knows the names around them.
 *
 * Source: onnx.proto, AttributeProto: `type` says which one field is in use.
 */
import { isFieldSet, type DescField } from '@bufbuild/protobuf';
import type { Attribute, Graph } from '../../core/graph.ts';
import { FlagosError } from '../../core/errors.ts';
import type { Tensor } from '../../core/tensor.ts';
import {
  AttributeProto_AttributeType as T,
  AttributeProtoSchema,
  type AttributeProto,
  type GraphProto,
  type SparseTensorProto,
  type TensorProto,
} from './onnx_pb.ts';
import { readType } from './types.ts';
import { decodeUtf8 } from './wire.ts';

/** What reading an attribute needs from its surroundings. */
export interface AttributeReader {
  tensor(proto: TensorProto, what: string): Tensor;
  sparseTensor(proto: SparseTensorProto, what: string): Tensor;
  graph(proto: GraphProto): Graph;
}

const invalid = (reason: string): never => {
  throw new FlagosError('FLAGOS_E_MODEL_INVALID', reason);
};

const { field } = AttributeProtoSchema;
const fieldOfType: ReadonlyMap<T, DescField> = new Map<T, DescField>([
  [T.FLOAT, field.f],
  [T.INT, field.i],
  [T.STRING, field.s],
  [T.TENSOR, field.t],
  [T.GRAPH, field.g],
  [T.SPARSE_TENSOR, field.sparseTensor],
  [T.TYPE_PROTO, field.tp],
  [T.FLOATS, field.floats],
  [T.INTS, field.ints],
  [T.STRINGS, field.strings],
  [T.TENSORS, field.tensors],
  [T.GRAPHS, field.graphs],
  [T.SPARSE_TENSORS, field.sparseTensors],
  [T.TYPE_PROTOS, field.typeProtos],
]);

const kinds: Readonly<Partial<Record<T, Attribute['type']>>> = {
  [T.FLOAT]: 'float',
  [T.INT]: 'int',
  [T.STRING]: 'string',
  [T.TENSOR]: 'tensor',
  [T.SPARSE_TENSOR]: 'tensor',
  [T.GRAPH]: 'graph',
  [T.TYPE_PROTO]: 'type',
  [T.FLOATS]: 'floats',
  [T.INTS]: 'ints',
  [T.STRINGS]: 'strings',
  [T.TENSORS]: 'tensors',
  [T.SPARSE_TENSORS]: 'tensors',
  [T.GRAPHS]: 'graphs',
};

/** Whether an attribute is of the type a reference to it states (old files state none). */
export const fitsReference = (reference: AttributeProto, attribute: Attribute): boolean =>
  reference.type === T.UNDEFINED || kinds[reference.type] === attribute.type;

/** The type in use: the stated one, which no other filled field may contradict; files of IR version 1 state none. */
const typeOf = (proto: AttributeProto, what: string): T => {
  let other: T | undefined;
  for (const [type, f] of fieldOfType) {
    if (type === proto.type || !isFieldSet(proto, f)) continue;
    if (proto.type !== T.UNDEFINED) invalid(`${what} says it is ${T[proto.type]}, but holds ${T[type]}`);
    if (other !== undefined) invalid(`${what} holds both ${T[other]} and ${T[type]}`);
    other = type;
  }
  return proto.type !== T.UNDEFINED ? proto.type : (other ?? invalid(`${what} states no type`));
};

const integer = (value: bigint): number | bigint => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
};

const text = (bytes: Uint8Array, what: string): string => decodeUtf8(bytes) ?? invalid(`${what} is not UTF-8 text`);

/**
 * @param what for messages: `attribute 'axis'`.
 * @throws FLAGOS_E_MODEL_INVALID, FLAGOS_E_MODEL_UNSUPPORTED.
 */
export const readAttribute = (proto: AttributeProto, what: string, reader: AttributeReader): Attribute => {
  const type = typeOf(proto, what);
  const missing = (): never => invalid(`${what} says it is ${T[type]}, but holds nothing`);
  switch (type) {
    case T.FLOAT:
      return { type: 'float', value: proto.f };
    case T.INT:
      return { type: 'int', value: integer(proto.i) };
    case T.STRING:
      return { type: 'string', value: text(proto.s, what) };
    case T.TENSOR:
      return { type: 'tensor', value: reader.tensor(proto.t ?? missing(), what) };
    case T.SPARSE_TENSOR:
      return { type: 'tensor', value: reader.sparseTensor(proto.sparseTensor ?? missing(), what) };
    case T.GRAPH:
      return { type: 'graph', value: reader.graph(proto.g ?? missing()) };
    case T.TYPE_PROTO:
      return { type: 'type', value: readType(proto.tp, what) ?? missing() };
    case T.FLOATS:
      return { type: 'floats', value: proto.floats };
    case T.INTS:
      return { type: 'ints', value: proto.ints.map(integer) };
    case T.STRINGS:
      return { type: 'strings', value: proto.strings.map((s) => text(s, what)) };
    case T.TENSORS:
      return { type: 'tensors', value: proto.tensors.map((t) => reader.tensor(t, what)) };
    case T.SPARSE_TENSORS:
      return { type: 'tensors', value: proto.sparseTensors.map((t) => reader.sparseTensor(t, what)) };
    case T.GRAPHS:
      return { type: 'graphs', value: proto.graphs.map((g) => reader.graph(g)) };
    default:
      throw new FlagosError('FLAGOS_E_MODEL_UNSUPPORTED', `${what} has type ${T[type]}, which is not supported`);
  }
};
