/**
 * Support vector machines of ai.onnx.ml, in libsvm's form.
 * Sources: Chang and Lin, "LIBSVM: A Library for Support Vector Machines" (decision functions, votes);
 * Wu, Lin and Weng 2004, "Probability Estimates for Multi-class Classification by Pairwise Coupling", second method.
 */
import { FlagosError } from '../core/errors.ts';
import { Tensor } from '../core/tensor.ts';
import { flag, int, oneOf, optionalBigInts, optionalFloats, optionalInts, optionalStrings, type AttrSpec } from './attrs.ts';
import { contraction, defineOp, type AttrValues } from './define.ts';
import {
  argmax,
  dot,
  expectLength,
  featureTypes,
  fromRows,
  labelsOf,
  logistic,
  postTransform,
  rowShape,
  rowsOf,
  transformScores,
  twoLabels,
} from './ml-scores.ts';

const domain = 'ai.onnx.ml';
const kernels = ['LINEAR', 'POLY', 'RBF', 'SIGMOID'] as const;
type Kernel = (x: Float64Array, vectors: readonly number[], start: number) => number;

/** Square of the distance of an example and the support vector that begins at `start`. */
const distance = (x: Float64Array, vectors: readonly number[], start: number): number => {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i]! - vectors[start + i]!) ** 2;
  return sum;
};

/** Similarity of an example and the support vector that begins at `start`. */
const kernelOf = (type: (typeof kernels)[number], params: readonly number[] | undefined): Kernel => {
  if (params && params.length > 0) expectLength(params, 3, 'kernel_params');
  const [gamma = 0, coef0 = 0, degree = 0] = params ?? [];
  switch (type) {
    case 'LINEAR':
      return dot;
    case 'POLY':
      return (x, v, s) => (gamma * dot(x, v, s) + coef0) ** Math.trunc(degree);
    case 'SIGMOID':
      return (x, v, s) => Math.tanh(gamma * dot(x, v, s) + coef0);
    case 'RBF':
      return (x, v, s) => Math.exp(-gamma * distance(x, v, s));
  }
};

export const SVMRegressor = defineOp({
  name: 'SVMRegressor',
  domain,
  since: 1,
  accuracy: contraction,
  inputs: { X: featureTypes },
  outputs: { Y: 'float32' },
  attrs: {
    coefficients: optionalFloats(),
    kernel_params: optionalFloats(),
    kernel_type: oneOf(...kernels),
    n_supports: int(0),
    one_class: flag(false),
    post_transform: postTransform(),
    rho: optionalFloats(),
    support_vectors: optionalFloats(),
  },
  shapes: ({ X }) => [[rowShape(X.shape)[0], 1]],
  host: ({ X }, { coefficients = [], kernel_params, kernel_type, n_supports, one_class, post_transform, rho, support_vectors = [] }) => {
    const features = rowShape(X.dims)[1];
    expectLength(rho, 1, 'rho');
    expectLength(coefficients, n_supports > 0 ? n_supports : features, 'coefficients');
    if (n_supports > 0) expectLength(support_vectors, n_supports * features, 'support_vectors');
    const kernel = kernelOf(kernel_type, kernel_params);
    const predict = (row: Float64Array): number => {
      if (n_supports <= 0) return dot(row, coefficients) + rho![0]!;
      return coefficients.reduce((sum, c, j) => sum + c * kernel(row, support_vectors, j * features), 0) + rho![0]!;
    };
    return fromRows(
      rowsOf(X).map((row) => {
        const score = predict(row);
        return [...transformScores([one_class ? (score > 0 ? 1 : -1) : score], post_transform)];
      }),
      1,
    );
  },
});

const classifierAttrs = {
  classlabels_ints: optionalBigInts(),
  classlabels_strings: optionalStrings(),
  coefficients: optionalFloats(),
  kernel_params: optionalFloats(),
  kernel_type: oneOf(...kernels),
  post_transform: postTransform(),
  prob_a: optionalFloats(),
  prob_b: optionalFloats(),
  rho: optionalFloats(),
  support_vectors: optionalFloats(),
  vectors_per_class: optionalInts(),
} satisfies Record<string, AttrSpec<unknown>>;
type ClassifierAttrs = AttrValues<typeof classifierAttrs>;

interface Machine {
  readonly classes: number;
  /** Support vectors in all; 0 for a linear machine, which has one row of coefficients a class. */
  readonly vectors: number;
  readonly probabilities: boolean;
  /** Scores of one example before they are written. */
  readonly scores: number;
}

const machineOf = (attrs: ClassifierAttrs): Machine => {
  const { values } = labelsOf(attrs.classlabels_ints, attrs.classlabels_strings);
  const classes = Math.max(values.length, 1);
  const vectors = (attrs.vectors_per_class ?? []).reduce((a, b) => a + b, 0);
  const probabilities = vectors > 0 && (attrs.prob_a?.length ?? 0) > 0;
  return { classes, vectors, probabilities, scores: vectors === 0 || probabilities ? classes : (classes * (classes - 1)) / 2 };
};

const checkMachine = ({ classes, vectors, probabilities }: Machine, attrs: ClassifierAttrs, features: number): void => {
  const pairs = (classes * (classes - 1)) / 2;
  if (vectors === 0) {
    expectLength(attrs.coefficients, classes * features, 'coefficients');
    if (!attrs.rho?.length) expectLength(attrs.rho, 1, 'rho');
    return;
  }
  if (classes < 2) throw new FlagosError('FLAGOS_E_ATTRIBUTE', 'a machine of support vectors needs two class labels or more');
  expectLength(attrs.vectors_per_class, classes, 'vectors_per_class');
  if (attrs.vectors_per_class!.some((n) => n < 0))
    throw new FlagosError('FLAGOS_E_ATTRIBUTE', "attribute 'vectors_per_class' holds a negative number");
  expectLength(attrs.coefficients, (classes - 1) * vectors, 'coefficients');
  expectLength(attrs.support_vectors, vectors * features, 'support_vectors');
  expectLength(attrs.rho, pairs, 'rho');
  if (probabilities) {
    expectLength(attrs.prob_a, pairs, 'prob_a');
    expectLength(attrs.prob_b, pairs, 'prob_b');
  }
};

