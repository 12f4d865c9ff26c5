/** Normalization over groups of channels: what instance and group norm share. */
import { add, cast, floordiv, mul, sub, type Expr } from '../compiler/expr.ts';
import { hinted } from '../compiler/hints.ts';
import { compute, reshape, ReshapeTensor, type TensorExpr } from '../compiler/tensor-expr.ts';
import type { DType } from '../core/dtype.ts';
import { inverseRoot, statistics, type Statistics } from './normalize.ts';
import { meanAs, overAxes } from './reduce.ts';
import { expectRank, expectShape, range, valueError, widest } from './util.ts';

/**
 * The tensor behind views that put channels and their places together, as PyTorch writes group norm down: an instance
 * norm of [N, groups, the rest]. Only there it shows which elements lie next to each other. Its channels are some for
 * each of x's.
 */
const behindViews = (x: TensorExpr): TensorExpr => {
  let found = x;
  for (let t = x; t instanceof ReshapeTensor; t = t.base)
    if (t.base.rank > 2 && t.base.shape[0] === x.shape[0] && Number.isInteger(t.base.shape[1]! / x.shape[1]!)) found = t.base;
  return found;
};

/** A tensor [N, groups] with an element for each channel, in memory: where channels are innermost, a division would stand at every element. */
const spreadOver = (t: TensorExpr, channels: number): TensorExpr => {
  const [n, groups] = t.shape as [number, number];
  if (channels === groups) return t;
  return hinted(
    compute([n, channels], (b, c) => t.at(b!, floordiv(c!, channels / groups))),
    { materialize: true },
  );
};

/** Statistics [N, groups] of x [N, C, …]: of each channel first, so that channels may be innermost in memory. */
const groupStatistics = (x: TensorExpr, groups: number, dtype: DType, epsilon: number): Statistics => {
  const [n, channels, ...spatial] = x.shape as [number, number, ...number[]];
  const each = Math.max(channels / groups, 1);
  const flat = (t: TensorExpr): TensorExpr => reshape(t, [n, groups]);
  if (each === 1 || spatial.length === 0) {
    const grouped = reshape(x, [n, groups, each, ...spatial]);
    const { mean, spread } = statistics(grouped, range(grouped.rank).slice(2), dtype, inverseRoot(epsilon));
    return { mean: flat(mean), spread: flat(spread) };
  }
  const places = range(x.rank).slice(2);
  const together = (ofChannels: TensorExpr): TensorExpr => reshape(ofChannels, [n, groups, each]);
  const mean = overAxes(together(overAxes(x, places, false, (r) => meanAs(r, dtype))), [2], false, (r) => meanAs(r, dtype));
  const channelMean = spreadOver(mean, channels);
  const squares = overAxes(x, places, false, (r) =>
    meanAs(r, dtype, (e) => {
      const d = sub(e, channelMean.at(r.at[0]!, r.at[1]!));
      return mul(d, d);
    }),
  );
  return { mean, spread: overAxes(together(squares), [2], false, (r) => inverseRoot(epsilon)(meanAs(r, dtype))) };
};

/**
 * (x − mean) / √(variance + ε) · scale + bias, with statistics over each group of channels of each instance.
 * @param x [N, C, …], C divisible by `groups`; `scale` and `bias` [C].
 */
export const groupNorm = (
  x: TensorExpr,
  scale: TensorExpr,
  bias: TensorExpr,
  groups: number,
  epsilon: number,
  stash: DType,
): TensorExpr => {
  expectRank(x.shape, 2, 'input');
  const channels = x.shape[1]!;
  if (groups < 1 || channels % groups !== 0) throw valueError(`${channels} channels do not divide into ${groups} groups`);
  expectShape(scale.shape, [channels], 'scale');
  expectShape(bias.shape, [channels], 'bias');
  const dtype = widest(x.dtype, stash);
  const whole = channels > 0 ? behindViews(x) : x;
  const statistic = groupStatistics(whole, groups, dtype, epsilon);
  const perChannel = (t: TensorExpr): TensorExpr => spreadOver(t, whole.shape[1]!);
  const [mean, spread] = [perChannel(statistic.mean), perChannel(statistic.spread)];
  const [factor, shift] = [scale, bias].map((t) => perChannel(reshape(t, [1, channels])));
  const y = compute(whole.shape, (...i) => {
    const [b, c] = i as [Expr, Expr];
    const normalized = mul(sub(cast(whole.at(...i), dtype), mean.at(b, c)), spread.at(b, c));
    return add(mul(normalized, cast(factor!.at(0, c), dtype)), cast(shift!.at(0, c), dtype));
  });
  return reshape(y, x.shape);
};
