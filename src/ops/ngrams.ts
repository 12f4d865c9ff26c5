/** TfIdfVectorizer: counting known n-grams in rows of tokens. */
import { FlagosError } from '../core/errors.ts';
import { Tensor } from '../core/tensor.ts';
import { optionalBigInts, optionalFloats, optionalStrings, requiredInt, requiredInts, requiredOneOf, type AttrSpec } from './attrs.ts';
import { defineOp, type AttrValues } from './define.ts';
import { shapeError, showShape } from './util.ts';

const attrSpecs = {
  max_gram_length: requiredInt(),
  max_skip_count: requiredInt(),
  min_gram_length: requiredInt(),
  mode: requiredOneOf('TF', 'IDF', 'TFIDF'),
  ngram_counts: requiredInts(),
  ngram_indexes: requiredInts(),
  pool_int64s: optionalBigInts(),
  pool_strings: optionalStrings(),
  weights: optionalFloats(),
} satisfies Record<string, AttrSpec<unknown>>;
type Attrs = AttrValues<typeof attrSpecs>;
type Token = bigint | string;

const wrong = (reason: string): FlagosError => new FlagosError('FLAGOS_E_ATTRIBUTE', reason);

/** A node of the tree of known n-grams; `gram` is the number of the n-gram that ends here. */
interface Prefix {
  gram: number | undefined;
  readonly longer: Map<Token, Prefix>;
}
const newPrefix = (): Prefix => ({ gram: undefined, longer: new Map() });

const lengthOf = ({ ngram_indexes }: Attrs): number => {
  if (ngram_indexes.length === 0 || ngram_indexes.some((i) => i < 0 || i >= 2 ** 31))
    throw wrong("attribute 'ngram_indexes' must hold positions from 0 to 2^31 − 1");
  return ngram_indexes.reduce((a, b) => Math.max(a, b), 0) + 1;
};

/** The pool as a tree. `ngram_counts` says where the 1-grams, 2-grams, … begin in it. @throws FLAGOS_E_ATTRIBUTE. */
const readPool = (attrs: Attrs): { root: Prefix; strings: boolean } => {
  const { pool_int64s, pool_strings, ngram_counts: starts, min_gram_length: shortest, max_gram_length: longest } = attrs;
  const pool: readonly Token[] | undefined = pool_strings ?? pool_int64s;
  if (!pool || (pool_strings && pool_int64s))
    throw wrong("one of the attributes 'pool_int64s' and 'pool_strings' must be given, and only one");
  if (shortest < 1 || longest < shortest || attrs.max_skip_count < 0)
    throw wrong(`n-grams of ${shortest} to ${longest} with ${attrs.max_skip_count} skips make no sense`);
  const root = newPrefix();
  let gram = 0;
  starts.forEach((start, i) => {
    const size = i + 1;
    const end = starts[i + 1] ?? pool.length;
    if (start < 0 || end < start || end > pool.length || (end - start) % size !== 0)
      throw wrong(`'ngram_counts' ${showShape(starts)} does not divide a pool of ${pool.length} into n-grams`);
    for (let at = start; at < end; at += size, gram++) {
      if (size < shortest || size > longest) continue;
      const last = pool.slice(at, at + size).reduce((p, token) => {
        let next = p.longer.get(token);
        if (!next) p.longer.set(token, (next = newPrefix()));
        return next;
      }, root);
      last.gram = gram;
    }
  });
  if (gram !== attrs.ngram_indexes.length) throw wrong(`the pool holds ${gram} n-grams, 'ngram_indexes' ${attrs.ngram_indexes.length}`);
  return { root, strings: pool_strings !== undefined };
};

/** How often each n-gram of the pool stands in a row, its tokens `1 + skip` apart for every skip that is allowed. 1-grams count once. */
const countGrams = (row: readonly Token[], root: Prefix, attrs: Attrs): Float64Array => {
  const counts = new Float64Array(attrs.ngram_indexes.length);
  for (let stride = 1; stride <= attrs.max_skip_count + 1; stride++) {
    // With a stride of the whole row only 1-grams are left, and those are counted.
    if (stride > 1 && stride >= row.length) break;
    for (let start = 0; start < row.length; start++) {
      let prefix: Prefix | undefined = root;
      for (let at = start, n = 1; at < row.length && n <= attrs.max_gram_length; at += stride, n++) {
        prefix = prefix.longer.get(row[at]!);
        if (!prefix) break;
        if (prefix.gram !== undefined && (n > 1 || stride === 1)) counts[prefix.gram]!++;
      }
    }
  }
  return counts;
};

const outputShape = (x: readonly number[], attrs: Attrs): number[] => {
  if (x.length > 2) throw shapeError(`'X' has shape ${showShape(x)}, it must be [C] or [N, C]`);
  return [...x.slice(0, -1), lengthOf(attrs)];
};

/**
 * The i-th weight belongs to the i-th n-gram of the pool, as the specification says; where `ngram_indexes`
 * is not 0, 1, 2, … onnxruntime takes it for the i-th output instead.
 */
export const TfIdfVectorizer = defineOp({
  name: 'TfIdfVectorizer',
  since: 9,
  inputs: { X: ['string', 'int32', 'int64'] },
  outputs: { Y: 'float32' },
  attrs: attrSpecs,
  shapes: ({ X }, attrs) => [outputShape(X.shape, attrs)],
  host: ({ X }, attrs) => {
    const { mode, ngram_indexes, weights } = attrs;
    const dims = outputShape(X.dims, attrs);
    const { root, strings } = readPool(attrs);
    if (strings !== (X.dtype === 'string'))
      throw new FlagosError('FLAGOS_E_DTYPE', `input 'X' is ${X.dtype}, the pool holds ${strings ? 'strings' : 'integers'}`);
    if (weights && weights.length !== ngram_indexes.length)
      throw wrong(`'weights' has ${weights.length} entries, 'ngram_indexes' ${ngram_indexes.length}`);
    const width = dims[dims.length - 1]!;
    const tokens: Token[] = strings ? (X.data as string[]) : X.toValues().map((v) => BigInt(v));
    const perRow = X.dims.length === 0 ? 1 : X.dims[X.dims.length - 1]!;
    const rows = X.dims.length === 2 ? X.dims[0]! : 1;
    const result = Tensor.zeros('float32', dims);
    const out = result.data as Float32Array;
    for (let r = 0; r < rows; r++) {
      countGrams(tokens.slice(r * perRow, (r + 1) * perRow), root, attrs).forEach((count, gram) => {
        const weight = mode === 'TF' ? 1 : (weights?.[gram] ?? 1);
        out[r * width + ngram_indexes[gram]!]! += (mode === 'IDF' ? Math.min(count, 1) : count) * weight;
      });
    }
    return result;
  },
});
