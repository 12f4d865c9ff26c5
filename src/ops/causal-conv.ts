/** Causal depthwise convolution of sequences that come in pieces: the last positions are carried from one call to the next. */
import { add, constant, lt, mul, select, sigmoid, sub, sum, type Expr } from '../compiler/expr.ts';
import { compute } from '../compiler/tensor-expr.ts';
import { oneOf } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import { expectShape, shapeError, showShape } from './util.ts';

export const CausalConvWithState = defineOp({
  name: 'CausalConvWithState',
  since: 27,
  inputs: { input: ['float32', 'float16', 'bfloat16'], weight: 'input', bias: optional('input'), past_state: optional('input') },
  outputs: { output: 'input', present_state: 'input' },
  attrs: { activation: oneOf('none', 'silu', 'swish') },
  compute: ({ input, weight, bias, past_state: past }, { activation }) => {
    if (input.rank !== 3) throw shapeError(`'input' has shape ${showShape(input.shape)}, it must have 3 axes`);
    const [batch, channels, length] = input.shape as [number, number, number];
    const taps = weight.shape[2] ?? 0;
    expectShape(weight.shape, [channels, 1, taps], 'weight');
    if (taps < 1) throw shapeError(`'weight' has shape ${showShape(weight.shape)}, its kernel is empty`);
    if (bias) expectShape(bias.shape, [channels], 'bias');
    const before = taps - 1;
    if (past) expectShape(past.shape, [batch, channels, before], 'past_state');
    /** The sequence with what came before it: position 0 is `before` positions back. */
    const at = (b: Expr, c: Expr, p: Expr): Expr => {
      const now = input.at(b, c, sub(p, before));
      return before === 0 ? now : select(lt(p, before), past ? past.at(b, c, p) : constant(0, input.dtype), now);
    };
    const output = compute(input.shape, (b, c, t) => {
      const dot = sum(taps, (j) => mul(at(b!, c!, add(t!, j!)), weight.at(c!, 0, j!)));
      const e = bias ? add(dot, bias.at(c!)) : dot;
      return activation === 'none' ? e : mul(e, sigmoid(e));
    });
    return { output, present_state: compute([batch, channels, before], (b, c, p) => at(b!, c!, add(p!, length))) };
  },
});
