/** Looking things up (ai.onnx.ml): labels, categories, vocabularies, and maps from and to tensors. */
import { dtypeInfo, type DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { describeValue, MapValue, Sequence, Tensor, type Value } from '../core/tensor.ts';
import {
  bigInt,
  float,
  flag,
  int,
  oneOf,
  optionalBigInts,
  optionalFloats,
  optionalStrings,
  optionalTensor,
  string,
  type AttrSpec,
} from './attrs.ts';
import { anyValue, defineOp, type AttrValues } from './define.ts';
import { featureTypes, labelsOf, rowShape } from './ml-scores.ts';
import { shapeError, showShape, valueError } from './util.ts';

const domain = 'ai.onnx.ml';
type Element = number | bigint | boolean | string;
const wrong = (reason: string): FlagosError => new FlagosError('FLAGOS_E_ATTRIBUTE', reason);

const encoderAttrs = {
  default_float: float(-0),
  default_int64: bigInt(-1n),
  default_string: string('_Unused'),
  default_tensor: optionalTensor(),
  keys_floats: optionalFloats(),
  keys_int64s: optionalBigInts(),
  keys_strings: optionalStrings(),
  keys_tensor: optionalTensor(),
  values_floats: optionalFloats(),
  values_int64s: optionalBigInts(),
  values_strings: optionalStrings(),
  values_tensor: optionalTensor(),
} satisfies Record<string, AttrSpec<unknown>>;
type EncoderAttrs = AttrValues<typeof encoderAttrs>;

/** The one list of `keys_*` (`values_*`) that is set. @throws FLAGOS_E_ATTRIBUTE. */
const listOf = (attrs: EncoderAttrs, side: 'keys' | 'values'): { dtype: DType; items: readonly Element[] } => {
  const tensor = attrs[`${side}_tensor`];
  const candidates: readonly [DType, readonly Element[] | undefined][] = [
    ['float32', attrs[`${side}_floats`]],
    ['int64', attrs[`${side}_int64s`]],
    ['string', attrs[`${side}_strings`]],
    [tensor?.dtype ?? 'float32', tensor?.toValues()],
  ];
  const given = candidates.filter(([, items]) => items !== undefined);
  if (given.length !== 1)
    throw wrong(
      `${given.length} of the attributes ${side}_floats, ${side}_int64s, ${side}_strings and ${side}_tensor are given, it must be one`,
    );
  return { dtype: given[0]![0], items: given[0]![1]! };
};

/** Output for keys that are not in the list. */
const defaultOf = ({ default_tensor: tensor, default_float, default_int64, default_string }: EncoderAttrs, dtype: DType): Element => {
  if (tensor) {
    if (tensor.dtype !== dtype || tensor.size !== 1)
      throw wrong(`'default_tensor' is ${describeValue(tensor)}, it must be one value of ${dtype}`);
    return tensor.toValues()[0]!;
  }
  if (dtype === 'string') return default_string;
  return dtypeInfo(dtype).kind === 'float' ? default_float : default_int64;
};

/** NaN is found under a NaN key; of equal keys the last counts. */
export const LabelEncoder = defineOp({
  name: 'LabelEncoder',
  domain,
  since: 2,
  inputs: { X: ['string', 'int64', 'float32', 'int32', 'int16', 'float64'] },
  outputs: { Y: ({ attrs }) => listOf(attrs, 'values').dtype },
  attrs: encoderAttrs,
  shapes: ({ X }) => [X.shape],
  host: ({ X }, attrs) => {
    const [keys, values] = [listOf(attrs, 'keys'), listOf(attrs, 'values')];
    if (keys.dtype !== X.dtype) throw new FlagosError('FLAGOS_E_DTYPE', `input 'X' is ${X.dtype}, the keys are ${keys.dtype}`);
    if (keys.items.length !== values.items.length) throw wrong(`there are ${keys.items.length} keys and ${values.items.length} values`);
    const table = new Map(keys.items.map((key, i) => [key, values.items[i]!]));
    const missing = defaultOf(attrs, values.dtype);
    return Tensor.from(
      values.dtype,
      X.dims,
      X.toValues().map((x) => table.get(x) ?? missing),
    );
  },
});

export const CategoryMapper = defineOp({
  name: 'CategoryMapper',
  domain,
  since: 1,
  inputs: { X: ['string', 'int64'] },
  outputs: { Y: ({ dtype }) => (dtype('X') === 'string' ? 'int64' : dtype('X') && 'string') },
  attrs: { cats_int64s: optionalBigInts(), cats_strings: optionalStrings(), default_int64: bigInt(-1n), default_string: string('_Unused') },
  shapes: ({ X }) => [X.shape],
  host: ({ X }, { cats_int64s = [], cats_strings = [], default_int64, default_string }) => {
    if (cats_int64s.length !== cats_strings.length)
      throw wrong(`there are ${cats_int64s.length} integers and ${cats_strings.length} strings in the map`);
    if (X.dtype === 'string') {
      const table = new Map(cats_strings.map((s, i) => [s, cats_int64s[i]!]));
      return Tensor.from(
        'int64',
        X.dims,
        (X.data as string[]).map((s) => table.get(s) ?? default_int64),
      );
    }
    const table = new Map(cats_int64s.map((n, i) => [n, cats_strings[i]!]));
    return Tensor.from(
      'string',
      X.dims,
      Array.from(X.data as BigInt64Array, (n) => table.get(n) ?? default_string),
    );
  },
});

/** Numbers are cut to integers before they are looked up; NaN and infinities are no category. */
const asCategory = (x: Element): bigint | string | undefined => {
  if (typeof x === 'string' || typeof x === 'bigint') return x;
  return Number.isFinite(Number(x)) ? BigInt(Math.trunc(Number(x))) : undefined;
};

export const OneHotEncoder = defineOp({
  name: 'OneHotEncoder',
  domain,
  since: 1,
  inputs: { X: [...featureTypes, 'string'] },
  outputs: { Y: 'float32' },
  attrs: { cats_int64s: optionalBigInts(), cats_strings: optionalStrings(), zeros: flag(true) },
  shapes: ({ X }, { cats_int64s, cats_strings }) => [[...X.shape, labelsOf(cats_int64s, cats_strings).values.length]],
  host: ({ X }, { cats_int64s, cats_strings, zeros }) => {
    const { values, dtype } = labelsOf(cats_int64s, cats_strings);
    if (values.length === 0) throw wrong("one of the attributes 'cats_int64s' and 'cats_strings' must list the categories");
    if ((dtype === 'string') !== (X.dtype === 'string'))
      throw new FlagosError('FLAGOS_E_DTYPE', `input 'X' is ${X.dtype}, the categories are ${dtype}`);
    const table = new Map(values.map((v, i) => [v, i]));
    const result = Tensor.zeros('float32', [...X.dims, values.length]);
    const out = result.data as Float32Array;
    X.toValues().forEach((x, i) => {
      const category = asCategory(x);
      const at = category === undefined ? undefined : table.get(category);
      if (at !== undefined) out[i * values.length + at] = 1;
      else if (!zeros) throw valueError(`${String(x)} is none of the categories`, 'set the attribute zeros to 1 to encode it as all zeros');
    });
    return result;
  },
});

/** @throws FLAGOS_E_DTYPE if a value is no map. */
const entriesOf = (value: Value): ReadonlyMap<bigint | string, Value> => {
  if (value instanceof MapValue) return value.entries;
  throw new FlagosError('FLAGOS_E_DTYPE', `input 'X' must be a map, it is ${value === null ? 'an' : 'a'} ${describeValue(value)}`);
};

/** The one element a map's value holds. */
const elementOf = (value: Value): { dtype: DType; element: Element } => {
  if (value instanceof Tensor && value.size === 1) return { dtype: value.dtype, element: value.toValues()[0]! };
  throw new FlagosError(
    'FLAGOS_E_DTYPE',
    `the values of the map must be single elements, one is ${value === null ? 'an' : 'a'} ${describeValue(value)}`,
  );
};

const castTypes = { TO_FLOAT: 'float32', TO_STRING: 'string', TO_INT64: 'int64' } as const satisfies Record<string, DType>;

const castElement = (x: Element, dtype: DType): Element => {
  if (dtype === 'string') return String(x);
  const number = Number(x);
  if (typeof x === 'string' && (x.trim() === '' || Number.isNaN(number))) throw valueError(`'${x}' is no number`);
  if (dtype !== 'int64') return number;
  if (!Number.isFinite(number)) throw valueError(`${String(x)} is no integer`);
  return BigInt(Math.trunc(number));
};

/** Values of a map by ascending key, as one row; SPARSE puts each at the position its key says. */
export const CastMap = defineOp({
  name: 'CastMap',
  domain,
  since: 1,
  inputs: { X: anyValue() },
  outputs: { Y: ({ attrs }) => castTypes[attrs.cast_to] },
  attrs: { cast_to: oneOf('TO_FLOAT', 'TO_STRING', 'TO_INT64'), map_form: oneOf('DENSE', 'SPARSE'), max_map: int(1) },
  host: ({ X }, { cast_to, map_form, max_map }) => {
    const dtype = castTypes[cast_to];
    const entries = [...entriesOf(X)].map(([key, value]): [bigint, Element] => {
      if (typeof key !== 'bigint') throw new FlagosError('FLAGOS_E_DTYPE', 'the keys of the map must be int64');
      return [key, castElement(elementOf(value).element, dtype)];
    });
    if (map_form === 'DENSE') {
      const ordered = entries.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, x]) => x);
      return Tensor.from(dtype, [1, ordered.length], ordered);
    }
    if (max_map < 1) throw wrong(`attribute 'max_map' is ${max_map}, it must be at least 1`);
    if (max_map > 2 ** 31) throw new FlagosError('FLAGOS_E_LIMIT', `attribute 'max_map' asks for ${max_map} elements`);
    const row = new Array<Element>(max_map).fill(castElement(0, dtype));
    for (const [key, x] of entries) {
      if (key < 0n || key >= BigInt(max_map)) throw valueError(`key ${key} has no place in a row of ${max_map}`);
      row[Number(key)] = x;
    }
    return Tensor.from(dtype, [1, max_map], row);
  },
});

