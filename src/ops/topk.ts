/** TopK: the largest or smallest elements of each row, on the host. */
import { sizeOf, Tensor } from '../core/tensor.ts';
import { flag, int } from './attrs.ts';
import { defineOp, value } from './define.ts';
import { takeElements } from './movement.ts';
import { comparatorOf } from './ordering.ts';
import { topkHeap } from './raw/topk.ts';
import { numeric } from './types.ts';
import { expectRank, normalizeAxis, replaceAt, scalarOf, valueError } from './util.ts';

/** Where a new element belongs among `length` ordered ones: after all that do not come after it. */
const insertionPoint = (ordered: Int32Array, length: number, item: number, compare: (a: number, b: number) => number): number => {
  let [lo, hi] = [0, length];
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (compare(ordered[mid]!, item) <= 0) lo = mid + 1;
    else hi = mid;
  }
  return lo;
};

/** The first k of 0 … n−1 in an order, ordered; ties keep the lower index first. */
const firstK = (n: number, k: number, compare: (a: number, b: number) => number): Int32Array => {
  // Sorting wins once a good part is kept; before that, keeping k ordered ones is a comparison per element.
  if (k * 16 > n)
    return Int32Array.from({ length: n }, (_, i) => i)
      .sort((a, b) => compare(a, b) || a - b)
      .subarray(0, k);
  const best = new Int32Array(k);
  let length = 0;
  for (let i = 0; i < n; i++) {
    if (length === k && (k === 0 || compare(best[k - 1]!, i) <= 0)) continue;
    const at = insertionPoint(best, length, i, compare);
    best.copyWithin(at + 1, at, Math.min(length, k - 1));
    best[at] = i;
    length = Math.min(length + 1, k);
  }
  return best;
};

const outputShape = (dims: readonly number[], given: number, k: number): { axis: number; shape: number[] } => {
  expectRank(dims, 1, 'X');
  const axis = normalizeAxis(given, dims.length);
  if (k < 0 || k > dims[axis]!) throw valueError(`K is ${k}, axis ${axis} has ${dims[axis]} elements`);
  return { axis, shape: replaceAt(dims, axis, k) };
};

export const TopK = defineOp({
  name: 'TopK',
  since: 10,
  inputs: { X: numeric, K: value(['int64']) },
  outputs: { Values: 'X', Indices: 'int64' },
  attrs: { axis: int(-1), largest: flag(true), sorted: flag(true) },
  raw: [topkHeap],
  shapes: ({ X, K }, { axis }) => {
    const { shape } = outputShape(X.shape, axis, scalarOf(K, 'K'));
    return [shape, shape];
  },
  // Unsorted output may stand in any order, so it is sorted too.
  host: ({ X, K }, { axis: given, largest }) => {
    const k = scalarOf(K, 'K');
    const { axis, shape } = outputShape(X.dims, given, k);
    const [outer, n, inner] = [sizeOf(X.dims.slice(0, axis)), X.dims[axis]!, sizeOf(X.dims.slice(axis + 1))];
    const ascending = comparatorOf(X);
    const positions = new Float64Array(sizeOf(shape));
    const found = new BigInt64Array(sizeOf(shape));
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        const at = (j: number): number => (o * n + j) * inner + i;
        const best = firstK(n, k, largest ? (a, b) => ascending(at(b), at(a)) : (a, b) => ascending(at(a), at(b)));
        for (let j = 0; j < k; j++) {
          const out = (o * k + j) * inner + i;
          positions[out] = at(best[j]!);
          found[out] = BigInt(best[j]!);
        }
      }
    }
    return { Values: takeElements(X, positions, shape), Indices: new Tensor('int64', shape, found) };
  },
});
