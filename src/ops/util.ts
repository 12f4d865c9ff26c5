/** Small helpers of op records: reading the values that decide shapes, axes, and shapes in messages. */
import { dtypeInfo, type DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { cast, constant, type Expr } from '../compiler/expr.ts';
import type { TensorExpr } from '../compiler/tensor-expr.ts';

/** A shape for messages: `[2, 3]`. */
export const showShape = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

/** A shape that does not fit the op. */
export const shapeError = (reason: string, hint?: string): FlagosError => new FlagosError('FLAGOS_E_SHAPE', reason, { hint });
/** A value the op does not allow. */
export const valueError = (reason: string, hint?: string): FlagosError => new FlagosError('FLAGOS_E_VALUE', reason, { hint });

/** Elements of a known tensor as plain numbers. 64-bit integers beyond 2^53 are rounded, which is harmless where they are clamped (Slice's INT64_MAX). */
export const numbersOf = (t: Tensor): number[] => Array.from(t.toNumbers());

/** The one element of a known tensor of any rank. @throws FLAGOS_E_SHAPE if there is not exactly one. */
export const scalarOf = (t: Tensor, name: string): number => {
  if (t.size !== 1) throw shapeError(`'${name}' must hold one value, its shape is ${showShape(t.dims)}`);
  return t.toNumbers()[0]!;
};

/** An axis as 0 … rank−1; negative ones count from the end. @throws FLAGOS_E_VALUE outside [−rank, rank). */
export const normalizeAxis = (axis: number, rank: number, name = 'axis'): number => {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw valueError(
      `${name} ${axis} is outside a tensor of rank ${rank}`,
      rank > 0 ? `it must be from ${-rank} to ${rank - 1}` : undefined,
    );
  }
  return axis < 0 ? axis + rank : axis;
};

/** Axes as 0 … rank−1, in the order given. @throws FLAGOS_E_VALUE outside the rank or twice the same. */
export const normalizeAxes = (axes: readonly number[], rank: number, name = 'axis'): number[] => {
  const normal = axes.map((a) => normalizeAxis(a, rank, name));
  if (new Set(normal).size !== normal.length) throw valueError(`${name} is repeated in ${showShape(axes)}`);
  return normal;
};

/** A list with the item at a position replaced. */
export const replaceAt = <T>(list: readonly T[], position: number, item: T): T[] => list.map((x, i) => (i === position ? item : x));
/** A list with an item put in at a position. */
export const insertAt = <T>(list: readonly T[], position: number, item: T): T[] => [
  ...list.slice(0, position),
  item,
  ...list.slice(position),
];
/** A list without the item at a position. */
export const removeAt = <T>(list: readonly T[], position: number): T[] => list.filter((_, i) => i !== position);
/** 0 … n−1. */
export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

export const sameShape = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

/** @throws FLAGOS_E_SHAPE if a shape is not the one expected. */
export const expectShape = (shape: readonly number[], expected: readonly number[], name: string): void => {
  if (!sameShape(shape, expected)) throw shapeError(`'${name}' has shape ${showShape(shape)}, it must be ${showShape(expected)}`);
};

/** @throws FLAGOS_E_SHAPE if the rank is below `least`. */
export const expectRank = (shape: readonly number[], least: number, name: string): void => {
  if (shape.length < least)
    throw shapeError(`'${name}' has shape ${showShape(shape)}, it must have at least ${least} ${least === 1 ? 'axis' : 'axes'}`);
};

/** The float type that holds every value of the given ones: the type several of them are calculated in together. */
export const widest = (...types: readonly DType[]): DType => {
  if (types.every((t) => t === types[0])) return types[0]!;
  return types.some((t) => dtypeInfo(t).bits === 64) ? 'float64' : 'float32';
};

/**
 * An extent as a value to calculate with. Like every extent it is then a parameter of the kernel, not part of its
 * text; except where the type would round it.
 */
export const extentAs = (n: number, dtype: DType): Expr => {
  const { kind, bits } = dtypeInfo(dtype);
  return kind === 'float' && n > 2 ** 24 && bits < 64 ? constant(n, dtype) : cast(constant(n, 'index'), dtype);
};

/** The float type intermediate results of a type are kept in: float32 at least, float64 for integers, whose range float32 does not hold. */
export const workingType = (dtype: DType): DType => (dtypeInfo(dtype).kind === 'float' ? widest(dtype, 'float32') : 'float64');

/** The one element of a tensor of any rank, as an expression. @throws FLAGOS_E_SHAPE if there is not exactly one. */
export const elementOf = (x: TensorExpr, name: string): Expr => {
  if (x.size !== 1) throw shapeError(`'${name}' must hold one value, its shape is ${showShape(x.shape)}`);
  return x.flat(0);
};
