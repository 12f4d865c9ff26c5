/** Matrix products: numpy's rules for batches and vectors, Gemm's for transposes, scales and a bias. */
import { add, cast, constant, mul, sum, type Expr, type Operand } from '../compiler/expr.ts';
import { atBroadcast, broadcastShapes, compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import { isFloat } from '../core/dtype.ts';
import { flag, float } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import { transposed, type Readable } from './readable.ts';
import { floats } from './types.ts';
import { expectRank, sameShape, shapeError, showShape } from './util.ts';

/** What ONNX's matrix products take. */
export const matrixTypes = [...floats, 'int32', 'int64', 'uint32', 'uint64'] as const;

/** Extents of a matrix product. */
interface Product {
  readonly batch: readonly number[];
  readonly rows: number | undefined;
  readonly inner: number;
  readonly columns: number | undefined;
}

const productOf = (a: readonly number[], b: readonly number[]): Product => {
  expectRank(a, 1, 'A');
  expectRank(b, 1, 'B');
  const inner = a.at(-1)!;
  const rowsOfB = b.length === 1 ? b[0]! : b.at(-2)!;
  if (inner !== rowsOfB) {
    throw shapeError(`shapes ${showShape(a)} and ${showShape(b)} cannot be multiplied: ${inner} columns meet ${rowsOfB} rows`);
  }
  return {
    batch: broadcastShapes(a.slice(0, -2), b.slice(0, -2)),
    inner,
    rows: a.length === 1 ? undefined : a.at(-2)!,
    columns: b.length === 1 ? undefined : b.at(-1)!,
  };
};

/** Batch indices as a broadcast operand sees them. */
const batchAt = (shape: readonly number[], batch: readonly Expr[]): Operand[] => {
  const own = shape.slice(0, -2);
  return own.map((d, i) => (d === 1 ? 0 : batch[batch.length - own.length + i]!));
};

/** Where a sum comes from: the first element of its row of A, and of its column of B. For scales that belong to rows and columns. */
export interface Places {
  readonly a: readonly Operand[];
  readonly b: readonly Operand[];
}

/**
 * A·B by numpy's rules: leading axes are batches and broadcast; a vector is a row on the left, a
 * column on the right, and its axis is not in the result.
 * @param finish what becomes of each sum, with its index in the result: bias, scale, rounding.
 * @throws FLAGOS_E_SHAPE if inner extents differ, batches do not broadcast, or an argument is a scalar.
 */
export const matmul = (
  a: Readable,
  b: Readable,
  finish: (sum: Expr, at: readonly Expr[], places: Places) => Expr = (e) => e,
): TensorExpr => {
  const { batch, rows, inner, columns } = productOf(a.shape, b.shape);
  const shape = [...batch, ...(rows === undefined ? [] : [rows]), ...(columns === undefined ? [] : [columns])];
  return compute(shape, (...at) => {
    const outer = at.slice(0, batch.length);
    const row = rows === undefined ? [] : [at[batch.length]!];
    const column = columns === undefined ? [] : [at.at(-1)!];
    const left = (k: Operand): Operand[] => [...batchAt(a.shape, outer), ...row, k];
    const right = (k: Operand): Operand[] => [...batchAt(b.shape, outer), k, ...column];
    const dot = sum(inner, (k) => mul(a.at(...left(k!)), b.at(...right(k!))));
    return finish(dot, at, { a: left(0), b: right(0) });
  });
};

/** e · factor; integers are scaled in float64 and cut back, unless the factor is whole. */
const scaled = (e: Expr, factor: number): Expr => {
  if (factor === 1) return e;
  if (e.type === 'index' || isFloat(e.type) || Number.isInteger(factor)) return mul(e, constant(factor, e.type));
  return cast(mul(cast(e, 'float64'), factor), e.type);
};

/** Scales of a {@link gemm}. */
export interface GemmScales {
  readonly alpha: number;
  readonly beta: number;
}

/**
 * alpha·A·B + beta·C of matrices, C broadcast to the product.
 * @throws FLAGOS_E_SHAPE
 */
export const gemm = (
  a: Readable,
  b: Readable,
  c: TensorExpr | undefined,
  { alpha, beta }: GemmScales,
  finish: (e: Expr) => Expr = (e) => e,
): TensorExpr => {
  if (a.shape.length !== 2 || b.shape.length !== 2)
    throw shapeError(`A and B must be matrices, their shapes are ${showShape(a.shape)} and ${showShape(b.shape)}`);
  const shape = [a.shape[0]!, b.shape[1]!];
  if (c && !(c.rank <= 2 && sameShape(broadcastShapes(shape, c.shape), shape))) {
    throw shapeError(`C of shape ${showShape(c.shape)} does not broadcast to the product's shape ${showShape(shape)}`);
  }
  return matmul(a, b, (e, at) => {
    const product = scaled(e, alpha);
    // A bias scaled by 0 is not read: it may hold anything, NaN too.
    return finish(c && beta !== 0 ? add(product, scaled(atBroadcast(c, at), beta)) : product);
  });
};

export const MatMul = defineOp({
  name: 'MatMul',
  since: 1,
  inputs: { A: matrixTypes, B: 'A' },
  outputs: { Y: 'A' },
  compute: ({ A, B }) => matmul(A, B),
});

export const Gemm = defineOp({
  name: 'Gemm',
  since: 11,
  inputs: { A: matrixTypes, B: 'A', C: optional('A') },
  outputs: { Y: 'A' },
  attrs: { alpha: float(1), beta: float(1), transA: flag(false), transB: flag(false) },
  compute: ({ A, B, C }, { transA, transB, ...scales }) => gemm(transA ? transposed(A) : A, transB ? transposed(B) : B, C, scales),
});
