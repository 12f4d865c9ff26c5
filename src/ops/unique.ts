/** Unique: distinct elements, or distinct slices along an axis. On the host, for its size depends on the data. */
import { sizeOf, Tensor } from '../core/tensor.ts';
import { flag, optionalInt } from './attrs.ts';
import { defineOp } from './define.ts';
import { takeElements } from './movement.ts';
import { comparatorOf } from './ordering.ts';
import { slicePositions } from './select.ts';
import { common } from './types.ts';
import { normalizeAxis, range, replaceAt } from './util.ts';

interface Group {
  /** Smallest index of an equal item. */
  readonly first: number;
  readonly members: readonly number[];
}

/** Items of equal content, in ascending order of it. */
const groupsOf = (count: number, compare: (a: number, b: number) => number): Group[] => {
  // Sorting is stable, so equal items stay in the order they came.
  const order = range(count).sort(compare);
  const groups: { first: number; members: number[] }[] = [];
  for (const item of order) {
    const last = groups.at(-1);
    if (last && compare(last.first, item) === 0) last.members.push(item);
    else groups.push({ first: item, members: [item] });
  }
  return groups;
};

export const Unique = defineOp({
  name: 'Unique',
  since: 11,
  inputs: { X: common },
  outputs: { Y: 'X', indices: 'int64', inverse_indices: 'int64', counts: 'int64' },
  attrs: { axis: optionalInt(), sorted: flag(true) },
  host: ({ X }, { axis: given, sorted }) => {
    const flat = given === undefined ? X.reshaped([X.size]) : X;
    const axis = given === undefined ? 0 : normalizeAxis(given, X.dims.length);
    const [count, inner] = [flat.dims[axis]!, sizeOf(flat.dims.slice(axis + 1))];
    const outer = sizeOf(flat.dims.slice(0, axis));
    const compareElements = comparatorOf(flat);
    const compare = (a: number, b: number): number => {
      for (let o = 0; o < outer; o++) {
        for (let i = 0; i < inner; i++) {
          const d = compareElements((o * count + a) * inner + i, (o * count + b) * inner + i);
          if (d !== 0) return d;
        }
      }
      return 0;
    };
    const groups = groupsOf(count, compare);
    if (!sorted) groups.sort((a, b) => a.first - b.first);
    const inverse = new BigInt64Array(count);
    groups.forEach((g, i) => g.members.forEach((m) => (inverse[m] = BigInt(i))));
    const vector = (values: readonly number[]): Tensor => Tensor.from('int64', [values.length], values);
    const firsts = groups.map((g) => g.first);
    return {
      Y: takeElements(flat, slicePositions(flat.dims, axis, firsts), replaceAt(flat.dims, axis, groups.length)),
      indices: vector(firsts),
      inverse_indices: new Tensor('int64', [count], inverse),
      counts: vector(groups.map((g) => g.members.length)),
    };
  },
});
