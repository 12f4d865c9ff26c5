/** What translators of every family need: constants, casts, reshapes, axes. */
import type { DType } from '../../../core/dtype.ts';
import { dtypeInfo } from '../../../core/dtype.ts';
import { sizeOf, Tensor } from '../../../core/tensor.ts';
import type { GraphBuilder, Sym } from '../translate.ts';

/** A scalar of a type. Numbers are stored as tfjs would: cut for integers. */
export const scalar = (g: GraphBuilder, dtype: DType, value: number): Sym =>
  g.constant(Tensor.scalar(dtype, dtypeInfo(dtype).kind === 'int' ? Math.trunc(value) | 0 : value));

/** Axes, sizes, repeats: what ONNX takes as an int64 vector. */
export const int64s = (g: GraphBuilder, values: readonly number[]): Sym => g.constant(Tensor.from('int64', [values.length], values));

export const cast = (g: GraphBuilder, x: Sym, dtype: DType): Sym =>
  x.dtype === dtype ? x : g.op('Cast', [x], { to: dtypeInfo(dtype).onnx })[0]!;

export const reshape = (g: GraphBuilder, x: Sym, shape: readonly number[]): Sym =>
  x.shape.length === shape.length && x.shape.every((d, i) => d === shape[i])
    ? x
    : g.op('Reshape', [x, int64s(g, shape)], { allowzero: 1 })[0]!;

/** A tfjs axis argument (a number, a list, or nothing, which means all) as sorted non-negative axes. */
export const axesOf = (axis: unknown, rank: number): number[] => {
  const given = axis === undefined || axis === null ? [...Array(rank).keys()] : Array.isArray(axis) ? (axis as number[]) : [axis as number];
  return given.map((a) => (a < 0 ? a + rank : a)).sort((a, b) => a - b);
};

/** A tensor of one value. */
export const filled = (g: GraphBuilder, dtype: DType, shape: readonly number[], value: number): Sym =>
  g.op('Expand', [scalar(g, dtype, value), int64s(g, shape)])[0]!;

/** The type two operands meet in: tfjs's order is bool < int32 < float32. */
const order: readonly DType[] = ['bool', 'int32', 'float32'];
export const upcast = (a: DType, b: DType): DType => (order.indexOf(a) >= order.indexOf(b) ? a : b);

export const isEmpty = (x: Sym): boolean => sizeOf(x.shape) === 0;

/** Inputs of a variadic kernel, in order. */
export const listOf = (inputs: Readonly<Record<string, Sym>>): Sym[] => {
  const found: Sym[] = [];
  for (let i = 0; inputs[i] !== undefined; i++) found.push(inputs[i]!);
  return found;
};
