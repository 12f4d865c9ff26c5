/** One input from its text: a file, a number that fills it, JSON, or a way to make it up. */
import { existsSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { dtypeInfo, type DType } from '../../core/dtype.ts';
import { asError, FlagosError } from '../../core/errors.ts';
import { describeType, type ValueInfo, type ValueType } from '../../core/graph.ts';
import { sizeOf, Tensor, type Value } from '../../core/tensor.ts';
import { readValue } from '../../formats/onnx/index.ts';
import { readFile } from '../../host/read-file.ts';
import { Random } from '../seeded/random.ts';
import { convertTo, readNpy } from './npy.ts';

type Scalar = number | bigint | boolean | string;

const bad = (name: string, why: string, hint?: string): FlagosError =>
  new FlagosError('FLAGOS_E_INPUT', `input '${name}': ${why}`, hint === undefined ? {} : { hint });

const fill = (dtype: DType, dims: readonly number[], make: (i: number) => Scalar): Tensor => {
  const size = sizeOf(dims);
  // The common case without an array of boxed values between.
  if (dtype === 'float32')
    return new Tensor(
      dtype,
      dims,
      Float32Array.from({ length: size }, (_, i) => Number(make(i))),
    );
  return Tensor.from(
    dtype,
    dims,
    Array.from({ length: size }, (_, i) => make(i)),
  );
};

/** Whole numbers that are safe as indices into almost anything. */
const SMALL = 10;

/** Values of order one: standard normal floats, small whole numbers, fair coins. */
const random = (dtype: DType, dims: readonly number[], source: Random): Tensor => {
  const { kind } = dtypeInfo(dtype);
  switch (kind) {
    case 'float':
      return fill(dtype, dims, () => source.normal());
    case 'bool':
      return fill(dtype, dims, () => source.below(2) === 1);
    case 'string':
      return fill(dtype, dims, () => String.fromCharCode(97 + source.below(26)));
    case 'int':
    case 'uint':
      return fill(dtype, dims, () => BigInt(source.below(dtypeInfo(dtype).bits <= 2 ? 2 : dtypeInfo(dtype).bits === 4 ? 8 : SMALL)));
    case 'complex': {
      const t = Tensor.zeros(dtype, dims);
      for (let i = 0; i < t.data.length; i++) t.data[i] = source.normal();
      return t;
    }
  }
};

/** Ways to make a value up, by name. `arange` is 0 … 1 for floats, as the stored outputs of ONNX's light models expect. */
const makers: Readonly<Record<string, (dtype: DType, dims: readonly number[], source: Random) => Tensor>> = {
  random,
  zeros: (dtype, dims) => Tensor.zeros(dtype, dims),
  ones: (dtype, dims) => fill(dtype, dims, () => 1),
  arange: (dtype, dims) => fill(dtype, dims, (i) => (dtypeInfo(dtype).kind === 'float' ? i / sizeOf(dims) : i)),
};
export const makerNames = Object.keys(makers);

const numberWords: Readonly<Record<string, number>> = { NaN: NaN, Infinity, '-Infinity': -Infinity };

/** Elements of nested lists in row-major order, and their shape. */
const flatten = (json: unknown, name: string): { dims: number[]; values: Scalar[] } => {
  if (typeof json === 'number' || typeof json === 'boolean' || typeof json === 'string') return { dims: [], values: [json] };
  if (!Array.isArray(json)) throw bad(name, 'JSON must be numbers, texts or true/false, in lists');
  const parts = json.map((item) => flatten(item, name));
  const inner = parts[0]?.dims ?? [];
  if (parts.some((p) => p.dims.join() !== inner.join())) throw bad(name, 'the lists are not of one length');
  return { dims: [json.length, ...inner], values: parts.flatMap((p) => p.values) };
};

const scalarFor = (dtype: DType, v: Scalar, name: string): Scalar => {
  const { kind } = dtypeInfo(dtype);
  if (kind === 'string') return String(v);
  if (typeof v === 'string' && kind === 'float' && Object.hasOwn(numberWords, v)) return numberWords[v]!;
  // Integers beyond 2^53 are texts in JSON.
  if (typeof v === 'string' && (kind === 'int' || kind === 'uint') && /^-?\d+$/.test(v)) return BigInt(v);
  if (typeof v === 'string') throw bad(name, `'${v}' is no ${dtype}`);
  if ((kind === 'int' || kind === 'uint') && !Number.isInteger(Number(v))) throw bad(name, `${String(v)} is no ${dtype}`);
  return v;
};

const fromJson = (json: unknown, dtype: DType, name: string): Tensor => {
  if (dtypeInfo(dtype).kind === 'complex') throw bad(name, 'complex numbers come from .npy or .pb files');
  const object = typeof json === 'object' && json !== null && !Array.isArray(json) ? json : undefined;
  const { dims, values } = flatten(object && 'values' in object ? object.values : json, name);
  const shape: unknown = object && 'shape' in object ? object.shape : dims;
  if (!Array.isArray(shape) || !shape.every((d) => Number.isSafeInteger(d) && d >= 0)) throw bad(name, 'shape must be a list of sizes');
  const t = Tensor.from(
    dtype,
    [values.length],
    values.map((v) => scalarFor(dtype, v, name)),
  );
  return t.reshaped(shape);
};

const parseJson = (text: string, name: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw bad(name, `not valid JSON: ${asError(thrown).message}`);
  }
};

