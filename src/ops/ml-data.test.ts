/** Features and look-ups of ai.onnx.ml. Values by hand, from the specification's formulas. */
import { describe, expect, it } from 'vitest';
import type { Attribute } from '../core/graph.ts';
import { MapValue, Sequence, type Tensor, type Value } from '../core/tensor.ts';
import { ArrayFeatureExtractor, Binarizer, FeatureVectorizer, Imputer, Normalizer, Scaler } from './ml-features.ts';
import { CastMap, CategoryMapper, DictVectorizer, LabelEncoder, OneHotEncoder, ZipMap } from './ml-maps.ts';
import { call, callAll, errorOf, f32, float, i32, i64, int, ints, tensor, text, valuesOf } from './testing.ts';

const floats = (...value: number[]): Attribute => ({ type: 'floats', value });
const strings = (...value: string[]): Attribute => ({ type: 'strings', value });
const attrTensor = (value: Tensor): Attribute => ({ type: 'tensor', value });
const words = (...values: string[]): Tensor => tensor('string', values);

describe('features', () => {
  it('are selected by column, strings too; a vector is a row', () => {
    expect(call(ArrayFeatureExtractor, [tensor('float64', [1, 2, 3, 4, 5, 6], [2, 3]), tensor('int64', [2, 0], [1, 2])])).toEqual(
      tensor('float64', [3, 1, 6, 4], [2, 2]),
    );
    expect(call(ArrayFeatureExtractor, [words('a', 'b', 'c'), i64(1)])).toEqual(tensor('string', ['b'], [1, 1]));
    expect(errorOf(() => call(ArrayFeatureExtractor, [f32(1, 2), i64(2)]))).toContain('FLAGOS_E_VALUE: index 2');
  });

  it('are compared with a threshold in every type', () => {
    for (const dtype of ['float32', 'float64', 'int32', 'int64'] as const) {
      expect(call(Binarizer, [tensor(dtype, [-1, 0, 1, 2])], { threshold: float(0.5) }).toNumbers()).toEqual(Float64Array.of(0, 0, 1, 1));
    }
    expect(valuesOf(Binarizer, [f32(NaN, Infinity)])).toEqual([0, 1]);
  });

  it('are normalized by row, rows that divide by zero staying as they are', () => {
    const x = tensor('int32', [3, -4, 0, 0, 0, 0], [2, 3]);
    const by = (norm: string): number[] => valuesOf(Normalizer, [x], { norm: text(norm) }).map((v) => Number(Number(v).toFixed(5)));
    expect(by('MAX')).toEqual([1, -1.33333, 0, 0, 0, 0]);
    expect(by('L1')).toEqual([0.42857, -0.57143, 0, 0, 0, 0]);
    expect(by('L2')).toEqual([0.6, -0.8, 0, 0, 0, 0]);
    expect(call(Normalizer, [f32(2, 4)])).toEqual(f32(0.5, 1));
    expect(call(Normalizer, [tensor('float32', [], [2, 0])], { norm: text('L2') }).dims).toEqual([2, 0]);
    expect(errorOf(() => call(Normalizer, [tensor('float32', [1], [])]))).toContain('FLAGOS_E_SHAPE');
  });

  it('are scaled by one pair of numbers or one a column', () => {
    const x = tensor('float64', [1, 2, 3, 4], [2, 2]);
    expect(call(Scaler, [x], { offset: floats(1), scale: floats(2) })).toEqual(tensor('float32', [0, 2, 4, 6], [2, 2]));
    expect(call(Scaler, [x], { offset: floats(1, 2), scale: floats(2, 3) })).toEqual(tensor('float32', [0, 0, 4, 6], [2, 2]));
    expect(call(Scaler, [tensor('int64', [1], [])], {})).toEqual(tensor('float32', [1], []));
    expect(errorOf(() => call(Scaler, [x], { offset: floats(1, 2, 3) }))).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'offset' has 3 entries, it must have 2",
    );
  });

  it('have gaps filled', () => {
    const gaps = { imputed_value_floats: floats(7, 8), replaced_value_float: float(NaN) };
    expect(call(Imputer, [tensor('float32', [NaN, 1, 2, NaN], [2, 2])], gaps)).toEqual(tensor('float32', [7, 1, 2, 8], [2, 2]));
    const whole = { imputed_value_int64s: ints(5), replaced_value_int64: int(-1) };
    expect(call(Imputer, [i64(-1, 2n ** 60n)], whole)).toEqual(i64(5, 2n ** 60n));
    expect(call(Imputer, [i32(-1, 3)], whole)).toEqual(i32(5, 3));
    expect(errorOf(() => call(Imputer, [f32(1)], whole))).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'imputed_value_floats' is required for float32 features",
    );
  });

  it('are joined, cut and filled with zeros', () => {
    const [a, b] = [tensor('int64', [1, 2, 3, 4], [2, 2]), tensor('int64', [5, 6], [2, 1])];
    expect(call(FeatureVectorizer, [a, b], { inputdimensions: ints(1, 2) })).toEqual(tensor('float32', [1, 5, 0, 3, 6, 0], [2, 3]));
    expect(call(FeatureVectorizer, [i32(1, 2), i32(3)], { inputdimensions: ints(2, 1) })).toEqual(tensor('float32', [1, 2, 3], [1, 3]));
    expect(call(FeatureVectorizer, [tensor('float32', [], [2, 0])], { inputdimensions: ints(1) })).toEqual(
      tensor('float32', [0, 0], [2, 1]),
    );
    expect(errorOf(() => call(FeatureVectorizer, [a], { inputdimensions: ints(1, 2) }))).toContain('FLAGOS_E_ATTRIBUTE');
  });
});

