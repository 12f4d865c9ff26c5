/** Ops whose output has as many elements as a condition holds: Compress and NonZero. They run on the host. */
import { dtypeInfo } from '../core/dtype.ts';
import { sizeOf, Tensor } from '../core/tensor.ts';
import { optionalInt } from './attrs.ts';
import { defineOp } from './define.ts';
import { takeElements } from './movement.ts';
import { common } from './types.ts';
import { normalizeAxis, range, replaceAt, shapeError, showShape } from './util.ts';

/** Row-major positions of the slices `chosen` of an axis. */
export const slicePositions = (dims: readonly number[], axis: number, chosen: ArrayLike<number>): Float64Array => {
  const [outer, extent, inner] = [sizeOf(dims.slice(0, axis)), dims[axis]!, sizeOf(dims.slice(axis + 1))];
  const positions = new Float64Array(outer * chosen.length * inner);
  let next = 0;
  for (let o = 0; o < outer; o++) {
    for (let c = 0; c < chosen.length; c++) {
      const start = (o * extent + chosen[c]!) * inner;
      for (let i = 0; i < inner; i++) positions[next++] = start + i;
    }
  }
  return positions;
};

export const Compress = defineOp({
  name: 'Compress',
  since: 9,
  inputs: { input: common, condition: ['bool'] },
  outputs: { output: 'input' },
  attrs: { axis: optionalInt() },
  host: ({ input, condition }, { axis: given }) => {
    if (condition.dims.length !== 1) throw shapeError(`'condition' must be a vector, its shape is ${showShape(condition.dims)}`);
    const flat = given === undefined ? input.reshaped([input.size]) : input;
    const axis = given === undefined ? 0 : normalizeAxis(given, input.dims.length);
    // A short condition leaves the rest out; a long one may be true only where there is something.
    const chosen = range(condition.size).filter((i) => condition.data[i] !== 0);
    const outside = chosen.find((i) => i >= flat.dims[axis]!);
    if (outside !== undefined) throw shapeError(`'condition' is true at ${outside}, the axis has an extent of ${flat.dims[axis]}`);
    return takeElements(flat, slicePositions(flat.dims, axis, chosen), replaceAt(flat.dims, axis, chosen.length));
  },
});

/** Row-major positions of the elements that are not zero (not empty, for strings). */
const nonZeroPositions = (t: Tensor): number[] => {
  const { lanes, kind } = dtypeInfo(t.dtype);
  const data: ArrayLike<number | bigint | string> = kind === 'float' ? t.toNumbers() : t.data;
  const set = (i: number): boolean => {
    const e = data[i]!;
    return typeof e === 'string' ? e !== '' : typeof e === 'bigint' ? e !== 0n : e !== 0;
  };
  const found: number[] = [];
  for (let i = 0; i < t.size; i++) if (set(i * lanes) || (lanes === 2 && set(i * 2 + 1))) found.push(i);
  return found;
};

export const NonZero = defineOp({
  name: 'NonZero',
  since: 9,
  inputs: { X: common },
  outputs: { Y: 'int64' },
  host: ({ X }) => {
    const positions = nonZeroPositions(X);
    const rank = X.dims.length;
    const out = new BigInt64Array(rank * positions.length);
    positions.forEach((position, j) => {
      for (let d = rank - 1, p = position; d >= 0; d--) {
        out[d * positions.length + j] = BigInt(p % X.dims[d]!);
        p = Math.floor(p / X.dims[d]!);
      }
    });
    return new Tensor('int64', [rank, positions.length], out);
  },
});
