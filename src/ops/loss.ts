/** Losses of classification: negative log likelihood, and cross entropy on top of log-softmax. */
import { cast, constant, div, eq, mul, neg, select, sum, type Expr } from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import type { Tensor } from '../core/tensor.ts';
import { oneOf, optionalInt } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import { wrapIndex } from './gather.ts';
import { logSoftmax } from './softmax.ts';
import { floats, indices } from './types.ts';
import { expectRank, expectShape, removeAt, shapeError, showShape, valueError, workingType } from './util.ts';

const attrs = { ignore_index: optionalInt(), reduction: oneOf('mean', 'none', 'sum') };
type Reduction = 'none' | 'mean' | 'sum';

/** @throws FLAGOS_E_VALUE if a target is no class and not the ignored one. */
const checkTargets = (scores: Tensor, target: Tensor, ignore: number | undefined): void => {
  const classes = scores.dims[1] ?? 0;
  const bad = target.toNumbers().find((t) => t !== ignore && (t < 0 || t >= classes));
  if (bad !== undefined) throw valueError(`target ${bad} is none of the ${classes} classes`);
};

/**
 * −logp[n, target[n, …], …] · weight[target], ignored targets counting nothing.
 * @param logp [N, C, …]; `target` [N, …]; `weight` [C].
 */
export const negativeLogLikelihood = (
  logp: TensorExpr,
  target: TensorExpr,
  weight: TensorExpr | undefined,
  ignore: number | undefined,
  reduction: Reduction,
): TensorExpr => {
  expectRank(logp.shape, 2, 'input');
  const classes = logp.shape[1]!;
  expectShape(target.shape, removeAt(logp.shape, 1), 'target');
  if (weight) expectShape(weight.shape, [classes], 'weight');
  if (classes === 0 && target.size > 0) throw shapeError(`input of shape ${showShape(logp.shape)} has no classes`);
  /** What stands at a place, unless its target is ignored. */
  const counted = (i: readonly Expr[], f: (c: Expr) => Expr): Expr => {
    const t = target.at(...i);
    const e = f(wrapIndex(t, classes));
    return ignore === undefined ? e : select(eq(t, ignore), constant(0, e.type), e);
  };
  const type = workingType(logp.dtype);
  const weightAt = (c: Expr): Expr => (weight ? cast(weight.at(c), type) : constant(1, type));
  const lossAt = (i: readonly Expr[]): Expr =>
    counted(i, (c) => {
      const e = neg(cast(logp.at(i[0]!, c, ...i.slice(1)), type));
      return weight ? mul(e, weightAt(c)) : e;
    });
  if (reduction === 'none') return compute(target.shape, (...i) => cast(lossAt(i), logp.dtype));
  return compute([], () => {
    const total = sum(target.shape, (...i) => lossAt(i));
    return cast(
      reduction === 'sum'
        ? total
        : div(
            total,
            sum(target.shape, (...i) => counted(i, weightAt)),
          ),
      logp.dtype,
    );
  });
};

export const NegativeLogLikelihoodLoss = defineOp({
  name: 'NegativeLogLikelihoodLoss',
  since: 12,
  inputs: { input: floats, target: indices, weight: optional('input') },
  outputs: { loss: 'input' },
  attrs,
  check: ({ input, target }, { ignore_index }) => checkTargets(input, target, ignore_index),
  compute: ({ input, target, weight }, { ignore_index, reduction }) =>
    negativeLogLikelihood(input, target, weight, ignore_index, reduction),
});

export const SoftmaxCrossEntropyLoss = defineOp({
  name: 'SoftmaxCrossEntropyLoss',
  since: 12,
  inputs: { scores: floats, labels: indices, weights: optional('scores') },
  outputs: { output: 'scores', log_prob: 'scores' },
  attrs,
  check: ({ scores, labels }, { ignore_index }) => checkTargets(scores, labels, ignore_index),
  compute: ({ scores, labels, weights }, { ignore_index, reduction }) => {
    expectRank(scores.shape, 2, 'scores');
    const logp = logSoftmax(scores, 1);
    return { output: negativeLogLikelihood(logp, labels, weights, ignore_index, reduction), log_prob: logp };
  },
});