/** The value of each word of a vocabulary, the type's zero where the map has none. */
export const DictVectorizer = defineOp({
  name: 'DictVectorizer',
  domain,
  since: 1,
  inputs: { X: anyValue() },
  outputs: { Y: () => undefined },
  attrs: { int64_vocabulary: optionalBigInts(), string_vocabulary: optionalStrings() },
  host: ({ X }, { int64_vocabulary, string_vocabulary }) => {
    const { values: words } = labelsOf(int64_vocabulary, string_vocabulary);
    const entries = entriesOf(X);
    const known = new Set(words);
    for (const key of entries.keys()) if (!known.has(key)) throw valueError(`the key ${String(key)} is not in the vocabulary`);
    const [first] = entries.values();
    // An empty map does not say the type of its values; float32 is what maps of this op most often hold.
    const dtype = first === undefined ? 'float32' : elementOf(first).dtype;
    const zero = dtype === 'string' ? '' : 0;
    return Tensor.from(
      dtype,
      [words.length],
      words.map((w) => (entries.has(w) ? elementOf(entries.get(w)!).element : zero)),
    );
  },
});

/** One map for each row, from labels to the row's values. */
export const ZipMap = defineOp({
  name: 'ZipMap',
  domain,
  since: 1,
  inputs: { X: ['float32'] },
  outputs: { Z: () => undefined },
  attrs: { classlabels_int64s: optionalBigInts(), classlabels_strings: optionalStrings() },
  host: ({ X }, { classlabels_int64s, classlabels_strings }) => {
    const { values: labels } = labelsOf(classlabels_int64s, classlabels_strings);
    const [rows, columns] = rowShape(X.dims);
    if (columns !== labels.length)
      throw shapeError(`'X' has shape ${showShape(X.dims)}, it must have a column for each of the ${labels.length} labels`);
    const numbers = X.toNumbers();
    return new Sequence(
      Array.from(
        { length: rows },
        (_, r) => new MapValue(new Map(labels.map((label, c) => [label, Tensor.scalar('float32', numbers[r * columns + c]!)]))),
      ),
    );
  },
});
