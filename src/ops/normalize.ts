/**
 * Normalization of the last axes of a tensor: layer norm and RMS norm. Statistics are two plain
 * passes (mean, then the squared distance from it), which loses nothing to cancellation.
 */
import { dtypeFromOnnx, type DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { add, cast, mul, rsqrt, sub, type Expr } from '../compiler/expr.ts';
import { atBroadcast, broadcastShapes, compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import { float, int, type AttrSpec } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import { meanAs, overAxes } from './reduce.ts';
import { floats } from './types.ts';
import { expectRank, normalizeAxis, range, sameShape, shapeError, showShape, widest } from './util.ts';

/** `stash_type`: the float type statistics are calculated in, at least; float32 unless said. */
export const stashType = (): AttrSpec<number> => int(1);
/** @throws FLAGOS_E_ATTRIBUTE for a type no statistics are kept in. */
export const stashOf = (code: number): DType => {
  const dtype = dtypeFromOnnx(code);
  if (!floats.some((f) => f === dtype))
    throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'stash_type' is ${code}, it must be the number of a float type`, {
      hint: '1 is float32',
    });
  return dtype!;
};

export interface Statistics {
  readonly mean: TensorExpr;
  /** A function of the population variance. */
  readonly spread: TensorExpr;
}

const square = (e: Expr): Expr => mul(e, e);

/** Mean and variance over some (normalized) axes, which stay with extent 1, in type `dtype`. @param finish what is wanted of the variance. */
export const statistics = (x: TensorExpr, axes: readonly number[], dtype: DType, finish: (variance: Expr) => Expr): Statistics => {
  const mean = overAxes(x, axes, true, (r) => meanAs(r, dtype));
  const spread = overAxes(x, axes, true, (r) => finish(meanAs(r, dtype, (e) => square(sub(e, mean.at(...r.at))))));
  return { mean, spread };
};

/** 1 / √(v + ε). */
export const inverseRoot =
  (epsilon: number) =>
  (v: Expr): Expr =>
    rsqrt(add(v, epsilon));

/** @throws FLAGOS_E_SHAPE unless `x` broadcasts to a shape without changing it. */
export const expectBroadcastsTo = (x: TensorExpr, shape: readonly number[], name: string): void => {
  if (!sameShape(broadcastShapes(x.shape, shape), shape))
    throw shapeError(`'${name}' of shape ${showShape(x.shape)} does not broadcast to ${showShape(shape)}`);
};

export interface NormParts {
  readonly x: TensorExpr;
  /** Broadcast to `x`. */
  readonly scale: TensorExpr;
  readonly bias?: TensorExpr | undefined;
  /** First normalized axis, 0 … rank. */
  readonly axis: number;
  readonly epsilon: number;
  /** Type of the statistics. */
  readonly stash: DType;
}

const scaled = (normalized: (i: readonly Expr[]) => Expr, { x, scale, bias }: NormParts, dtype: DType): TensorExpr => {
  expectBroadcastsTo(scale, x.shape, 'scale');
  if (bias) expectBroadcastsTo(bias, x.shape, 'bias');
  return compute(x.shape, (...i) => {
    const y = mul(normalized(i), cast(atBroadcast(scale, i), dtype));
    return bias ? add(y, cast(atBroadcast(bias, i), dtype)) : y;
  });
};

/** (x − mean) / √(variance + ε) · scale + bias over the axes from `axis` on, with the statistics it used. All of the type they are calculated in. */
export const layerNorm = (parts: NormParts): { y: TensorExpr; mean: TensorExpr; invStdDev: TensorExpr } => {
  const { x, axis, epsilon } = parts;
  const dtype = widest(x.dtype, parts.stash);
  const { mean, spread: invStdDev } = statistics(x, range(x.rank).slice(axis), dtype, inverseRoot(epsilon));
  const y = scaled((i) => mul(sub(cast(x.at(...i), dtype), atBroadcast(mean, i)), atBroadcast(invStdDev, i)), parts, dtype);
  return { y, mean, invStdDev };
};

/** x / √(mean of x² + ε) · scale (+ bias) over the axes from `axis` on, with the inverse root it used. */
export const rmsNorm = (parts: NormParts): { y: TensorExpr; invStdDev: TensorExpr } => {
  const { x, axis, epsilon } = parts;
  const dtype = widest(x.dtype, parts.stash);
  const invStdDev = overAxes(x, range(x.rank).slice(axis), true, (r) => inverseRoot(epsilon)(meanAs(r, dtype, square)));
  return { y: scaled((i) => mul(cast(x.at(...i), dtype), atBroadcast(invStdDev, i)), parts, dtype), invStdDev };
};

export const LayerNormalization = defineOp({
  name: 'LayerNormalization',
  since: 17,
  inputs: { X: floats, Scale: 'X', B: optional('X') },
  outputs: { Y: 'X', Mean: ({ attrs }) => stashOf(attrs.stash_type), InvStdDev: ({ attrs }) => stashOf(attrs.stash_type) },
  attrs: { axis: int(-1), epsilon: float(1e-5), stash_type: stashType() },
  compute: ({ X, Scale, B }, { axis, epsilon, stash_type }) => {
    expectRank(X.shape, 1, 'X');
    const { y, mean, invStdDev } = layerNorm({
      x: X,
      scale: Scale,
      bias: B,
      axis: normalizeAxis(axis, X.rank),
      epsilon,
      stash: stashOf(stash_type),
    });
    return { Y: y, Mean: mean, InvStdDev: invStdDev };
  },
});

export const RMSNormalization = defineOp({
  name: 'RMSNormalization',
  since: 23,
  inputs: { X: floats, scale: floats },
  outputs: { Y: 'scale' },
  attrs: { axis: int(-1), epsilon: float(1e-5), stash_type: stashType() },
  compute: ({ X, scale }, { axis, epsilon, stash_type }) => {
    expectRank(X.shape, 1, 'X');
    return rmsNorm({ x: X, scale, axis: normalizeAxis(axis, X.rank), epsilon, stash: stashOf(stash_type) }).y;
  },
});
