/** Where tensors lie in memory: their buffers, and the positions of their elements. */
import { sizeOf } from '../../core/tensor.ts';
import { joinDigits, type Digit } from '../digits.ts';
import { ix, type Buffer, type LExpr } from '../loops.ts';
import { ComputeTensor, ConcatTensor, type TensorExpr } from '../tensor-expr.ts';

/** The order in which a tensor's axes lie in memory, outermost first; undefined for their own order. Tensors that come from outside or go there are copied. */
export type Layout = (t: TensorExpr) => readonly number[] | undefined;

/** Tensors whose buffers may be laid out in any order: they are written element by element. */
export const canLayOut = (t: TensorExpr): boolean => t instanceof ComputeTensor || t instanceof ConcatTensor;

/** Position of an index in memory, where axes lie in the order given (their own, if none is). */
export const positionOf = (at: readonly LExpr[], shape: readonly number[], order: readonly number[] = shape.map((_, d) => d)): LExpr => {
  const terms: Digit[] = [];
  let stride = sizeOf(shape);
  for (const d of order) {
    stride = shape[d] === 0 ? 0 : stride / shape[d]!;
    terms.push({ e: at[d]!, stride });
  }
  return joinDigits(terms).reduce((e, t) => ix.add(e, ix.mul(t.e, t.stride)), ix.k(0));
};

/** The index of an element of a shape from its position, axes in their own order. */
export const indexOf = (position: LExpr, shape: readonly number[]): LExpr[] => {
  let stride = sizeOf(shape);
  return shape.map((d, axis) => {
    stride = d === 0 ? 0 : stride / d;
    const q = ix.floordiv(position, stride || 1);
    return d === 1 ? ix.k(0) : axis === 0 ? q : ix.floormod(q, d || 1);
  });
};

/** A view that only adds or drops axes of extent 1 needs no division: the base's index, else undefined. */
export const indexOfBase = (at: readonly LExpr[], shape: readonly number[], base: readonly number[]): LExpr[] | undefined => {
  const kept = shape.flatMap((d, i) => (d === 1 ? [] : [{ d, e: at[i]! }]));
  const wanted = base.filter((d) => d !== 1);
  if (kept.length !== wanted.length || kept.some(({ d }, i) => d !== wanted[i])) return undefined;
  let i = 0;
  return base.map((d) => (d === 1 ? ix.k(0) : kept[i++]!.e));
};

/** Part of a buffer that holds a tensor of some shape: indices along `axis` begin at `start`. */
export interface Slice {
  readonly buffer: Buffer;
  readonly shape: readonly number[];
  readonly axis: number;
  readonly start: number;
}

/** Position of a part's index in the whole. */
export const positionInSlice = ({ buffer, shape, axis, start }: Slice, at: readonly LExpr[]): LExpr =>
  positionOf(
    at.map((e, d) => (d === axis ? ix.add(e, ix.k(start)) : e)),
    shape,
    buffer.order,
  );

/** The tensors that are in memory already. */
export class Places {
  readonly #buffers = new Map<TensorExpr, Buffer>();
  /** Tensors that were computed as parts of others. */
  readonly #slices = new Map<TensorExpr, Slice>();

  has(t: TensorExpr): boolean {
    return this.#buffers.has(t) || this.#slices.has(t);
  }

  buffer(t: TensorExpr): Buffer | undefined {
    return this.#buffers.get(t);
  }

  isSlice(t: TensorExpr): boolean {
    return this.#slices.has(t);
  }

  put(t: TensorExpr, buffer: Buffer): void {
    this.#buffers.set(t, buffer);
  }

  putSlice(t: TensorExpr, slice: Slice): void {
    this.#slices.set(t, slice);
  }

  /** An element of a tensor in memory; undefined if it is not there. */
  read(t: TensorExpr, at: readonly LExpr[]): LExpr | undefined {
    const slice = this.#slices.get(t);
    if (slice) return { kind: 'read', type: t.dtype, buffer: slice.buffer, at: positionInSlice(slice, at) };
    const buffer = this.#buffers.get(t);
    return buffer && { kind: 'read', type: t.dtype, buffer, at: positionOf(at, t.shape, buffer.order) };
  }
}
