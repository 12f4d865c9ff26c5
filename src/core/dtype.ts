/**
 * Element types: all of ONNX's, under the names onnxruntime's JavaScript API uses.
 *
 * In memory every element takes a whole number of bytes: 2- and 4-bit types are kept one element a
 * byte (ONNX packs them in files only), bool is a byte of 0 or 1, complex is two floats side by side.
 * Source: ONNX IR, `TensorProto.DataType`.
 */
import { FlagosError } from './errors.ts';

export type DType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'float8e4m3fn'
  | 'float8e4m3fnuz'
  | 'float8e5m2'
  | 'float8e5m2fnuz'
  | 'float8e8m0'
  | 'float4e2m1'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'int4'
  | 'uint4'
  | 'int2'
  | 'uint2'
  | 'bool'
  | 'string'
  | 'complex64'
  | 'complex128';

/** What arithmetic an element type takes part in. */
export type DTypeKind = 'float' | 'int' | 'uint' | 'bool' | 'string' | 'complex';

export type NumericData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;
/** The storage of a tensor on the host. */
export type TensorData = NumericData | string[];

interface NumericDataConstructor {
  new (length: number): NumericData;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): NumericData;
  readonly BYTES_PER_ELEMENT: number;
}

/** One element type, as data. */
export interface DTypeInfo {
  readonly dtype: DType;
  /** `TensorProto.DataType` number. */
  readonly onnx: number;
  readonly kind: DTypeKind;
  /** Bits of information in one element (4 for int4), 0 for strings. */
  readonly bits: number;
  /** Bytes one element takes in memory, 0 for strings. */
  readonly bytes: number;
  /** Typed array that stores it; undefined for strings. */
  readonly storage: NumericDataConstructor | undefined;
  /** Storage elements per element: 2 for complex. */
  readonly lanes: 1 | 2;
}

const row = (dtype: DType, onnx: number, kind: DTypeKind, bits: number, storage?: NumericDataConstructor, lanes: 1 | 2 = 1): DTypeInfo => ({
  dtype,
  onnx,
  kind,
  bits,
  bytes: (storage?.BYTES_PER_ELEMENT ?? 0) * lanes,
  storage,
  lanes,
});

const rows: readonly DTypeInfo[] = [
  row('float32', 1, 'float', 32, Float32Array),
  row('uint8', 2, 'uint', 8, Uint8Array),
  row('int8', 3, 'int', 8, Int8Array),
  row('uint16', 4, 'uint', 16, Uint16Array),
  row('int16', 5, 'int', 16, Int16Array),
  row('int32', 6, 'int', 32, Int32Array),
  row('int64', 7, 'int', 64, BigInt64Array),
  row('string', 8, 'string', 0),
  row('bool', 9, 'bool', 8, Uint8Array),
  row('float16', 10, 'float', 16, Uint16Array),
  row('float64', 11, 'float', 64, Float64Array),
  row('uint32', 12, 'uint', 32, Uint32Array),
  row('uint64', 13, 'uint', 64, BigUint64Array),
  row('complex64', 14, 'complex', 64, Float32Array, 2),
  row('complex128', 15, 'complex', 128, Float64Array, 2),
  row('bfloat16', 16, 'float', 16, Uint16Array),
  row('float8e4m3fn', 17, 'float', 8, Uint8Array),
  row('float8e4m3fnuz', 18, 'float', 8, Uint8Array),
  row('float8e5m2', 19, 'float', 8, Uint8Array),
  row('float8e5m2fnuz', 20, 'float', 8, Uint8Array),
  row('uint4', 21, 'uint', 4, Uint8Array),
  row('int4', 22, 'int', 4, Int8Array),
  row('float4e2m1', 23, 'float', 4, Uint8Array),
  row('float8e8m0', 24, 'float', 8, Uint8Array),
  row('uint2', 25, 'uint', 2, Uint8Array),
  row('int2', 26, 'int', 2, Int8Array),
];

const byName: ReadonlyMap<string, DTypeInfo> = new Map(rows.map((r) => [r.dtype, r]));
const byOnnx: ReadonlyMap<number, DTypeInfo> = new Map(rows.map((r) => [r.onnx, r]));

/** Every element type, in ONNX's order. */
export const dtypes: readonly DType[] = rows.map((r) => r.dtype);

/** The facts of one element type. */
export const dtypeInfo = (dtype: DType): DTypeInfo => byName.get(dtype)!;

/** Whether a string names an element type. */
export const isDType = (name: string): name is DType => byName.has(name);

/** `TensorProto.DataType` number → element type; undefined for 0 (UNDEFINED) and numbers ONNX does not define. */
export const dtypeFromOnnx = (onnx: number): DType | undefined => byOnnx.get(onnx)?.dtype;

export const isFloat = (dtype: DType): boolean => dtypeInfo(dtype).kind === 'float';
export const isInteger = (dtype: DType): boolean => {
  const { kind } = dtypeInfo(dtype);
  return kind === 'int' || kind === 'uint';
};
/** int64 and uint64, whose elements are JavaScript bigints. */
export const isBigInt = (dtype: DType): boolean => dtype === 'int64' || dtype === 'uint64';

/** Inclusive range of an integer (or bool) type; bigints only for the 64-bit ones, where numbers would round. */
export const integerRange = (dtype: DType): readonly [bigint, bigint] => {
  const { kind, bits } = dtypeInfo(dtype);
  if (kind === 'bool') return [0n, 1n];
  return kind === 'uint' ? [0n, (1n << BigInt(bits)) - 1n] : [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n];
};

/** Most strings one tensor may hold: an array of references costs memory before it holds anything. */
const LARGEST_STRINGS = 2 ** 26;

/** Bytes from which clearing memory is worth sparing. */
const LARGE = 65_536;

/** Node's way to memory that is not cleared; other JavaScript engines have none. */
const { Buffer: NodeBuffer } = globalThis as { readonly Buffer?: { allocUnsafeSlow(bytes: number): Uint8Array<ArrayBuffer> } };

/** New storage for `count` elements whose contents are anything: for what is overwritten whole before anybody reads it. */
export const allocateUncleared = (dtype: DType, count: number): TensorData => {
  const { storage, lanes } = dtypeInfo(dtype);
  const length = count * lanes;
  const bytes = storage ? length * storage.BYTES_PER_ELEMENT : 0;
  if (!storage || !NodeBuffer || bytes < LARGE) return allocate(dtype, count);
  return new storage(NodeBuffer.allocUnsafeSlow(bytes).buffer, 0, length);
};

/**
 * New zeroed storage for `count` elements (empty strings for `string`).
 * @throws FLAGOS_E_LIMIT if the platform has no array, or not the memory, for so many.
 */
export const allocate = (dtype: DType, count: number): TensorData => {
  const { storage, lanes } = dtypeInfo(dtype);
  try {
    if (storage) return new storage(count * lanes);
    if (count <= LARGEST_STRINGS) return new Array<string>(count).fill('');
  } catch (e) {
    if (!(e instanceof RangeError)) throw e;
  }
  throw new FlagosError('FLAGOS_E_LIMIT', `cannot hold ${count} elements of ${dtype}`);
};
