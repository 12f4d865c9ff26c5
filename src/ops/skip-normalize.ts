/**
 * onnxruntime's normalizations: RMS norm under its first name, and layer norm or RMS norm of a sum
 * with what was left out before (the residual of a transformer block), which it gives back too.
 * Source: onnxruntime, ContribOperators.md, and contrib_defs.cc for the first, which it has in ONNX's own domain.
 */
import { add, cast } from '../compiler/expr.ts';
import { atBroadcast, compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import { float, int } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import { expectBroadcastsTo, layerNorm, rmsNorm, stashOf, stashType } from './normalize.ts';
import { floats } from './types.ts';
import { expectRank, expectShape, normalizeAxis, widest } from './util.ts';

export const SimplifiedLayerNormalization = defineOp({
  name: 'SimplifiedLayerNormalization',
  since: 1,
  inputs: { X: floats, scale: floats },
  outputs: { Y: 'scale', inv_std_var: ({ attrs }) => stashOf(attrs.stash_type) },
  attrs: { axis: int(-1), epsilon: float(1e-5), stash_type: stashType() },
  compute: ({ X, scale }, { axis, epsilon, stash_type }) => {
    expectRank(X.shape, 1, 'X');
    const { y, invStdDev } = rmsNorm({ x: X, scale, axis: normalizeAxis(axis, X.rank), epsilon, stash: stashOf(stash_type) });
    return { Y: y, inv_std_var: invStdDev };
  },
});

/** input + skip (+ bias), in the type statistics are calculated in. `skip` may be one for all batches. */
const joined = (input: TensorExpr, skip: TensorExpr, bias: TensorExpr | undefined): TensorExpr => {
  expectRank(input.shape, 2, 'input');
  expectBroadcastsTo(skip, input.shape, 'skip');
  if (bias) expectShape(bias.shape, input.shape.slice(-1), 'bias');
  const dtype = widest(input.dtype, 'float32');
  return compute(input.shape, (...i) => {
    const s = add(cast(input.at(...i), dtype), cast(atBroadcast(skip, i), dtype));
    return bias ? add(s, cast(atBroadcast(bias, i), dtype)) : s;
  });
};

const attrs = { epsilon: float(1e-12) };
const outputs = { output: 'input', mean: 'float32', inv_std_var: 'float32', input_skip_bias_sum: 'input' } as const;

export const SkipLayerNormalization = defineOp({
  name: 'SkipLayerNormalization',
  domain: 'com.microsoft',
  since: 1,
  inputs: { input: floats, skip: 'input', gamma: 'input', beta: optional('input'), bias: optional('input') },
  outputs,
  attrs,
  compute: ({ input, skip, gamma, beta, bias }, { epsilon }) => {
    const x = joined(input, skip, bias);
    expectShape(gamma.shape, x.shape.slice(-1), 'gamma');
    const { y, mean, invStdDev } = layerNorm({ x, scale: gamma, bias: beta, axis: x.rank - 1, epsilon, stash: 'float32' });
    return { output: y, mean, inv_std_var: invStdDev, input_skip_bias_sum: x };
  },
});

export const SkipSimplifiedLayerNormalization = defineOp({
  name: 'SkipSimplifiedLayerNormalization',
  domain: 'com.microsoft',
  since: 1,
  inputs: { input: floats, skip: 'input', gamma: 'input', bias: optional('input') },
  outputs,
  attrs,
  compute: ({ input, skip, gamma, bias }, { epsilon }) => {
    const x = joined(input, skip, bias);
    expectShape(gamma.shape, x.shape.slice(-1), 'gamma');
    const { y, invStdDev } = rmsNorm({ x, scale: gamma, axis: x.rank - 1, epsilon, stash: 'float32' });
    return { output: y, inv_std_var: invStdDev, input_skip_bias_sum: x };
  },
});