describe('LabelEncoder', () => {
  it('finds NaN under NaN, and the last of equal keys', () => {
    const attrs = { keys_floats: floats(1.5, NaN, 1.5), values_int64s: ints(4, 5, 6), default_int64: int(-7) };
    expect(valuesOf(LabelEncoder, [f32(1.5, NaN, 3)], attrs)).toEqual([6n, 5n, -7n]);
  });
  it('has a default for every type', () => {
    expect(valuesOf(LabelEncoder, [words('b')], { keys_strings: strings('a'), values_strings: strings('x') })).toEqual(['_Unused']);
    expect(valuesOf(LabelEncoder, [i64(2)], { keys_int64s: ints(1), values_floats: floats(1) })).toEqual([-0]);
    const tensors = { keys_tensor: attrTensor(tensor('float64', [1, 3])), values_tensor: attrTensor(tensor('int16', [4, 5])) };
    expect(call(LabelEncoder, [tensor('float64', [1, 2])], tensors)).toEqual(tensor('int16', [4, -1]));
    expect(call(LabelEncoder, [tensor('float64', [1, 2])], { ...tensors, default_tensor: attrTensor(tensor('int16', [9])) })).toEqual(
      tensor('int16', [4, 9]),
    );
  });
  it('refuses keys of another type, or of another number than values', () => {
    const attrs = { keys_int64s: ints(1), values_int64s: ints(1, 2) };
    expect(errorOf(() => call(LabelEncoder, [f32(1)], attrs))).toBe("FLAGOS_E_DTYPE: input 'X' is float32, the keys are int64");
    expect(errorOf(() => call(LabelEncoder, [i64(1)], attrs))).toBe('FLAGOS_E_ATTRIBUTE: there are 1 keys and 2 values');
    expect(errorOf(() => call(LabelEncoder, [i64(1)], { ...attrs, keys_strings: strings('a') }))).toContain(
      '2 of the attributes keys_floats',
    );
  });
});

describe('categories', () => {
  it('go both ways', () => {
    const attrs = { cats_int64s: ints(1, 2), cats_strings: strings('a', 'b') };
    expect(call(CategoryMapper, [words('b', 'z')], attrs)).toEqual(i64(2, -1));
    expect(call(CategoryMapper, [i64(1, 9)], { ...attrs, default_string: text('?') })).toEqual(words('a', '?'));
  });
  it('become rows of one 1', () => {
    expect(call(OneHotEncoder, [f32(2.9, NaN, 1)], { cats_int64s: ints(1, 2) })).toEqual(tensor('float32', [0, 1, 0, 0, 1, 0], [3, 2]));
    expect(call(OneHotEncoder, [tensor('string', ['b', 'a'], [2, 1])], { cats_strings: strings('a', 'b') })).toEqual(
      tensor('float32', [0, 1, 1, 0], [2, 1, 2]),
    );
    expect(errorOf(() => call(OneHotEncoder, [i64(9)], { cats_int64s: ints(1), zeros: int(0) }))).toBe(
      'FLAGOS_E_VALUE: 9 is none of the categories',
    );
  });
});

describe('maps', () => {
  const map = (...entries: [bigint | string, Value][]): MapValue => new MapValue(new Map(entries));
  const one = (v: number): Tensor => tensor('float32', [v], []);
  it('become rows by ascending key, or at their keys', () => {
    const x = map([3n, one(30.5)], [1n, one(10)]);
    expect(call(CastMap, [x])).toEqual(tensor('float32', [10, 30.5], [1, 2]));
    expect(call(CastMap, [x], { cast_to: text('TO_INT64'), map_form: text('SPARSE'), max_map: int(4) })).toEqual(
      tensor('int64', [0, 10, 0, 30], [1, 4]),
    );
    expect(call(CastMap, [map([0n, tensor('string', ['2.5'], [])])])).toEqual(tensor('float32', [2.5], [1, 1]));
    expect(errorOf(() => call(CastMap, [x], { map_form: text('SPARSE'), max_map: int(3) }))).toBe(
      'FLAGOS_E_VALUE: key 3 has no place in a row of 3',
    );
    expect(errorOf(() => call(CastMap, [map([0n, tensor('string', ['x'], [])])]))).toBe("FLAGOS_E_VALUE: 'x' is no number");
  });
  it('are looked up by a vocabulary', () => {
    expect(call(DictVectorizer, [map(['a', one(4)], ['c', one(8)])], { string_vocabulary: strings('a', 'c', 'b', 'z') })).toEqual(
      f32(4, 8, 0, 0),
    );
    expect(errorOf(() => call(DictVectorizer, [map(['q', one(4)])], { string_vocabulary: strings('a') }))).toBe(
      'FLAGOS_E_VALUE: the key q is not in the vocabulary',
    );
  });
  it('are made of rows', () => {
    const [zipped] = callAll(ZipMap, [tensor('float32', [1, 2, 3, 4], [2, 2])], { classlabels_int64s: ints(5, 6) });
    expect(zipped).toEqual(new Sequence([map([5n, one(1)], [6n, one(2)]), map([5n, one(3)], [6n, one(4)])]));
    expect(errorOf(() => callAll(ZipMap, [f32(1)], { classlabels_strings: strings('a', 'b') }))).toContain(
      'a column for each of the 2 labels',
    );
  });
});
