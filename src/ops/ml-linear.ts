/** Linear models of ai.onnx.ml. Sums are float64, whatever the features are. */
import { FlagosError } from '../core/errors.ts';
import { Tensor } from '../core/tensor.ts';
import { flag, int, optionalBigInts, optionalFloats, optionalStrings, requiredFloats } from './attrs.ts';
import { contraction, defineOp } from './define.ts';
import {
  argmax,
  dot,
  expectLength,
  featureTypes,
  fromRows,
  labelsOf,
  postTransform,
  rowShape,
  rowsOf,
  transformScores,
  twoLabels,
} from './ml-scores.ts';

const domain = 'ai.onnx.ml';

/** One linear function for each of `count` outputs: rows of coefficients, one after another, and intercepts. */
const linear = (
  coefficients: readonly number[],
  intercepts: readonly number[] | undefined,
  count: number,
  features: number,
): ((row: Float64Array) => number[]) => {
  expectLength(coefficients, count * features, 'coefficients');
  if (intercepts) expectLength(intercepts, count, 'intercepts');
  return (row) => Array.from({ length: count }, (_, t) => dot(row, coefficients, t * features) + (intercepts?.[t] ?? 0));
};

export const LinearRegressor = defineOp({
  name: 'LinearRegressor',
  domain,
  since: 1,
  accuracy: contraction,
  inputs: { X: featureTypes },
  outputs: { Y: 'float32' },
  attrs: { coefficients: optionalFloats(), intercepts: optionalFloats(), post_transform: postTransform(), targets: int(1) },
  shapes: ({ X }, { targets }) => [[rowShape(X.shape)[0], targets]],
  host: ({ X }, { coefficients, intercepts, post_transform, targets }) => {
    if (targets < 1) throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'targets' is ${targets}, it must be at least 1`);
    const predict = linear(coefficients ?? [], intercepts, targets, rowShape(X.dims)[1]);
    return fromRows(
      rowsOf(X).map((row) => [...transformScores(predict(row), post_transform)]),
      targets,
    );
  },
});

const classCount = (intercepts: readonly number[] | undefined, coefficients: readonly number[], features: number): number => {
  if (intercepts && intercepts.length > 0) return intercepts.length;
  const count = coefficients.length / features;
  if (!Number.isInteger(count) || count < 1)
    throw new FlagosError('FLAGOS_E_ATTRIBUTE', `${coefficients.length} coefficients are no whole number of rows of ${features} features`);
  return count;
};

/**
 * One score is a question with two answers: with two labels it is written as (−s, s), and the label is
 * the second where s > 0. Several scores: the label of the largest. Labels are chosen before the post transform.
 */
export const LinearClassifier = defineOp({
  name: 'LinearClassifier',
  domain,
  since: 1,
  accuracy: contraction,
  inputs: { X: featureTypes },
  outputs: { Y: ({ attrs }) => labelsOf(attrs.classlabels_ints, attrs.classlabels_strings).dtype, Z: 'float32' },
  attrs: {
    classlabels_ints: optionalBigInts(),
    classlabels_strings: optionalStrings(),
    coefficients: requiredFloats(),
    intercepts: optionalFloats(),
    multi_class: flag(false),
    post_transform: postTransform(),
  },
  shapes: ({ X }, attrs) => {
    const [rows, features] = rowShape(X.shape);
    const count = classCount(attrs.intercepts, attrs.coefficients, features);
    const two = count === 1 && labelsOf(attrs.classlabels_ints, attrs.classlabels_strings).values.length === 2;
    return [[rows], [rows, two ? 2 : count]];
  },
  host: ({ X }, { classlabels_ints, classlabels_strings, coefficients, intercepts, post_transform }) => {
    const features = rowShape(X.dims)[1];
    const count = classCount(intercepts, coefficients, features);
    const labels = labelsOf(classlabels_ints, classlabels_strings);
    const binary = count === 1;
    if (!binary && labels.values.length > 0)
      expectLength(labels.values, count, `classlabels_${labels.dtype === 'string' ? 'strings' : 'ints'}`);
    const two = binary && labels.values.length === 2;
    const predict = linear(coefficients, intercepts, count, features);
    const names = binary ? twoLabels(labels) : labels.values;
    const scores = rowsOf(X).map(predict);
    const chosen = scores.map((s) => {
      const best = binary ? Number(s[0]! > 0) : argmax(s);
      return names[best] ?? BigInt(best);
    });
    const written = scores.map((s) => [...transformScores(two ? [-s[0]!, s[0]!] : s, post_transform)]);
    return [Tensor.from(labels.dtype, [scores.length], chosen), fromRows(written, two ? 2 : count)];
  },
});
