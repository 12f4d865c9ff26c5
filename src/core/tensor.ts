/**
 * Tensors on the host: an element type, a shape, and dense row-major storage, nothing else.
 * Values a graph passes around are tensors, sequences of values, maps, or nothing (an empty optional).
 */
import { allocate, allocateUncleared, dtypeInfo, integerRange, isBigInt, type DType, type NumericData, type TensorData } from './dtype.ts';
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

/** @throws FLAGOS_E_SHAPE unless every extent is a non-negative integer. */
const checkDims = (dims: readonly number[]): void => {
  for (const d of dims)
    if (!Number.isSafeInteger(d) || d < 0) throw new FlagosError('FLAGOS_E_SHAPE', `[${dims.join(', ')}] is not a shape`);
};

/** A value as an integer of a type. @throws FLAGOS_E_VALUE if it is no integer, or does not fit. */
const toInteger = (value: number | bigint | boolean | string, dtype: DType, [lo, hi]: readonly [bigint, bigint]): bigint => {
  if (typeof value === 'bigint' || typeof value === 'boolean' || Number.isInteger(value)) {
    const n = BigInt(value);
    if (n >= lo && n <= hi) return n;
  }
  throw new FlagosError('FLAGOS_E_VALUE', `${typeof value === 'string' ? `'${value}'` : value} is not a value of ${dtype}`);
};

/**
 * Two copies of this library in one program (an application's and a plugin's) must take each other's
 * tensors, so `instanceof` asks for a mark that all copies share instead of for one copy's class.
 */
const isMarked = (x: unknown, mark: symbol): boolean => typeof x === 'object' && x !== null && mark in x;
const TENSOR = Symbol.for('flagos/tensor');
const SEQUENCE = Symbol.for('flagos/sequence');
const MAP = Symbol.for('flagos/map');

export class Tensor {
  static [Symbol.hasInstance](x: unknown): boolean {
    return isMarked(x, TENSOR);
  }
  get [TENSOR](): true {
    return true;
  }

  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: TensorData;

  /**
   * @param data dense row-major elements in the storage type of `dtype` (codes for float16 and narrower).
   * @throws FLAGOS_E_SHAPE if `dims` is no shape or its product not the number of elements, FLAGOS_E_DTYPE if the storage is of another type.
   */
  constructor(dtype: DType, dims: readonly number[], data: TensorData) {
    checkDims(dims);
    const { storage, lanes } = dtypeInfo(dtype);
    if (storage ? !(data instanceof storage) : !Array.isArray(data)) {
      throw new FlagosError(
        'FLAGOS_E_DTYPE',
        `${dtype} data must be ${storage ? storage.name : 'an array of strings'}, not ${data.constructor.name}`,
      );
    }
    if (data.length !== sizeOf(dims) * lanes) {
      throw new FlagosError(
        'FLAGOS_E_SHAPE',
        `shape [${dims.join(', ')}] needs ${sizeOf(dims) * lanes} elements, the data has ${data.length}`,
      );
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
    checkDims(dims);
    return new Tensor(dtype, dims, allocate(dtype, sizeOf(dims)));
  }

  /** A tensor that is about to be overwritten whole: its contents are anything until then. */
  static uncleared(dtype: DType, dims: readonly number[]): Tensor {
    checkDims(dims);
    return new Tensor(dtype, dims, allocateUncleared(dtype, sizeOf(dims)));
  }

  /**
   * From plain values; numbers are rounded to a float type (to nearest, ties to even).
   * @throws FLAGOS_E_SHAPE if there are not as many values as the shape has elements, FLAGOS_E_VALUE for one an
   * integer type cannot hold, FLAGOS_E_DTYPE for complex types (make those from their storage).
   */
  static from(dtype: DType, dims: readonly number[], values: ArrayLike<number | bigint | boolean | string>): Tensor {
    checkDims(dims);
    const { kind } = dtypeInfo(dtype);
    const size = sizeOf(dims);
    if (kind === 'complex') throw new FlagosError('FLAGOS_E_DTYPE', `${dtype} tensors are made from their storage, not from values`);
    if (values.length !== size)
      throw new FlagosError('FLAGOS_E_SHAPE', `shape [${dims.join(', ')}] needs ${size} values, got ${values.length}`);
    if (kind === 'string') return new Tensor(dtype, dims, Array.from(values, String));
    const data = allocate(dtype, size);
    const out = data as { [i: number]: number | bigint };
    if (kind === 'float') {
      const encode = floatCodec(dtype)?.encode;
      for (let i = 0; i < size; i++) out[i] = encode ? encode(Number(values[i])) : Number(values[i]);
    } else if (kind === 'bool') for (let i = 0; i < size; i++) out[i] = Number(values[i]) === 0 ? 0 : 1;
    else {
      const range = integerRange(dtype);
      const big = isBigInt(dtype);
      for (let i = 0; i < size; i++) {
        const n = toInteger(values[i]!, dtype, range);
        out[i] = big ? n : Number(n);
      }
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

  /** Elements as numbers: narrow floats decoded, bigints converted (rounding beyond 2^53). @throws FLAGOS_E_DTYPE for strings and complex numbers. */
  toNumbers(): Float64Array {
    const { data, dtype } = this;
    if (Array.isArray(data) || dtypeInfo(dtype).lanes !== 1)
      throw new FlagosError('FLAGOS_E_DTYPE', `elements of ${dtype} are not numbers`);
    const table = floatCodec(dtype)?.table;
    // The engine's own conversion is several times as fast, and has none for bigints.
    if (!table && !isBigInt(dtype)) return new Float64Array(data as Float32Array);
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
  static [Symbol.hasInstance](x: unknown): boolean {
    return isMarked(x, SEQUENCE);
  }
  get [SEQUENCE](): true {
    return true;
  }
  constructor(readonly items: readonly Value[]) {}
}

/** ai.onnx.ml maps: keys are int64 or strings. */
export class MapValue {
  static [Symbol.hasInstance](x: unknown): boolean {
    return isMarked(x, MAP);
  }
  get [MAP](): true {
    return true;
  }
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
