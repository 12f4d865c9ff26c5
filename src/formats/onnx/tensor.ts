/**
 * TensorProto → {@link Tensor}. `raw_data` that lies aligned becomes a view on the file's bytes, so
 * weights are not copied; typed fields are converted. The element count of the shape is held against
 * the data that is there before anything is allocated.
 *
 * Source: onnx.proto, TensorProto (which field holds which element type, packing of 2- and 4-bit types).
 */
import { isFieldSet } from '@bufbuild/protobuf';
import { allocate, dtypeInfo, type DType, type NumericData, type TensorData } from '../../core/dtype.ts';
import { unpackBits } from '../../core/codec.ts';
import { FlagosError } from '../../core/errors.ts';
import { sizeOf, Tensor } from '../../core/tensor.ts';
import { loadExternal, type ExternalData } from './external.ts';
import { TensorProto_DataLocation, TensorProtoSchema, type TensorProto } from './onnx_pb.ts';
import { readDType } from './types.ts';
import { decodeUtf8 } from './wire.ts';

const invalid = (reason: string): never => {
  throw new FlagosError('FLAGOS_E_MODEL_INVALID', reason);
};

/** Dimensions as numbers, and their product. */
export const readDims = (dims: readonly bigint[], what: string): { dims: number[]; count: number } => {
  const out = dims.map((d) => (d < 0n || d > BigInt(Number.MAX_SAFE_INTEGER) ? invalid(`${what} has a dimension of ${d}`) : Number(d)));
  const count = sizeOf(out);
  return Number.isSafeInteger(count) ? { dims: out, count } : invalid(`${what} has more elements than can be counted: [${out.join(', ')}]`);
};

/** Bytes `count` elements take in a file, 2- and 4-bit types packed. */
export const packedBytes = (dtype: DType, count: number): number => Math.ceil((count * dtypeInfo(dtype).bits) / 8);

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Where a tensor's data may come from, and what may be done with the bytes it lies in. */
export interface TensorSource {
  readonly external?: ExternalData | undefined;
  /** The file's bytes are the reader's: unaligned data may be moved within them. */
  readonly consume?: boolean | undefined;
}

/**
 * Unaligned bytes, aligned. In bytes that are ours they move a few places towards the front, over the
 * tag and length that stood before them and are not needed any more; else they are copied.
 */
const align = (bytes: Uint8Array, size: number, inPlace: boolean): Uint8Array => {
  const shift = bytes.byteOffset % size;
  if (shift === 0) return bytes;
  // A tag of one byte, and a length that took a byte for each 7 bits.
  const room = 1 + Math.ceil((32 - Math.clz32(bytes.byteLength)) / 7);
  if (!inPlace || bytes.byteLength >= 2 ** 31 || shift > room) return new Uint8Array(bytes);
  const moved = new Uint8Array(bytes.buffer, bytes.byteOffset - shift, bytes.byteLength + shift);
  moved.copyWithin(0, shift);
  return moved.subarray(0, bytes.byteLength);
};

/** Little-endian elements of a file → storage. */
const storageFromBytes = (dtype: DType, bytes: Uint8Array, count: number, what: string, inPlace: boolean): NumericData => {
  const { storage, lanes, bits, kind } = dtypeInfo(dtype);
  if (!storage) return invalid(`${what} holds strings, which cannot be raw bytes`);
  if (!littleEndian) throw new FlagosError('FLAGOS_E_MODEL_UNSUPPORTED', 'raw tensor data needs a little-endian machine');
  if (bits === 2 || bits === 4) return unpackBits(bytes, bits, count, kind === 'int');
  // A bool is 0 or 1 in memory, whatever the file says.
  if (dtype === 'bool' && bytes.some((b) => b > 1)) return Uint8Array.from(bytes, (b) => (b ? 1 : 0));
  const aligned = align(bytes, storage.BYTES_PER_ELEMENT, inPlace);
  return new storage(aligned.buffer, aligned.byteOffset, count * lanes);
};

/** int32_data holds all types of 32 bits and less, narrow floats as their codes. */
const fromInt32Data = (dtype: DType, values: readonly number[], count: number, what: string): NumericData => {
  const { bits, kind } = dtypeInfo(dtype);
  const low = -(2 ** (bits - 1));
  const high = 2 ** bits - 1;
  const packed = bits < 8;
  for (const v of values) {
    // Both the signed and the unsigned reading of a code are in use.
    if (packed || bits === 32 || (v >= low && v <= high)) continue;
    invalid(`${what} has the element ${v}, which ${dtype} cannot hold`);
  }
  if (bits === 2 || bits === 4) return unpackBits(Uint8Array.from(values), bits, count, kind === 'int');
  const out = allocate(dtype, count) as Exclude<NumericData, BigInt64Array | BigUint64Array>;
  if (dtype === 'bool') for (let i = 0; i < count; i++) out[i] = values[i] ? 1 : 0;
  else out.set(values);
  return out;
};

