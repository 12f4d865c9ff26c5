/** What the classifiers and regressors of ai.onnx.ml share: post transforms, class labels, rows of features. */
import { FlagosError } from '../core/errors.ts';
import { Tensor } from '../core/tensor.ts';
import type { DType } from '../core/dtype.ts';
import { oneOf, type AttrSpec } from './attrs.ts';
import { shapeError, showShape } from './util.ts';

export const postTransforms = ['NONE', 'SOFTMAX', 'LOGISTIC', 'SOFTMAX_ZERO', 'PROBIT'] as const;
export type PostTransform = (typeof postTransforms)[number];
export const postTransform = (): AttrSpec<PostTransform> => oneOf(...postTransforms);

/** Element types features come in. */
export const featureTypes = ['float32', 'float64', 'int64', 'int32'] as const satisfies readonly DType[];

/** Without overflow for large negative x. */
export const logistic = (x: number): number => (x < 0 ? 1 - 1 / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));

/** Winitzki's closed form of the inverse error function, which is what implementations of this op use; off by up to 0.2 %. */
const inverseErf = (x: number): number => {
  const a = 0.147;
  const log = Math.log((1 - x) * (1 + x));
  const half = 2 / (Math.PI * a) + log / 2;
  return x === 0 ? 0 : Math.sign(x) * Math.sqrt(Math.sqrt(half * half - log / a) - half);
};
const probit = (p: number): number => Math.SQRT2 * inverseErf(2 * p - 1);

const softmax = (scores: readonly number[]): number[] => {
  const top = Math.max(...scores);
  const powers = scores.map((s) => Math.exp(s - top));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / total);
};

/** Softmax in which scores of (about) zero stay zero. All zero: one half each. */
const softmaxZero = (scores: readonly number[]): number[] => {
  const top = Math.max(...scores);
  const powers = scores.map((s) => (Math.abs(s) > 1e-7 ? Math.exp(s - top) : s * Math.exp(-top)));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => (total === 0 ? 0.5 : p / total));
};

/** The scores of one example after a post transform. */
export const transformScores = (scores: readonly number[], transform: PostTransform): readonly number[] => {
  switch (transform) {
    case 'NONE':
      return scores;
    case 'LOGISTIC':
      return scores.map(logistic);
    case 'PROBIT':
      return scores.map(probit);
    case 'SOFTMAX':
      return softmax(scores);
    case 'SOFTMAX_ZERO':
      return softmaxZero(scores);
  }
};

/** Position of the largest; the first of equal ones. */
export const argmax = (scores: readonly number[]): number => scores.reduce((best, s, i) => (s > scores[best]! ? i : best), 0);

/** The classes of a classifier, by one of its two label attributes. */
export interface Labels {
  readonly dtype: 'int64' | 'string';
  readonly values: readonly (bigint | string)[];
}

/** @throws FLAGOS_E_ATTRIBUTE unless exactly one kind of label is given. */
export const labelsOf = (ints: readonly bigint[] | undefined, strings: readonly string[] | undefined): Labels => {
  const some = [ints, strings].filter((l) => l !== undefined && l.length > 0);
  if (some.length > 1)
    throw new FlagosError('FLAGOS_E_ATTRIBUTE', 'class labels are given as integers and as strings, only one is allowed');
  return strings && strings.length > 0 ? { dtype: 'string', values: strings } : { dtype: 'int64', values: ints ?? [] };
};

/** Labels of a question with two answers: the two given; with one given it is the positive one; with none 0 and 1. */
export const twoLabels = ({ dtype, values }: Labels): readonly (bigint | string)[] => {
  if (values.length >= 2) return values;
  return [dtype === 'string' ? '' : 0n, values[0] ?? 1n];
};

/** Features as rows of numbers: [N, F], or [F] as one row. @throws FLAGOS_E_SHAPE. */
export const rowShape = (shape: readonly number[], name = 'X'): readonly [rows: number, features: number] => {
  if (shape.length === 2) return [shape[0]!, shape[1]!];
  if (shape.length === 1) return [1, shape[0]!];
  throw shapeError(`'${name}' has shape ${showShape(shape)}, it must be [N, F]`);
};

export const rowsOf = (x: Tensor): Float64Array[] => {
  const [rows, features] = rowShape(x.dims);
  const values = x.toNumbers();
  return Array.from({ length: rows }, (_, r) => values.subarray(r * features, (r + 1) * features));
};

/** Rows of equal length as a tensor [rows, width]. */
export const fromRows = (rows: readonly (readonly number[])[], width: number, dtype: DType = 'float32'): Tensor =>
  Tensor.from(dtype, [rows.length, width], rows.flat());

/** Σ a·b over `a`, the other read from `start`. */
export const dot = (a: ArrayLike<number>, b: ArrayLike<number>, start = 0): number => {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[start + i]!;
  return total;
};

/** @throws FLAGOS_E_ATTRIBUTE if a list attribute has another length than needed. */
export const expectLength = (list: ArrayLike<unknown> | undefined, length: number, name: string): void => {
  if ((list?.length ?? 0) !== length)
    throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute '${name}' has ${list?.length ?? 0} entries, it must have ${length}`);
};
