/**
 * Convolutions and pooling of onnxruntime's optimizer: with an activation and a summand, and with
 * channels last. Source: onnxruntime, ContribOperators.md.
 */
import { add, maxOf } from '../compiler/expr.ts';
import type { TensorExpr } from '../compiler/tensor-expr.ts';
import { integerRange } from '../core/dtype.ts';
import { optionalFloats, optionalString } from './attrs.ts';
import { channelsFirst, conv, convAttrs, type ConvAttrs } from './conv.ts';
import { defineOp, exact, optional } from './define.ts';
import { fusedActivation } from './fused-activation.ts';
import { overWindows, poolAttrs, poolWindows } from './pool.ts';
import { expectShape, range } from './util.ts';

const types = ['float32', 'float16', 'float64'] as const;

interface FusedAttrs extends ConvAttrs {
  readonly activation: string | undefined;
  readonly activation_params: readonly number[] | undefined;
}

/** activation(conv(X, W) + B + Z). */
const fusedConv = (
  X: TensorExpr,
  W: TensorExpr,
  B: TensorExpr | undefined,
  Z: TensorExpr | undefined,
  attrs: FusedAttrs,
  last: boolean,
): TensorExpr => {
  const activation = fusedActivation(attrs.activation, attrs.activation_params ?? []);
  // Z has the layout of the output, whose index comes as [n, map, …].
  const spatial = range(Math.max(X.rank - 2, 0)).map((a) => a + 2);
  const order = last ? [0, ...spatial, 1] : [0, 1, ...spatial];
  const y = conv(
    last ? channelsFirst(X) : X,
    W,
    B,
    attrs,
    (e, _, at) => activation(Z ? add(e, Z.at(...order.map((d) => at[d]!))) : e),
    last,
  );
  if (Z) expectShape(Z.shape, y.shape, 'Z');
  return y;
};

const fusedAttrs = { ...convAttrs, activation: optionalString(), activation_params: optionalFloats() };

export const FusedConv = defineOp({
  name: 'FusedConv',
  domain: 'com.microsoft',
  since: 1,
  inputs: { X: types, W: 'X', B: optional('X'), Z: optional('X') },
  outputs: { Y: 'X' },
  attrs: fusedAttrs,
  compute: ({ X, W, B, Z }, attrs) => fusedConv(X, W, B, Z, attrs, false),
});

/** X and Y are [N, …, C]; W stays [M, C/group, …]. */
export const NhwcFusedConv = defineOp({
  name: 'NhwcFusedConv',
  domain: 'com.microsoft',
  since: 1,
  inputs: { X: types, W: 'X', B: optional('X'), Z: optional('X') },
  outputs: { Y: 'X' },
  attrs: fusedAttrs,
  compute: ({ X, W, B, Z }, attrs) => fusedConv(X, W, B, Z, attrs, true),
});

/** X and Y are [N, …, C]; W stays [M, C/group, …]. */
export const NhwcConv = defineOp({
  name: 'NhwcConv',
  domain: 'com.microsoft',
  since: 1,
  inputs: { X: types, W: 'X', B: optional('X') },
  outputs: { Y: 'X' },
  attrs: convAttrs,
  compute: ({ X, W, B }, attrs) => conv(channelsFirst(X), W, B, attrs, (e) => e, true),
});

export const NhwcMaxPool = defineOp({
  name: 'NhwcMaxPool',
  domain: 'com.microsoft',
  since: 1,
  accuracy: exact,
  inputs: { x: ['int8', 'uint8'] },
  outputs: { y: 'x' },
  attrs: poolAttrs,
  compute: ({ x }, attrs) => {
    const { image, windows } = poolWindows(x, attrs, true);
    const lowest = Number(integerRange(x.dtype)[0]);
    return overWindows(image, windows, ({ read }) => maxOf(windows.kernel, (...k) => read(k, lowest)), true);
  },
});
