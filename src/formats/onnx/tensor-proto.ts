/**
 * Single values in files, as ONNX's test data stores them: TensorProto, SequenceProto, MapProto or
 * OptionalProto, which of them only the model's type for the value tells.
 *
 * Source: onnx-data.proto.
 */
import { create } from '@bufbuild/protobuf';
import { FlagosError } from '../../core/errors.ts';
import type { ValueType } from '../../core/graph.ts';
import { MapValue, Sequence, type Tensor, type Value } from '../../core/tensor.ts';
import { joinChunks } from './chunks.ts';
import { decodeMessage } from './decode.ts';
import { tensorChunks } from './encode-tensor.ts';
import { Budget, defaultLimits } from './limits.ts';
import {
  MapProtoSchema,
  OptionalProto_DataType as O,
  OptionalProtoSchema,
  SequenceProto_DataType as S,
  SequenceProtoSchema,
  type MapProto,
  type OptionalProto,
  type SequenceProto,
} from './onnx_data_pb.ts';
import { TensorProtoSchema, type SparseTensorProto, type TensorProto } from './onnx_pb.ts';
import { readSparseTensor } from './sparse.ts';
import { readTensorProto } from './tensor.ts';
import { readDType } from './types.ts';
import { decodeUtf8 } from './wire.ts';

const invalid = (reason: string): never => {
  throw new FlagosError('FLAGOS_E_MODEL_INVALID', reason);
};

const tensor = (proto: TensorProto): Tensor => readTensorProto(proto, proto.name ? `tensor '${proto.name}'` : 'the tensor');
const sparse = (proto: SparseTensorProto): Tensor => readSparseTensor(proto, 'the sparse tensor', new Budget('denseBytes', defaultLimits));

const sequence = (proto: SequenceProto): Sequence => {
  switch (proto.elemType) {
    // An empty sequence need not say what it holds.
    case S.UNDEFINED:
      return new Sequence([]);
    case S.TENSOR:
      return new Sequence(proto.tensorValues.map(tensor));
    case S.SPARSE_TENSOR:
      return new Sequence(proto.sparseTensorValues.map(sparse));
    case S.SEQUENCE:
      return new Sequence(proto.sequenceValues.map(sequence));
    case S.MAP:
      return new Sequence(proto.mapValues.map(map));
    case S.OPTIONAL:
      return new Sequence(proto.optionalValues.map(optional));
    default:
      return invalid(`a sequence has element kind ${proto.elemType}, which ONNX does not define`);
  }
};

const map = (proto: MapProto): MapValue => {
  const keyType = readDType(proto.keyType, 'the key of a map');
  const keys =
    keyType === 'string' ? proto.stringKeys.map((k) => decodeUtf8(k) ?? invalid('a key of a map is not UTF-8 text')) : proto.keys;
  const items = proto.values ? sequence(proto.values).items : [];
  if (keys.length !== items.length) invalid(`a map has ${keys.length} keys and ${items.length} values`);
  return new MapValue(new Map(keys.map((k, i) => [k, items[i]!])));
};

const optional = (proto: OptionalProto): Value => {
  switch (proto.elemType) {
    case O.TENSOR:
      return proto.tensorValue ? tensor(proto.tensorValue) : null;
    case O.SPARSE_TENSOR:
      return proto.sparseTensorValue ? sparse(proto.sparseTensorValue) : null;
    case O.SEQUENCE:
      return proto.sequenceValue ? sequence(proto.sequenceValue) : null;
    case O.MAP:
      return proto.mapValue ? map(proto.mapValue) : null;
    case O.OPTIONAL:
      return proto.optionalValue ? optional(proto.optionalValue) : null;
    case O.UNDEFINED:
      return null;
    default:
      return invalid(`an optional has element kind ${proto.elemType}, which ONNX does not define`);
  }
};

/**
 * A TensorProto file. Storage is a view on `bytes` where it lies aligned.
 * @throws FLAGOS_E_MODEL_FORMAT, FLAGOS_E_MODEL_INVALID, FLAGOS_E_MODEL_UNSUPPORTED.
 */
export const readTensor = (bytes: Uint8Array): Tensor =>
  // Every field of a TensorProto is optional, but a file of no bytes is more likely a failed copy.
  tensor(decodeMessage(TensorProtoSchema, bytes, 'an ONNX tensor', defaultLimits));

/** An empty sequence or optional is a file of no bytes. */
const decodeOrEmpty = <M>(bytes: Uint8Array, decode: () => M, empty: () => M): M => (bytes.length === 0 ? empty() : decode());

/**
 * A file of one value, of the kind `type` says (a tensor without it).
 * @throws as {@link readTensor}.
 */
export const readValue = (bytes: Uint8Array, type?: ValueType): Value => {
  switch (type?.kind) {
    case undefined:
    case 'tensor':
      return readTensor(bytes);
    case 'sequence':
      return sequence(
        decodeOrEmpty(
          bytes,
          () => decodeMessage(SequenceProtoSchema, bytes, 'an ONNX sequence', defaultLimits),
          () => create(SequenceProtoSchema),
        ),
      );
    case 'optional':
      return optional(
        decodeOrEmpty(
          bytes,
          () => decodeMessage(OptionalProtoSchema, bytes, 'an ONNX optional', defaultLimits),
          () => create(OptionalProtoSchema),
        ),
      );
    case 'map':
      return map(decodeMessage(MapProtoSchema, bytes, 'an ONNX map', defaultLimits));
  }
};

/**
 * A tensor as a TensorProto file.
 * @throws FLAGOS_E_LIMIT when the file would pass protobuf's 2 GiB.
 */
export const writeTensor = (value: Tensor, name?: string): Uint8Array => joinChunks(tensorChunks(value, name));
