/**
 * Linear quantization: q = saturate(round(x / scale) + zero point), and back. One scale for the whole
 * tensor, one per slice along an axis, or one per block of an axis.
 */
import {
  add,
  cast,
  clamp,
  div,
  eq,
  floordiv,
  max,
  maxOf,
  min,
  minOf,
  mul,
  neg,
  round,
  rounded,
  select,
  sub,
  type Expr,
} from '../compiler/expr.ts';
import { compute, map, type TensorExpr } from '../compiler/tensor-expr.ts';
import { isFloat, isInteger, type DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { flag, int, optionalDType } from './attrs.ts';
import { defineOp, optional, step, ulp, type OpRecord } from './define.ts';
import { float8s } from './types.ts';
import { normalizeAxis, replaceAt, sameShape, shapeError, showShape } from './util.ts';

const quantized = [
  'int8',
  'uint8',
  'int16',
  'uint16',
  ...float8s,
  'uint4',
  'int4',
  'uint2',
  'int2',
  'float4e2m1',
] as const satisfies readonly DType[];
const scales = ['float32', 'float16', 'bfloat16'] as const satisfies readonly DType[];

/**
 * A quotient as an element of a quantized type: integers are rounded half to even, moved by the zero
 * point and limited to the type's range. The quotient has to be rounded to its own precision already.
 */
const quantizeQuotient = (quotient: Expr, zeroPoint: Expr | undefined, to: DType, saturate: boolean): Expr => {
  if (!isInteger(to)) return cast(zeroPoint ? add(quotient, cast(zeroPoint, quotient.type)) : quotient, to, saturate);
  const whole = cast(round(quotient), 'float32');
  return cast(zeroPoint ? add(whole, cast(zeroPoint, 'float32')) : whole, to, true);
};

/** q = saturate(round(x / scale) + zero point) of one element; `x` and `scale` are of one float type, in which they are divided. */
export const quantizeElement = (x: Expr, scale: Expr, zeroPoint: Expr | undefined, to: DType, saturate = true): Expr =>
  quantizeQuotient(rounded(div(x, scale)), zeroPoint, to, saturate);

/** (q − zero point) · scale of one element, in float32. Integers are subtracted as integers, so nothing is lost before the product. */
export const dequantizeElement = (q: Expr, scale: Expr, zeroPoint: Expr | undefined): Expr => {
  const wide: DType = q.type !== 'index' && isFloat(q.type) ? 'float32' : 'int32';
  const difference = zeroPoint ? sub(cast(q, wide), cast(zeroPoint, wide)) : cast(q, wide);
  return mul(cast(difference, 'float32'), cast(scale, 'float32'));
};

/** Reads the scale or zero point that belongs to an element. */
type Reader = (t: TensorExpr, at: readonly Expr[]) => Expr;

/**
 * How parameters are laid over a tensor, from their shape: one element for everything; a vector along
 * `axis`; or, with `block`, the tensor's own shape with one element for each `block` along the axis.
 * @throws FLAGOS_E_SHAPE if the parameters' shape is none of these.
 */
const layout = (shape: readonly number[], scale: TensorExpr, axis: number, block: number): Reader => {
  if (block < 0) throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'block_size' is ${block}, it must not be negative`);
  if (scale.size === 1) return (t) => t.flat(0);
  const along = shape.length === 1 ? 0 : normalizeAxis(axis, shape.length);
  const expected = block === 0 ? [shape[along]!] : replaceAt(shape, along, Math.ceil(shape[along]! / block));
  if (!sameShape(scale.shape, expected)) {
    const kind = block === 0 ? `one scale along axis ${along}` : `blocks of ${block} along axis ${along}`;
    throw shapeError(
      `the scale has shape ${showShape(scale.shape)}; for a tensor of shape ${showShape(shape)} and ${kind} it must be ${showShape(expected)}`,
    );
  }
  if (block === 0) return (t, at) => t.at(at[along]!);
  return (t, at) => t.at(...replaceAt(at, along, floordiv(at[along]!, block)));
};

/** @throws FLAGOS_E_SHAPE unless the zero point has the scale's shape, or both hold one value. */
const checkZeroPoint = (scale: TensorExpr, zeroPoint: TensorExpr | undefined): void => {
  if (!zeroPoint || sameShape(scale.shape, zeroPoint.shape) || (scale.size === 1 && zeroPoint.size === 1)) return;
  throw shapeError(`the zero point has shape ${showShape(zeroPoint.shape)}, the scale ${showShape(scale.shape)}; they must be alike`);
};

/** The type a quotient is calculated in: what is asked for, else the scale's, if that is a type to calculate in. */
const quotientType = (x: DType, scale: DType, asked: DType | undefined): DType => {
  if (asked) return asked;
  const calculable: readonly DType[] = scales;
  return calculable.includes(scale) ? scale : calculable.includes(x) ? x : 'float32';
};

const quantizeLinear = (domain: string, since: number): OpRecord =>
  defineOp({
    name: 'QuantizeLinear',
    domain,
    since,
    inputs: { x: [...scales, 'int32'], y_scale: [...scales, 'int32', 'float8e8m0'], y_zero_point: optional(quantized) },
    outputs: { y: ({ attrs, dtype }) => attrs.output_dtype ?? dtype('y_zero_point') ?? 'uint8' },
    attrs: { axis: int(1), block_size: int(0), output_dtype: optionalDType(), precision: optionalDType(), saturate: flag(true) },
    compute: ({ x, y_scale, y_zero_point }, { axis, block_size, output_dtype, precision, saturate }) => {
      const to = output_dtype ?? y_zero_point?.dtype ?? 'uint8';
      if (y_zero_point && y_zero_point.dtype !== to) {
        throw new FlagosError(
          'FLAGOS_E_DTYPE',
          `attribute 'output_dtype' is ${to}, but 'y_zero_point' is ${y_zero_point.dtype}; they must be alike`,
        );
      }
      const allowed: readonly DType[] = quantized;
      if (!allowed.includes(to))
        throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'output_dtype' is ${to}, it must be one of ${quantized.join(', ')}`);
      if (precision && !isFloat(precision))
        throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'precision' is ${precision}, it must be a float type`);
      checkZeroPoint(y_scale, y_zero_point);
      const read = layout(x.shape, y_scale, axis, block_size);
      const type = quotientType(x.dtype, y_scale.dtype, precision);
      return compute(x.shape, (...i) =>
        quantizeElement(cast(x.at(...i), type), cast(read(y_scale, i), type), y_zero_point && read(y_zero_point, i), to, saturate),
      );
    },
    accuracy: step,
  });

const dequantizeLinear = (domain: string, since: number): OpRecord =>
  defineOp({
    name: 'DequantizeLinear',
    domain,
    since,
    inputs: { x: [...quantized, 'int32'], x_scale: [...scales, 'float8e8m0'], x_zero_point: optional('x') },
    outputs: { y: ({ attrs, dtype }) => attrs.output_dtype ?? dtype('x_scale') },
    attrs: { axis: int(1), block_size: int(0), output_dtype: optionalDType() },
    compute: ({ x, x_scale, x_zero_point }, { axis, block_size, output_dtype }) => {
      const to = output_dtype ?? x_scale.dtype;
      const allowed: readonly DType[] = scales;
      if (!allowed.includes(to)) {
        throw new FlagosError('FLAGOS_E_ATTRIBUTE', `the output would be ${to}, it must be one of ${scales.join(', ')}`, {
          hint: "set 'output_dtype'",
        });
      }
      checkZeroPoint(x_scale, x_zero_point);
      const read = layout(x.shape, x_scale, axis, block_size);
      return compute(x.shape, (...i) => cast(dequantizeElement(x.at(...i), read(x_scale, i), x_zero_point && read(x_zero_point, i)), to));
    },
    accuracy: ulp(2),
  });

export const QuantizeLinear = quantizeLinear('', 10);
export const DequantizeLinear = dequantizeLinear('', 10);
/** onnxruntime's own, which had the newer types before ONNX did. */
export const MsQuantizeLinear = quantizeLinear('com.microsoft', 1);
export const MsDequantizeLinear = dequantizeLinear('com.microsoft', 1);

/** A float32 tensor in uint8, with the scale and zero point that cover its range and 0. A tensor of zeros has scale 1. */
export const dynamicQuantize = (x: TensorExpr): { y: TensorExpr; scale: TensorExpr; zeroPoint: TensorExpr } => {
  const highest = compute([], () =>
    max(
      maxOf(x.shape, (...i) => x.at(...i)),
      0,
    ),
  );
  const lowest = compute([], () =>
    min(
      minOf(x.shape, (...i) => x.at(...i)),
      0,
    ),
  );
  const scale = compute([], () => {
    const [hi, lo] = [highest.at(), lowest.at()];
    return select(eq(hi, lo), 1, rounded(div(rounded(sub(hi, lo)), 255)));
  });
  const zeroPoint = compute([], () => cast(round(clamp(neg(rounded(div(lowest.at(), scale.at()))), 0, 255)), 'uint8'));
  return { y: map(x, (e) => quantizeElement(e, scale.at(), zeroPoint.at(), 'uint8')), scale, zeroPoint };
};

export const DynamicQuantizeLinear = defineOp({
  name: 'DynamicQuantizeLinear',
  since: 11,
  inputs: { x: ['float32'] },
  outputs: { y: 'uint8', y_scale: 'float32', y_zero_point: 'uint8' },
  compute: ({ x }) => {
    const { y, scale, zeroPoint } = dynamicQuantize(x);
    return { y, y_scale: scale, y_zero_point: zeroPoint };
  },
  accuracy: step,
});
