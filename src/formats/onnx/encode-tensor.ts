/**
 * {@link Tensor} → TensorProto: everything but strings as `raw_data`, 2- and 4-bit types packed.
 * Whole-byte types are views on the tensor's storage, so nothing is copied until the message is written.
 *
 * Source: onnx.proto, TensorProto.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { packBits } from '../../core/codec.ts';
import { dtypeInfo } from '../../core/dtype.ts';
import { bytesOf, type Tensor } from '../../core/tensor.ts';
import { lengthDelimited, type Chunk } from './chunks.ts';
import { TensorProtoSchema, type TensorProto } from './onnx_pb.ts';

const utf8 = new TextEncoder();

export const toTensorProto = (tensor: Tensor, name = ''): TensorProto => {
  const { dtype, data } = tensor;
  const { onnx, bits } = dtypeInfo(dtype);
  const content = Array.isArray(data)
    ? { stringData: data.map((s) => utf8.encode(s)) }
    : { rawData: bits === 2 || bits === 4 ? packBits(data as Int8Array | Uint8Array, bits) : bytesOf(data) };
  return create(TensorProtoSchema, { ...(name === '' ? {} : { name }), dataType: onnx, dims: tensor.dims.map(BigInt), ...content });
};

/** Data below this many bytes is not worth a piece of its own. */
const smallBytes = 4096;

/** A TensorProto in pieces, large data uncopied. */
export const tensorChunks = (tensor: Tensor, name = ''): Chunk[] => {
  const proto = toTensorProto(tensor, name);
  const { rawData } = proto;
  if (rawData.byteLength < smallBytes) return [toBinary(TensorProtoSchema, proto)];
  const head = create(TensorProtoSchema, { ...(name === '' ? {} : { name }), dataType: proto.dataType, dims: proto.dims });
  return [toBinary(TensorProtoSchema, head), ...lengthDelimited(TensorProtoSchema.field.rawData, [rawData])];
};
