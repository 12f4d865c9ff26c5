/** Attribute declarations of op records: each says the ONNX type, the default, and what values are allowed. */
import { dtypeFromOnnx, type DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import type { Attribute, Graph, ValueType } from '../core/graph.ts';
import type { Tensor } from '../core/tensor.ts';

export interface AttrSpec<T> {
  /** ONNX attribute type. */
  readonly type: Attribute['type'];
  readonly required: boolean;
  /** Value when absent. */
  readonly default: T | undefined;
  /** @throws FLAGOS_E_ATTRIBUTE */
  readonly read: (attr: Attribute, name: string) => T;
}

const wrong = (name: string, problem: string): FlagosError => new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute '${name}' ${problem}`);

const spec = <T>(
  type: Attribute['type'],
  required: boolean,
  fallback: T | undefined,
  convert: (value: never, name: string) => T,
): AttrSpec<T> => ({
  type,
  required,
  default: fallback,
  read: (attr, name) => {
    if (attr.type !== type) throw wrong(name, `is of type ${attr.type}, it must be ${type}`);
    return convert(attr.value as never, name);
  },
});

const toNumber = (v: number | bigint, name: string): number => {
  const n = Number(v);
  if (typeof v === 'bigint' && BigInt(n) !== v) throw wrong(name, `is ${v}, beyond the integers a shape can use`);
  return n;
};

/** An integer with a default. */
export const int = (fallback: number): AttrSpec<number> => spec('int', false, fallback, toNumber);
export const requiredInt = (): AttrSpec<number> => spec<number>('int', true, undefined, toNumber);
export const optionalInt = (): AttrSpec<number | undefined> => spec<number | undefined>('int', false, undefined, toNumber);
/** 0 or 1, as a boolean. */
export const flag = (fallback: boolean): AttrSpec<boolean> => spec('int', false, fallback, (v: number | bigint) => Number(v) !== 0);
/** Attributes are float32, their defaults, too: 1e-5 is 9.99999974737875e-6. */
export const float = (fallback: number): AttrSpec<number> => spec('float', false, Math.fround(fallback), (v: number) => v);
export const requiredFloat = (): AttrSpec<number> => spec<number>('float', true, undefined, (v: number) => v);
export const optionalFloat = (): AttrSpec<number | undefined> => spec<number | undefined>('float', false, undefined, (v: number) => v);
export const string = (fallback: string): AttrSpec<string> => spec('string', false, fallback, (v: string) => v);
export const requiredString = (): AttrSpec<string> => spec<string>('string', true, undefined, (v: string) => v);
export const optionalString = (): AttrSpec<string | undefined> => spec<string | undefined>('string', false, undefined, (v: string) => v);

const checked =
  <V extends string>(values: readonly V[]) =>
  (v: string, name: string): V => {
    if (!(values as readonly string[]).includes(v)) throw wrong(name, `is '${v}', it must be one of ${values.join(', ')}`);
    return v as V;
  };
/** One of some words; the first is the default. */
export const oneOf = <const V extends string>(...values: readonly V[]): AttrSpec<V> => spec('string', false, values[0], checked(values));
/** One of some words, without a default. */
export const requiredOneOf = <const V extends string>(...values: readonly V[]): AttrSpec<V> =>
  spec<V>('string', true, undefined, checked(values));

export const ints = (fallback: readonly number[]): AttrSpec<readonly number[]> =>
  spec('ints', false, fallback, (v: readonly (number | bigint)[], name) => v.map((x) => toNumber(x, name)));
export const requiredInts = (): AttrSpec<readonly number[]> =>
  spec<readonly number[]>('ints', true, undefined, (v: readonly (number | bigint)[], name) => v.map((x) => toNumber(x, name)));
export const optionalInts = (): AttrSpec<readonly number[] | undefined> =>
  spec<readonly number[] | undefined>('ints', false, undefined, (v: readonly (number | bigint)[], name) => v.map((x) => toNumber(x, name)));
/** An integer kept exact, for values that are not shapes. */
/** An exact integer with a default. */
export const bigInt = (fallback: bigint): AttrSpec<bigint> => spec('int', false, fallback, (v: number | bigint) => BigInt(v));
export const optionalBigInt = (): AttrSpec<bigint | undefined> =>
  spec<bigint | undefined>('int', false, undefined, (v: number | bigint) => BigInt(v));
/** Integers kept exact, for values that are not shapes. */
export const optionalBigInts = (): AttrSpec<readonly bigint[] | undefined> =>
  spec<readonly bigint[] | undefined>('ints', false, undefined, (v: readonly (number | bigint)[]) => v.map(BigInt));
export const optionalFloats = (): AttrSpec<readonly number[] | undefined> =>
  spec<readonly number[] | undefined>('floats', false, undefined, (v: readonly number[]) => v);
export const requiredFloats = (): AttrSpec<readonly number[]> =>
  spec<readonly number[]>('floats', true, undefined, (v: readonly number[]) => v);
export const optionalStrings = (): AttrSpec<readonly string[] | undefined> =>
  spec<readonly string[] | undefined>('strings', false, undefined, (v: readonly string[]) => v);
export const optionalTensor = (): AttrSpec<Tensor | undefined> => spec<Tensor | undefined>('tensor', false, undefined, (v: Tensor) => v);
export const requiredTensor = (): AttrSpec<Tensor> => spec<Tensor>('tensor', true, undefined, (v: Tensor) => v);
export const graph = (): AttrSpec<Graph> => spec<Graph>('graph', true, undefined, (v: Graph) => v);
export const optionalGraph = (): AttrSpec<Graph | undefined> => spec<Graph | undefined>('graph', false, undefined, (v: Graph) => v);
export const optionalType = (): AttrSpec<ValueType | undefined> =>
  spec<ValueType | undefined>('type', false, undefined, (v: ValueType) => v);

const toDType = (v: number | bigint, name: string): DType => {
  const d = dtypeFromOnnx(Number(v));
  if (!d) throw wrong(name, `is ${v}, which is no ONNX element type`);
  return d;
};
/** An element type by its ONNX number. */
export const requiredDType = (): AttrSpec<DType> => spec<DType>('int', true, undefined, toDType);
/** An element type by its ONNX number, with a default. */
export const dtype = (fallback: DType): AttrSpec<DType> => spec('int', false, fallback, toDType);
/** An element type that may be absent; 0 (UNDEFINED) counts as absent. */
export const optionalDType = (): AttrSpec<DType | undefined> =>
  spec<DType | undefined>('int', false, undefined, (v: number | bigint, name) => (Number(v) === 0 ? undefined : toDType(v, name)));
