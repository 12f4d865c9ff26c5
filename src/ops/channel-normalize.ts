/** Normalization per channel of [N, C, …] tensors: batch, instance and group norm. */
import { add, cast, constant, div, mul, shiftScale, sqrt, sub, type Expr } from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import { FlagosError } from '../core/errors.ts';
import { flag, float, requiredInt } from './attrs.ts';
import { defineOp } from './define.ts';
import { groupNorm } from './group-norm.ts';
import { stashOf, stashType, statistics } from './normalize.ts';
import { floats } from './types.ts';
import { expectRank, expectShape, range, widest } from './util.ts';

export const BatchNormalization = defineOp({
  name: 'BatchNormalization',
  since: 9,
  inputs: { X: floats, scale: floats, B: 'scale', input_mean: floats, input_var: 'input_mean' },
  outputs: { Y: 'X', running_mean: 'input_mean', running_var: 'input_mean' },
  attrs: { epsilon: float(1e-5), momentum: float(0.9), training_mode: flag(false) },
  compute: ({ X, scale, B, input_mean, input_var }, { epsilon, momentum, training_mode: training }, ctx) => {
    expectRank(X.shape, 1, 'X');
    const channels = X.rank > 1 ? X.shape[1]! : 1;
    for (const [name, t] of Object.entries({ scale, B, input_mean, input_var })) expectShape(t.shape, [channels], name);
    if (!training && ctx.outputs > 1)
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', 'has outputs for running statistics, which need training_mode = 1');
    const dtype = widest(X.dtype, scale.dtype, input_mean.dtype, 'float32');
    const channel = (i: readonly Expr[]): Expr => (X.rank > 1 ? i[1]! : constant(0, 'index'));
    const used = training
      ? statistics(
          X,
          range(X.rank).filter((d) => d !== 1),
          dtype,
          (v) => v,
        )
      : { mean: input_mean, spread: input_var };
    // Statistics of the batch stand in [1, C, 1, …], given ones in [C].
    const of = (t: TensorExpr, c: Expr): Expr => cast(t.rank === 1 ? t.at(c) : t.at(...range(t.rank).map((d) => (d === 1 ? c : 0))), dtype);
    const factor = compute([channels], (c) => div(cast(scale.at(c!), dtype), sqrt(add(of(used.spread, c!), epsilon))));
    const Y = compute(X.shape, (...i) => {
      const c = channel(i);
      const [x, mean, f, b] = [cast(X.at(...i), dtype), of(used.mean, c), factor.at(c), cast(B.at(c), dtype)];
      return training ? add(mul(sub(x, mean), f), b) : shiftScale(x, mean, f, b);
    });
    if (!training) return { Y };
    const running = (before: TensorExpr, now: TensorExpr): TensorExpr =>
      compute([channels], (c) => add(mul(cast(before.at(c!), dtype), momentum), mul(of(now, c!), 1 - momentum)));
    return { Y, running_mean: running(input_mean, used.mean), running_var: running(input_var, used.spread) };
  },
});

export const GroupNormalization = defineOp({
  name: 'GroupNormalization',
  since: 21,
  inputs: { X: floats, scale: 'X', bias: 'X' },
  outputs: { Y: 'X' },
  attrs: { epsilon: float(1e-5), num_groups: requiredInt(), stash_type: stashType() },
  compute: ({ X, scale, bias }, { epsilon, num_groups, stash_type }) => groupNorm(X, scale, bias, num_groups, epsilon, stashOf(stash_type)),
});

export const InstanceNormalization = defineOp({
  name: 'InstanceNormalization',
  since: 6,
  inputs: { input: floats, scale: 'input', B: 'input' },
  outputs: { output: 'input' },
  attrs: { epsilon: float(1e-5) },
  compute: ({ input, scale, B }, { epsilon }) => {
    expectRank(input.shape, 2, 'input');
    // Every channel is a group of its own (and no channels are no groups).
    return input.shape[1] === 0 ? input : groupNorm(input, scale, B, input.shape[1]!, epsilon, 'float32');
  },
});