/** One decision value for each pair of classes i < j (positive: i), and the votes they make. */
const decide = (
  { classes, vectors }: Machine,
  attrs: ClassifierAttrs,
  kernel: Kernel,
  row: Float64Array,
): { decisions: number[]; votes: number[] } => {
  const { coefficients, rho, support_vectors, vectors_per_class } = attrs;
  const similar = Array.from({ length: vectors }, (_, k) => kernel(row, support_vectors!, k * row.length));
  const starts = vectors_per_class!.reduce<number[]>((at, n) => [...at, at[at.length - 1]! + n], [0]);
  const part = (of: number, coefficientRow: number): number => {
    let sum = 0;
    for (let k = starts[of]!; k < starts[of + 1]!; k++) sum += coefficients![coefficientRow * vectors + k]! * similar[k]!;
    return sum;
  };
  const decisions: number[] = [];
  const votes = new Array<number>(classes).fill(0);
  for (let i = 0; i < classes; i++) {
    for (let j = i + 1; j < classes; j++) {
      const value = rho![decisions.length]! + part(i, j - 1) + part(j, i);
      votes[value > 0 ? i : j]!++;
      decisions.push(value);
    }
  }
  return { decisions, votes };
};

/** Class probabilities from those of the pairs: `r[i][j]` is how probable i is if it is i or j. */
const couple = (r: readonly (readonly number[])[]): number[] => {
  const k = r.length;
  const q = r.map((ri, i) =>
    ri.map((_, j) => (i === j ? r.reduce((s, rj, m) => (m === i ? s : s + rj[i]! ** 2), 0) : -r[j]![i]! * r[i]![j]!)),
  );
  const p = new Array<number>(k).fill(1 / k);
  for (let round = 0; round < Math.max(100, k); round++) {
    const qp = q.map((row) => dot(row, p));
    let pqp = dot(p, qp);
    if (qp.every((v) => Math.abs(v - pqp) < 0.005 / k)) break;
    for (let t = 0; t < k; t++) {
      const change = (pqp - qp[t]!) / q[t]![t]!;
      p[t]! += change;
      pqp = (pqp + change * (change * q[t]![t]! + 2 * qp[t]!)) / (1 + change) ** 2;
      for (let j = 0; j < k; j++) {
        qp[j] = (qp[j]! + change * q[t]![j]!) / (1 + change);
        p[j]! /= 1 + change;
      }
    }
  }
  return p;
};

const probabilitiesOf = (decisions: readonly number[], classes: number, attrs: ClassifierAttrs): number[] => {
  const r = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  let pair = 0;
  for (let i = 0; i < classes; i++) {
    for (let j = i + 1; j < classes; j++, pair++) {
      const estimate = 1 - logistic(decisions[pair]! * attrs.prob_a![pair]! + attrs.prob_b![pair]!);
      r[i]![j] = Math.min(Math.max(estimate, 1e-7), 1 - 1e-7);
      r[j]![i] = 1 - r[i]![j]!;
    }
  }
  return couple(r);
};

/** A single score is written for both answers, except under PROBIT. */
const writtenWidth = (machine: Machine, attrs: ClassifierAttrs): number =>
  machine.scores === 1 && machine.classes === 2 && attrs.post_transform !== 'PROBIT' ? 2 : machine.scores;

/** Class by votes (largest score for a linear machine); scores are probabilities, decision values of all pairs, or linear scores. */
export const SVMClassifier = defineOp({
  name: 'SVMClassifier',
  domain,
  since: 1,
  accuracy: contraction,
  inputs: { X: featureTypes },
  outputs: { Y: ({ attrs }) => labelsOf(attrs.classlabels_ints, attrs.classlabels_strings).dtype, Z: 'float32' },
  attrs: classifierAttrs,
  shapes: ({ X }, attrs) => [[rowShape(X.shape)[0]], [rowShape(X.shape)[0], writtenWidth(machineOf(attrs), attrs)]],
  host: ({ X }, attrs) => {
    const machine = machineOf(attrs);
    checkMachine(machine, attrs, rowShape(X.dims)[1]);
    const { classes, vectors, probabilities } = machine;
    const labels = labelsOf(attrs.classlabels_ints, attrs.classlabels_strings);
    const kernel = kernelOf(attrs.kernel_type, attrs.kernel_params);
    const width = writtenWidth(machine, attrs);
    const names: (bigint | string)[] = [];
    const written = rowsOf(X).map((row) => {
      if (vectors === 0) {
        const scores = Array.from({ length: classes }, (_, c) => dot(row, attrs.coefficients!, c * row.length) + attrs.rho![0]!);
        names.push(classes === 1 ? twoLabels(labels)[Number(scores[0]! > 0)]! : labels.values[argmax(scores)]!);
        return [...transformScores(scores, attrs.post_transform)];
      }
      const { decisions, votes } = decide(machine, attrs, kernel, row);
      names.push(labels.values[argmax(votes)]!);
      const scores = probabilities ? probabilitiesOf(decisions, classes, attrs) : decisions;
      return [...transformScores(width > scores.length ? [-scores[0]!, scores[0]!] : scores, attrs.post_transform)];
    });
    return [Tensor.from(labels.dtype, [written.length], names), fromRows(written, width)];
  },
});
