/**
 * Conversion between element types. Between numbers it is an expression; to and from strings a plain
 * function. What happens outside the range of a float8 type follows the tables of ONNX's Cast.
 */
import { abs, bitand, bitcast, cast, constant, eq, ge, gt, min, ne, select, shr, add, type Expr, type Operand } from '../compiler/expr.ts';
import { map, type TensorExpr } from '../compiler/tensor-expr.ts';
import type { DType } from '../core/dtype.ts';
import { flag, oneOf, requiredDType } from './attrs.ts';
import { castText } from './cast-text.ts';
import { defineOp, exact } from './define.ts';
import { all, float8s } from './types.ts';

/** How a power of two is chosen for a value between two: away from zero, towards zero, or the nearest (ties away). */
export type RoundMode = 'up' | 'down' | 'nearest';

/** Everything but complex numbers. */
const castable = all.filter((t) => t !== 'complex64' && t !== 'complex128');

/** 2^−127, the smallest float8e8m0, as the mantissa of a subnormal float32. */
const SMALLEST = 0x400000;

/**
 * The float8e8m0 of a value, by the bits of its float32: the code of 2^e is float32's exponent field,
 * so rounding adds 0 or 1 to it. Signs are ignored (ONNX leaves negative values open).
 * With `saturate`, what is out of range goes to the end of the range; else to NaN, zero too.
 */
const toE8m0 = (value: Expr, saturate: boolean, mode: RoundMode): Expr => {
  const bits = bitcast(abs(cast(value, 'float32')), 'uint32');
  const [exponent, mantissa] = [shr(bits, 23), bitand(bits, 0x7fffff)];
  const code = (n: number): Expr => constant(n, 'uint32');
  const [over, under, nan] = [code(saturate ? 254 : 255), code(saturate ? 0 : 255), code(255)];
  /** 1 where a value `mantissa` above a power of two, `half` below the next one's middle, goes up. */
  const increment = (above: number, half: number): Operand =>
    mode === 'down' ? code(0) : select(mode === 'up' ? gt(mantissa, above) : ge(mantissa, half), code(1), code(0));
  const normal = min(add(exponent, increment(0, SMALLEST)), over);
  const reachesSmallest = { up: gt(mantissa, 0), nearest: ge(mantissa, SMALLEST * 0.75), down: ge(mantissa, SMALLEST) }[mode];
  const subnormal = select(ge(mantissa, SMALLEST), increment(SMALLEST, SMALLEST * 1.5), select(reachesSmallest, code(0), under));
  const special = select(ne(mantissa, 0), nan, over);
  const chosen = select(eq(exponent, 255), special, select(eq(exponent, 0), subnormal, normal));
  return bitcast(cast(chosen, 'uint8'), 'float8e8m0');
};

const saturating: readonly DType[] = float8s;

/** ONNX's Cast of one element. `saturate` concerns the float8 types only, `mode` float8e8m0 only. */
export const castElement = (x: Expr, to: DType, saturate = true, mode: RoundMode = 'up'): Expr => {
  if (to === 'float8e8m0' && x.type !== to) return toE8m0(x, saturate, mode);
  return cast(x, to, saturate && saturating.includes(to));
};

const castTensor = (x: TensorExpr, to: DType, saturate: boolean, mode: RoundMode): TensorExpr =>
  x.dtype === to ? x : map(x, (e) => castElement(e, to, saturate, mode));

/** ONNX's attributes about what does not fit. */
const rangeAttrs = { saturate: flag(true), round_mode: oneOf('up', 'down', 'nearest') } as const;

export const Cast = defineOp({
  name: 'Cast',
  since: 6,
  inputs: { input: castable },
  outputs: { output: ({ attrs }) => attrs.to },
  attrs: { ...rangeAttrs, to: requiredDType() },
  compute: ({ input }, { to, saturate, round_mode }) => castTensor(input, to, saturate, round_mode),
  host: ({ input }, { to, saturate, round_mode }) => castText(input, to, saturate, round_mode),
  shapes: ({ input }) => [input.shape],
  accuracy: exact,
});

/** Cast to the type of the second input, whose contents do not matter. */
export const CastLike = defineOp({
  name: 'CastLike',
  since: 15,
  inputs: { input: castable, target_type: castable },
  outputs: { output: 'target_type' },
  attrs: rangeAttrs,
  compute: ({ input, target_type }, { saturate, round_mode }) => castTensor(input, target_type.dtype, saturate, round_mode),
  host: ({ input, target_type }, { saturate, round_mode }) => castText(input, target_type.dtype, saturate, round_mode),
  shapes: ({ input }) => [input.shape],
  accuracy: exact,
});
