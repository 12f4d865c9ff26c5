import { describe, expect, it } from 'vitest';
import type { Attribute } from '../core/graph.ts';
import { RegexFullMatch, StringConcat, StringNormalizer, StringSplit } from './text.ts';
import { TfIdfVectorizer } from './ngrams.ts';
import { call, callAll, errorOf, i32, int, ints, tensor, text, valuesOf } from './testing.ts';
import { Tensor } from '../core/tensor.ts';

const words = (...values: string[]): Tensor => tensor('string', values);
const strings = (...value: string[]): Attribute => ({ type: 'strings', value });
const floats = (...value: number[]): Attribute => ({ type: 'floats', value });

describe('StringConcat', () => {
  it('broadcasts', () => {
    expect(call(StringConcat, [tensor('string', ['a', 'b'], [2, 1]), words('x', 'y', 'z')])).toEqual(
      tensor('string', ['ax', 'ay', 'az', 'bx', 'by', 'bz'], [2, 3]),
    );
    expect(call(StringConcat, [tensor('string', ['a'], []), tensor('string', [], [0, 2])]).dims).toEqual([0, 2]);
    expect(errorOf(() => call(StringConcat, [words('a', 'b'), words('a', 'b', 'c')]))).toContain('FLAGOS_E_SHAPE');
  });
});

describe('StringSplit', () => {
  const split = (x: Tensor, attrs: Record<string, Attribute>): unknown[] =>
    callAll(StringSplit, [x], attrs).map((t) => [(t as Tensor).dims, (t as Tensor).toValues()]);
  it('cuts at most maxsplit times and keeps the rest', () => {
    expect(split(words('a,b,c', 'd'), { delimiter: text(','), maxsplit: int(1) })).toEqual([
      [
        [2, 2],
        ['a', 'b,c', 'd', ''],
      ],
      [[2], [2n, 1n]],
    ]);
    expect(split(words('a,b'), { delimiter: text(','), maxsplit: int(0) })).toEqual([
      [[1, 1], ['a,b']],
      [[1], [1n]],
    ]);
    expect(split(words('a--b-'), { delimiter: text('--') })).toEqual([
      [
        [1, 2],
        ['a', 'b-'],
      ],
      [[1], [2n]],
    ]);
  });
  it('takes runs of white space as one cut, and none around the text', () => {
    expect(split(words('  a \t b\nc  '), { maxsplit: int(1) })).toEqual([
      [
        [1, 2],
        ['a', 'b\nc'],
      ],
      [[1], [2n]],
    ]);
    expect(split(words('', ' '), {})).toEqual([
      [[2, 0], []],
      [[2], [0n, 0n]],
    ]);
    expect(split(tensor('string', ['q'], []), {})).toEqual([
      [[1], ['q']],
      [[], [1n]],
    ]);
  });
});

describe('StringNormalizer', () => {
  it('compares stop words whole, with or without case', () => {
    const attrs = { stopwords: strings('Monday'), case_change_action: text('UPPER') };
    expect(valuesOf(StringNormalizer, [words('monday', 'Monday', 'monday morning')], attrs)).toEqual(['MONDAY MORNING']);
    expect(valuesOf(StringNormalizer, [words('monday', 'Monday')], { ...attrs, is_case_sensitive: int(1) })).toEqual(['MONDAY']);
  });
  it('changes case by the locale', () => {
    expect(valuesOf(StringNormalizer, [words('TITLE')], { case_change_action: text('LOWER'), locale: text('tr_TR.UTF-8') })).toEqual([
      'tıtle',
    ]);
    expect(valuesOf(StringNormalizer, [words('straße')], { case_change_action: text('UPPER'), locale: text('C') })).toEqual(['STRASSE']);
    expect(errorOf(() => call(StringNormalizer, [words('a')], { locale: text('not a locale') }))).toContain(
      "FLAGOS_E_ATTRIBUTE: attribute 'locale' is 'not a locale'",
    );
  });
  it('gives one empty string where nothing is left, and refuses matrices', () => {
    expect(call(StringNormalizer, [tensor('string', ['a', 'a'], [1, 2])], { stopwords: strings('a') })).toEqual(
      tensor('string', [''], [1, 1]),
    );
    expect(errorOf(() => call(StringNormalizer, [tensor('string', ['a', 'a'], [2, 1])]))).toBe(
      "FLAGOS_E_SHAPE: 'X' has shape [2, 1], it must be [C] or [1, C]",
    );
  });
});

describe('RegexFullMatch', () => {
  it('matches every element, of any shape', () => {
    expect(call(RegexFullMatch, [tensor('string', ['ab', 'b'], [2, 1])], { pattern: text('a?b') })).toEqual(
      tensor('bool', [true, true], [2, 1]),
    );
    expect(call(RegexFullMatch, [tensor('string', [], [0])], { pattern: text('a') }).dims).toEqual([0]);
    expect(errorOf(() => call(RegexFullMatch, [words('a')]))).toBe("FLAGOS_E_ATTRIBUTE: attribute 'pattern' is required");
  });
});

describe('TfIdfVectorizer', () => {
  const attrs = {
    min_gram_length: int(1),
    max_gram_length: int(2),
    max_skip_count: int(1),
    ngram_counts: ints(0, 2),
    ngram_indexes: ints(0, 1, 3, 2),
    pool_int64s: ints(5, 6, 5, 6, 6, 6),
    weights: floats(1, 2, 10, 100),
  };
  // 1-grams 5 and 6, 2-grams (5, 6) at output 3 and (6, 6) at output 2. In 5 6 6: (5, 6) side by side and with one skipped.
  const x = i32(5, 6, 6);
  it('counts n-grams of every allowed skip, 1-grams once', () =>
    expect(valuesOf(TfIdfVectorizer, [x], { ...attrs, mode: text('TF') })).toEqual([1, 2, 1, 2]));
  it('weighs n-grams by their place in the pool', () => {
    expect(valuesOf(TfIdfVectorizer, [x], { ...attrs, mode: text('TFIDF') })).toEqual([1, 4, 100, 20]);
    expect(valuesOf(TfIdfVectorizer, [x], { ...attrs, mode: text('IDF') })).toEqual([1, 2, 100, 10]);
  });
  it('gives zeros for empty rows', () =>
    expect(call(TfIdfVectorizer, [tensor('int32', [], [2, 0])], { ...attrs, mode: text('TF') })).toEqual(Tensor.zeros('float32', [2, 4])));
  it('refuses pools that do not fit', () => {
    const call_ = (more: Record<string, Attribute>, input = x): string =>
      errorOf(() => call(TfIdfVectorizer, [input], { ...attrs, mode: text('TF'), ...more }));
    expect(call_({ ngram_counts: ints(0, 3) })).toContain('does not divide a pool of 6 into n-grams');
    expect(call_({ ngram_indexes: ints(0) })).toBe("FLAGOS_E_ATTRIBUTE: the pool holds 4 n-grams, 'ngram_indexes' 1");
    expect(call_({}, words('a'))).toBe("FLAGOS_E_DTYPE: input 'X' is string, the pool holds integers");
    expect(call_({ pool_strings: strings('a') })).toContain('FLAGOS_E_ATTRIBUTE');
  });
});
