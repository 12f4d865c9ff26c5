/** Cutting and joining tensors on the host, of any element type: what sequence and loop ops do around their bodies. */
import { allocate, dtypeInfo, type TensorData } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { bytesOf, sizeOf, Tensor } from '../core/tensor.ts';
import { insertAt, removeAt, replaceAt, shapeError, showShape } from './util.ts';

/** Copies storage elements `start` … `end` of one array to position `at` of another of the same kind. */
const copyElements = (to: TensorData, at: number, from: TensorData, start: number, end: number): void => {
  if (Array.isArray(to) || Array.isArray(from)) {
    for (let i = start; i < end; i++) to[at + i - start] = from[i]!;
    return;
  }
  const width = from.BYTES_PER_ELEMENT;
  bytesOf(to).set(bytesOf(from).subarray(start * width, end * width), at * width);
};

/** Storage elements in one step along an axis. */
const innerSize = (t: Tensor, axis: number): number => sizeOf(t.dims.slice(axis + 1)) * dtypeInfo(t.dtype).lanes;

/** Positions `start` … `end` along an axis (0 ≤ start ≤ end ≤ extent). */
export const sliceAxis = (t: Tensor, axis: number, start: number, end: number): Tensor => {
  const inner = innerSize(t, axis);
  const outer = sizeOf(t.dims.slice(0, axis));
  const extent = t.dims[axis]!;
  const dims = replaceAt(t.dims, axis, end - start);
  const data = allocate(t.dtype, sizeOf(dims));
  const block = (end - start) * inner;
  for (let o = 0; o < outer; o++) copyElements(data, o * block, t.data, (o * extent + start) * inner, (o * extent + end) * inner);
  return new Tensor(t.dtype, dims, data);
};

/** The part at one position of an axis; the axis is dropped. */
export const takeAxis = (t: Tensor, axis: number, position: number): Tensor =>
  sliceAxis(t, axis, position, position + 1).reshaped(removeAt(t.dims, axis));

const alike = (parts: readonly Tensor[], sameExcept: number | undefined, what: string): Tensor => {
  const first = parts[0];
  if (!first) throw new FlagosError('FLAGOS_E_VALUE', `${what} of no tensors has no shape`);
  for (const p of parts) {
    if (p.dtype !== first.dtype)
      throw new FlagosError('FLAGOS_E_DTYPE', `${what} of ${first.dtype} and ${p.dtype}; all must be of one type`);
    if (p.dims.length !== first.dims.length || p.dims.some((d, i) => i !== sameExcept && d !== first.dims[i])) {
      throw shapeError(`${what} of shapes ${showShape(first.dims)} and ${showShape(p.dims)}, which do not fit`);
    }
  }
  return first;
};

/**
 * Tensors one after another along an axis (0 ≤ axis < rank).
 * @throws FLAGOS_E_VALUE if there are none, FLAGOS_E_DTYPE, FLAGOS_E_SHAPE if they do not fit.
 */
export const concatTensors = (parts: readonly Tensor[], axis: number): Tensor => {
  const first = alike(parts, axis, 'concatenation');
  const dims = replaceAt(
    first.dims,
    axis,
    parts.reduce((n, p) => n + p.dims[axis]!, 0),
  );
  const data = allocate(first.dtype, sizeOf(dims));
  const outer = sizeOf(first.dims.slice(0, axis));
  const inner = innerSize(first, axis);
  let at = 0;
  for (let o = 0; o < outer; o++) {
    for (const p of parts) {
      const block = p.dims[axis]! * inner;
      copyElements(data, at, p.data, o * block, (o + 1) * block);
      at += block;
    }
  }
  return new Tensor(first.dtype, dims, data);
};

/** Tensors of one shape side by side along a new axis (0 ≤ axis ≤ rank). @throws as {@link concatTensors}. */
export const stackTensors = (parts: readonly Tensor[], axis: number): Tensor => {
  alike(parts, undefined, 'stack');
  return concatTensors(
    parts.map((p) => p.reshaped(insertAt(p.dims, axis, 1))),
    axis,
  );
};