type Field = 'floatData' | 'int32Data' | 'int64Data' | 'uint64Data' | 'doubleData' | 'stringData';
const typedFields: readonly Field[] = ['floatData', 'int32Data', 'int64Data', 'uint64Data', 'doubleData', 'stringData'];

/** Which typed field of a TensorProto holds a type. */
export const fieldOf = (dtype: DType): Field => {
  switch (dtype) {
    case 'float32':
    case 'complex64':
      return 'floatData';
    case 'float64':
    case 'complex128':
      return 'doubleData';
    case 'int64':
      return 'int64Data';
    case 'uint32':
    case 'uint64':
      return 'uint64Data';
    case 'string':
      return 'stringData';
    default:
      return 'int32Data';
  }
};

const typedData = (proto: TensorProto, dtype: DType, count: number, what: string): TensorData => {
  const field = fieldOf(dtype);
  const { lanes, bits } = dtypeInfo(dtype);
  const expected = bits === 2 || bits === 4 ? packedBytes(dtype, count) : count * lanes;
  const other = typedFields.find((f) => f !== field && proto[f].length > 0);
  if (other) invalid(`${what} is ${dtype}, but its data is in ${other}`);
  if (proto[field].length !== expected) {
    invalid(`${what} is ${dtype}[${proto.dims.join(',')}] and needs ${expected} elements, the file has ${proto[field].length}`);
  }
  switch (field) {
    case 'floatData':
      return Float32Array.from(proto.floatData);
    case 'doubleData':
      return Float64Array.from(proto.doubleData);
    case 'int64Data':
      return BigInt64Array.from(proto.int64Data);
    case 'uint64Data':
      return dtype === 'uint64' ? BigUint64Array.from(proto.uint64Data) : uint32Data(proto.uint64Data, what);
    case 'stringData':
      return proto.stringData.map((bytes, i) => decodeUtf8(bytes) ?? invalid(`element ${i} of ${what} is not UTF-8 text`));
    case 'int32Data':
      return fromInt32Data(dtype, proto.int32Data, count, what);
  }
};

const uint32Data = (values: readonly bigint[], what: string): Uint32Array =>
  Uint32Array.from(values, (v) => (v <= 0xffff_ffffn ? Number(v) : invalid(`${what} has the element ${v}, which uint32 cannot hold`)));

/**
 * @param what for messages: `initializer 'w'`.
 * @throws FLAGOS_E_MODEL_INVALID when type, shape and data do not fit, FLAGOS_E_MODEL_UNSUPPORTED for
 *   element types we do not have, FLAGOS_E_EXTERNAL_DATA.
 */
export const readTensorProto = (proto: TensorProto, what: string, source: TensorSource = {}): Tensor => {
  const dtype = readDType(proto.dataType, what);
  const { dims, count } = readDims(proto.dims, what);
  if (proto.segment) throw new FlagosError('FLAGOS_E_MODEL_UNSUPPORTED', `${what} is stored in segments`);
  const outside = proto.dataLocation === TensorProto_DataLocation.EXTERNAL;
  const inside = isFieldSet(proto, TensorProtoSchema.field.rawData);
  if (outside || inside) {
    const filled = typedFields.find((f) => proto[f].length > 0);
    if (filled) invalid(`${what} has its data twice: in ${filled} and ${outside ? 'an external file' : 'raw_data'}`);
    const expected = dtype === 'string' ? invalid(`${what} holds strings, which cannot be raw bytes`) : packedBytes(dtype, count);
    const bytes = outside ? loadExternal(proto.externalData, expected, source.external) : proto.rawData;
    if (bytes.byteLength !== expected) {
      invalid(`${what} is ${dtype}[${dims.join(',')}] and needs ${expected} bytes, the file has ${bytes.byteLength}`);
    }
    return new Tensor(dtype, dims, storageFromBytes(dtype, bytes, count, what, inside && source.consume === true));
  }
  return new Tensor(dtype, dims, typedData(proto, dtype, count, what));
};
