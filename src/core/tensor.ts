/**
 * Tensors on the host: an element type, a shape, and dense row-major storage, nothing else.
 * Values a graph passes around are tensors, sequences of values, maps, or nothing (an empty optional).
 */
import { allocate, dtypeInfo, isBigInt, type DType, type NumericData, type TensorData } from './dtype.ts';
import { floatCodec } from './codec.ts';
import { FlagosError } from './errors.ts';

/** Number of elements of a shape; 1 for a scalar. */
export const sizeOf = (dims: readonly number[]): number => {
  let n = 1;
  for (let i = 0; i < dims.length; i++) n *= dims[i]!;
  return n;
};

/** Row-major strides, in elements. */
export const stridesOf = (dims: readonly number[]): number[] => {
  const strides = new Array<number>(dims.length);
  for (let i = dims.length - 1, s = 1; i >= 0; i--) {
    strides[i] = s;
    s *= dims[i]!;
  }
  return strides;
};

export class Tensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: TensorData;

  /**
   * @param data dense row-major elements in the storage type of `dtype` (codes for float16 and narrower).
   * @throws FLAGOS_E_SHAPE if the number of elements is not the product of `dims`, FLAGOS_E_DTYPE if the storage is of another type.
   */
  constructor(dtype: DType, dims: readonly number[], data: TensorData) {
    const { storage, lanes } = dtypeInfo(dtype);
    if (storage ? !(data instanceof storage) : !Array.isArray(data)) {
      throw new FlagosError('FLAGOS_E_DTYPE', `${dtype} data must be ${storage ? storage.name : 'an array of strings'}, not ${data.constructor.name}`);
    }
    if (data.length !== sizeOf(dims) * lanes) {
      throw new FlagosError('FLAGOS_E_SHAPE', `shape [${dims.join(', ')}] needs ${sizeOf(dims) * lanes} elements, the data has ${data.length}`);
    }
    this.dtype = dtype;
    this.dims = dims;
    this.data = data;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.dims);
  }

  /** Bytes of the storage; 0 for strings. */
  get byteLength(): number {
    return Array.isArray(this.data) ? 0 : this.data.byteLength;
  }

  /** A zeroed tensor. */
  static zeros(dtype: DType, dims: readonly number[]): Tensor {
    return new Tensor(dtype, dims, allocate(dtype, sizeOf(dims)));
  }

  /** From plain values: numbers are rounded to the type (to nearest, ties to even); integers must fit. Not for complex. */
  static from(dtype: DType, dims: readonly number[], values: ArrayLike<number | bigint | boolean | string>): Tensor {
    const data = allocate(dtype, sizeOf(dims));
    if (values.length !== sizeOf(dims)) {
      throw new FlagosError('FLAGOS_E_SHAPE', `shape [${dims.join(', ')}] needs ${sizeOf(dims)} values, got ${values.length}`);
    }
    if (Array.isArray(data)) for (let i = 0; i < data.length; i++) data[i] = String(values[i]);
    else {
      const encode = floatCodec(dtype)?.encode ?? ((v: number) => v);
      const big = isBigInt(dtype);
      const out = data as { [i: number]: number | bigint };
      for (let i = 0; i < data.length; i++) out[i] = big ? BigInt(values[i] as bigint) : encode(Number(values[i]));
    }
    return new Tensor(dtype, dims, data);
  }

  static scalar(dtype: DType, value: number | bigint | boolean | string): Tensor {
    return Tensor.from(dtype, [], [value]);
  }

  /** The same elements under another shape (shares storage). */
  reshaped(dims: readonly number[]): Tensor {
    return new Tensor(this.dtype, dims, this.data);
  }

  /** A tensor with its own storage. */
  clone(): Tensor {
    return new Tensor(this.dtype, this.dims, this.data.slice());
  }

  /** Elements as numbers: narrow floats decoded, bigints converted (rounding beyond 2^53). Not for strings and complex. */
  toNumbers(): Float64Array {
    const { data, dtype } = this;
    if (Array.isArray(data)) throw new FlagosError('FLAGOS_E_DTYPE', 'strings are not numbers');
    const table = floatCodec(dtype)?.table;
    const out = new Float64Array(data.length);
    for (let i = 0; i < data.length; i++) out[i] = table ? table[data[i] as number]! : Number(data[i]);
    return out;
  }

  /** Elements as JavaScript values, exact: bigints for 64-bit integers, booleans for bool, strings. */
  toValues(): (number | bigint | boolean | string)[] {
    const { data, dtype } = this;
    if (Array.isArray(data)) return [...data];
    if (isBigInt(dtype)) return Array.from(data as BigInt64Array);
    return Array.from(this.toNumbers(), (v) => (dtype === 'bool' ? v !== 0 : v));
  }
}

/** An ordered list of values of one type. */
export class Sequence {
  constructor(readonly items: readonly Value[]) {}
}

/** ai.onnx.ml maps: keys are int64 or strings. */
export class MapValue {
  constructor(readonly entries: ReadonlyMap<bigint | string, Value>) {}
}

/** What an edge of a graph carries at run time; `null` is an optional that holds nothing. */
export type Value = Tensor | Sequence | MapValue | null;

/** Raw bytes of numeric storage, without copying. */
export const bytesOf = (data: NumericData): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** One line for messages: `float32[2,3]`. */
export const describeValue = (value: Value): string => {
  if (value === null) return 'empty optional';
  if (value instanceof Tensor) return `${value.dtype}[${value.dims.join(',')}]`;
  return value instanceof Sequence ? `sequence of ${value.items.length}` : `map of ${value.entries.size}`;
};
