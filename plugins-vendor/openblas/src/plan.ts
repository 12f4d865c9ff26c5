/** A MatMul or Gemm of ONNX as calls of `gemm`: extents, where each batch begins, what stands in the result beforehand. */
import { concreteShape, refused, sizeOf, type Node, type NumericData, type Support, type ValueType } from 'flagos/plugin';

export interface Product {
  readonly dtype: 'float32' | 'float64';
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  /** First element of A and of B, for each matrix of the result. */
  readonly batches: readonly (readonly [number, number])[];
  readonly transA: boolean;
  readonly transB: boolean;
  readonly alpha: number;
  /** Shape of the result. */
  readonly dims: readonly number[];
  /** Fills the result with what is added to the product. @returns the factor `gemm` shall give it: 0 or 1. */
  spread(c: NumericData | undefined, y: NumericData): 0 | 1;
}

type Refusal = Support & { readonly ok: false };
const no = (reason: 'DTYPE' | 'SHAPE_UNKNOWN' | 'SHAPE' | 'ATTR' | 'LIMIT', detail: string): Refusal => refused(reason, detail) as Refusal;

const numberOf = (node: Node, name: string, usual: number): number => {
  const attr = node.attrs[name];
  return attr?.type === 'int' || attr?.type === 'float' ? Number(attr.value) : usual;
};

/** Extents of the batches of a result, and where in an operand each begins. */
const broadcast = (a: readonly number[], b: readonly number[]): number[] => {
  const rank = Math.max(a.length, b.length);
  const at = (s: readonly number[], i: number): number => s[i - rank + s.length] ?? 1;
  return Array.from({ length: rank }, (_, i) => (at(a, i) === 1 ? at(b, i) : at(a, i)));
};
const beginnings = (own: readonly number[], all: readonly number[], size: number): number[] => {
  let starts = [0];
  for (let i = 0; i < all.length; i++) {
    const extent = own[i - all.length + own.length] ?? 1;
    starts = starts.flatMap((s) => Array.from({ length: all[i]! }, (_, j) => s * extent + (extent === 1 ? 0 : j)));
  }
  return starts.map((s) => s * size);
};

/** @returns the plan, or why BLAS is not asked. */
export const planProduct = (node: Node, types: ReadonlyMap<string, ValueType>): Product | Refusal => {
  const shapes: (readonly number[])[] = [];
  let dtype: string | undefined;
  for (const name of node.inputs) {
    const type = types.get(name);
    if (name === '') continue;
    const shape = type && concreteShape(type);
    if (type?.kind !== 'tensor' || !shape) return no('SHAPE_UNKNOWN', `type or shape of '${name}' is not known`);
    dtype = type.dtype;
    if (dtype !== 'float32' && dtype !== 'float64') return no('DTYPE', `BLAS has no products of ${dtype}`);
    shapes.push(shape);
  }
  const [a, b, c] = shapes;
  if (!a || !b || a.length === 0 || b.length === 0) return no('SHAPE', 'two operands of at least one axis are needed');
  const gemm = node.op === 'Gemm';
  const [transA, transB] = ['transA', 'transB'].map((n) => gemm && numberOf(node, n, 0) !== 0) as [boolean, boolean];
  const [alpha, beta] = ['alpha', 'beta'].map((n) => (gemm ? numberOf(node, n, 1) : 1)) as [number, number];
  // BLAS leaves out a product it is to multiply by 0: infinities and NaN would be lost.
  if (alpha === 0) return no('ATTR', 'a product scaled by 0');
  const [left, right] = [a.length === 1 ? [1, a[0]!] : a.slice(-2), b.length === 1 ? [b[0]!, 1] : b.slice(-2)] as [number[], number[]];
  const [rows, inner] = (transA ? left.toReversed() : left) as [number, number];
  const columns = (transB ? right[0] : right[1])!;
  const [ownA, ownB] = [a.slice(0, -2), b.slice(0, -2)];
  const all = broadcast(ownA, ownB);
  const dims = [...all, ...(a.length === 1 ? [] : [rows]), ...(b.length === 1 ? [] : [columns])];
  if (Math.max(rows, inner, columns, sizeOf(all)) > 2 ** 31 - 1) return no('LIMIT', 'an extent of more than 31 bits');
  // One matrix on the right for all on the left: one product of all their rows.
  const one = !gemm && sizeOf(ownB) === 1 && ownB.length <= ownA.length && sizeOf(ownA) * rows < 2 ** 31;
  const startsB = beginnings(ownB, all, inner * columns);
  const [cRows, cColumns] = [c?.at(-2) ?? 1, c?.at(-1) ?? 1];
  return {
    dtype: dtype as Product['dtype'],
    inner,
    columns,
    transA,
    transB,
    alpha,
    dims,
    rows: one ? sizeOf(ownA) * rows : rows,
    batches: one ? [[0, 0]] : beginnings(ownA, all, rows * inner).map((s, i) => [s, startsB[i]!]),
    spread: (from, y) => {
      // Exact zeros, because a factor of 0 need not stop what was there from being read.
      if (!from || beta === 0) y.fill(0 as never);
      else {
        const [source, target] = [from as Float64Array, y as Float64Array];
        for (let i = 0; i < rows; i++)
          for (let j = 0; j < columns; j++)
            target[i * columns + j] = beta * source[(cRows === 1 ? 0 : i * cColumns) + (cColumns === 1 ? 0 : j)]!;
      }
      return from && beta !== 0 ? 1 : 0;
    },
  };
};