/** A value from a file, in the element type the model declares. @param shown what messages call the file. @throws FLAGOS_E_INPUT, FLAGOS_E_FILE */
export const readValueFile = (path: string, shown: string, info: ValueInfo): Value => {
  const { name, type } = info;
  const dtype = type?.kind === 'tensor' ? type.dtype : undefined;
  switch (extname(path)) {
    case '.pb':
      return readValue(readFile(path), type);
    case '.npy': {
      const t = readNpy(readFile(path), shown);
      return dtype ? convertTo(t, dtype, shown) : t;
    }
    case '.json':
      return fromJson(parseJson(new TextDecoder().decode(readFile(path)), name), needed(dtype, name, type), name);
    default:
      throw bad(name, `${shown} has an ending that says nothing`, 'files are .npy, .pb (TensorProto) or .json');
  }
};

const needed = (dtype: DType | undefined, name: string, type: ValueType | undefined): DType => {
  if (dtype) return dtype;
  throw bad(name, `is ${describeType(type)}, which cannot be made from this`, 'give a .pb file');
};

/** Where a value came from, for people. */
export interface MadeValue {
  readonly value: Value;
  readonly source: string;
}

export interface Making {
  readonly cwd: string;
  readonly seed: number;
  /** The shape, where the value does not bring its own. */
  readonly dims: () => readonly number[];
}

/**
 * @param spec the text after `--input name=`.
 * @throws FLAGOS_E_INPUT or FLAGOS_E_FILE naming the input.
 */
export const makeValue = (info: ValueInfo, spec: string, making: Making): MadeValue => {
  try {
    return make(info, spec, making);
  } catch (thrown) {
    // What does not fit the element type is told without the name; what knows the name has another code.
    throw thrown instanceof FlagosError && (thrown.code === 'FLAGOS_E_VALUE' || thrown.code === 'FLAGOS_E_SHAPE')
      ? bad(info.name, thrown.reason)
      : thrown;
  }
};

const make = (info: ValueInfo, spec: string, { cwd, seed, dims }: Making): MadeValue => {
  const { name, type } = info;
  const dtype = type?.kind === 'tensor' ? type.dtype : undefined;
  if (Object.hasOwn(makers, spec)) {
    const value = makers[spec]!(needed(dtype, name, type), dims(), new Random(seed, name));
    return { value, source: spec === 'random' ? `random, seed ${seed}` : spec };
  }
  const path = resolve(cwd, spec);
  if (existsSync(path)) return { value: readValueFile(path, spec, info), source: spec };
  if (/\.(npy|pb|json)$/.test(spec)) throw new FlagosError('FLAGOS_E_FILE', `there is no file ${path} (for input '${name}')`);
  if (/^[[{"]/.test(spec)) return { value: fromJson(parseJson(spec, name), needed(dtype, name, type), name), source: 'given' };
  const kind = dtypeInfo(needed(dtype, name, type)).kind;
  const isNumber = /^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(spec) || Object.hasOwn(numberWords, spec);
  const scalar =
    kind === 'bool' && /^(true|false)$/.test(spec)
      ? spec === 'true'
      : kind === 'string' || /^-?\d+n?$/.test(spec) || !isNumber
        ? spec
        : Number(numberWords[spec] ?? spec);
  if (kind !== 'string' && typeof scalar === 'string' && !isNumber) {
    throw bad(name, `'${spec}' is no file, no number and none of ${makerNames.join(', ')}`);
  }
  const value = kind === 'float' && typeof scalar === 'string' ? Number(scalar) : scalarFor(dtype!, scalar, name);
  const t = fill(dtype!, dims(), () => value);
  return { value: t, source: `every element ${spec}` };
};
