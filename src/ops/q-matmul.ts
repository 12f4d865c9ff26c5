/**
 * Matrix products of quantized tensors: integers are multiplied and added exactly in int32, scales
 * come in once per sum. Source: ONNX operator pages; onnxruntime, ContribOperators.md.
 */
import { add, cast, div, mul, round, rounded, type Expr, type Operand } from '../compiler/expr.ts';
import { atBroadcast, broadcastShapes, type TensorExpr } from '../compiler/tensor-expr.ts';
import { isFloat, type DType } from '../core/dtype.ts';
import { flag, float } from './attrs.ts';
import { defineOp, exact, optional, step } from './define.ts';
import { matmul, type Places } from './matmul.ts';
import { dynamicQuantize } from './quantize.ts';
import { alongAxis, centered, transposed, widened, type Readable } from './readable.ts';
import { float8s } from './types.ts';
import { elementOf, expectShape, sameShape, shapeError, showShape } from './util.ts';

const bytes = ['int8', 'uint8'] as const;
type Reader = (...i: Operand[]) => Expr;

/**
 * A product as an element of a quantized type: rounded half to even, moved by the zero point, limited
 * to the type's range.
 */
export const requantize = (product: Expr, zeroPoint: Expr | undefined, to: DType): Expr => {
  if (isFloat(to)) return cast(zeroPoint ? add(product, cast(zeroPoint, product.type)) : product, to, true);
  const whole = round(rounded(product));
  return cast(zeroPoint ? add(whole, cast(zeroPoint, whole.type)) : whole, to, true);
};

/** Reads a parameter of A's rows, or of B's columns. */
const rowParameter = (p: TensorExpr, shape: readonly number[], name: string): Reader => alongAxis(p, shape, shape.length - 2, name);
const columnParameter = (p: TensorExpr, shape: readonly number[], name: string): Reader => alongAxis(p, shape, shape.length - 1, name);

/** A quantized matrix with its zero point off; float8 is calculated in float32. */
const offset = (x: TensorExpr | Readable, dtype: DType, zero: Reader | undefined): Readable => {
  if (!isFloat(dtype)) return centered(x, zero);
  const wide = widened(x, 'float32');
  return zero ? { shape: x.shape, at: (...i) => add(wide.at(...i), mul(-1, cast(zero(...i), 'float32'))) } : wide;
};

export const MatMulInteger = defineOp({
  name: 'MatMulInteger',
  since: 10,
  accuracy: exact,
  inputs: { A: bytes, B: bytes, a_zero_point: optional('A'), b_zero_point: optional('B') },
  outputs: { Y: 'int32' },
  compute: ({ A, B, a_zero_point, b_zero_point }) =>
    matmul(
      centered(A, a_zero_point && rowParameter(a_zero_point, A.shape, 'a_zero_point')),
      centered(B, b_zero_point && columnParameter(b_zero_point, B.shape, 'b_zero_point')),
    ),
});

const quantizedFloats = [...bytes, ...float8s] as const;
const scaleTypes = ['float32', 'float16', 'bfloat16'] as const;

export const QLinearMatMul = defineOp({
  name: 'QLinearMatMul',
  since: 10,
  accuracy: step,
  inputs: {
    a: quantizedFloats,
    a_scale: scaleTypes,
    a_zero_point: 'a',
    b: quantizedFloats,
    b_scale: 'a_scale',
    b_zero_point: 'b',
    y_scale: 'a_scale',
    y_zero_point: quantizedFloats,
  },
  outputs: { y: 'y_zero_point' },
  compute: ({ a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point }) => {
    const [aScale, bScale] = [rowParameter(a_scale, a.shape, 'a_scale'), columnParameter(b_scale, b.shape, 'b_scale')];
    const [yScale, yZero] = [elementOf(y_scale, 'y_scale'), elementOf(y_zero_point, 'y_zero_point')];
    return matmul(
      offset(a, a.dtype, rowParameter(a_zero_point, a.shape, 'a_zero_point')),
      offset(b, b.dtype, columnParameter(b_zero_point, b.shape, 'b_zero_point')),
      (dot, _, places) => {
        const factor = rounded(div(rounded(mul(aScale(...places.a), bScale(...places.b))), yScale));
        return requantize(mul(cast(dot, 'float32'), cast(factor, 'float32')), yZero, y_zero_point.dtype);
      },
    );
  },
});

interface IntegerToFloat {
  readonly aScale: Expr;
  readonly aZero: Expr | undefined;
  readonly b: TensorExpr;
  readonly bScale: TensorExpr;
  readonly bZero: TensorExpr | undefined;
  readonly bias: TensorExpr | undefined;
}

/** (A − zero)·(B − zero)·scales + bias in the scales' type; A has one scale, B one or one per column. */
export const integerToFloat = (a: TensorExpr, { aScale, aZero, b, bScale, bZero, bias }: IntegerToFloat): TensorExpr => {
  if (bias) expectShape(bias.shape, [b.shape.at(-1)!], 'bias');
  const scaleOf = columnParameter(bScale, b.shape, 'b_scale');
  return matmul(
    centered(a, aZero && (() => aZero)),
    centered(b, bZero && columnParameter(bZero, b.shape, 'b_zero_point')),
    (dot, at, places: Places) => {
      const scaled = mul(cast(dot, bScale.dtype), mul(aScale, scaleOf(...places.b)));
      return bias ? add(scaled, bias.at(at.at(-1)!)) : scaled;
    },
  );
};

export const MatMulIntegerToFloat = defineOp({
  name: 'MatMulIntegerToFloat',
  domain: 'com.microsoft',
  since: 1,
  inputs: {
    A: bytes,
    B: bytes,
    a_scale: ['float32', 'float16'],
    b_scale: 'a_scale',
    a_zero_point: optional('A'),
    b_zero_point: optional('B'),
    bias: optional('a_scale'),
  },
  outputs: { Y: 'a_scale' },
  compute: ({ A, B, a_scale, b_scale, a_zero_point, b_zero_point, bias }) =>
    integerToFloat(A, {
      aScale: elementOf(a_scale, 'a_scale'),
      aZero: a_zero_point && elementOf(a_zero_point, 'a_zero_point'),
      b: B,
      bScale: b_scale,
      bZero: b_zero_point,
      bias,
    }),
});

/** A is quantized to uint8 by its own range first, as DynamicQuantizeLinear does. */
export const DynamicQuantizeMatMul = defineOp({
  name: 'DynamicQuantizeMatMul',
  domain: 'com.microsoft',
  since: 1,
  inputs: { A: ['float32'], B: bytes, b_scale: 'A', b_zero_point: optional('B'), bias: optional('A') },
  outputs: { Y: 'A' },
  compute: ({ A, B, b_scale, b_zero_point, bias }) => {
    const { y, scale, zeroPoint } = dynamicQuantize(A);
    return integerToFloat(y, { aScale: scale.at(), aZero: zeroPoint.at(), b: B, bScale: b_scale, bZero: b_zero_point, bias });
  },
});

/** Gemm of quantized matrices; C is int32 in the scale of the product, and without `y_scale` the result is float32. */
export const QGemm = defineOp({
  name: 'QGemm',
  domain: 'com.microsoft',
  since: 1,
  accuracy: step,
  inputs: {
    A: bytes,
    a_scale: ['float32'],
    a_zero_point: 'A',
    B: bytes,
    b_scale: ['float32'],
    b_zero_point: 'B',
    C: optional(['int32']),
    y_scale: optional(['float32']),
    y_zero_point: optional(bytes),
  },
  outputs: { Y: ({ dtype }) => (dtype('y_scale') ? (dtype('y_zero_point') ?? dtype('A')) : 'float32') },
  attrs: { alpha: float(1), transA: flag(false), transB: flag(false) },
  compute: ({ A, a_scale, a_zero_point, B, b_scale, b_zero_point, C, y_scale, y_zero_point }, { alpha, transA, transB }) => {
    if (A.rank !== 2 || B.rank !== 2)
      throw shapeError(`A and B must be matrices, their shapes are ${showShape(A.shape)} and ${showShape(B.shape)}`);
    const aZero = elementOf(a_zero_point, 'a_zero_point');
    const b = transB ? transposed(B) : B;
    const shape = [transA ? A.shape[1]! : A.shape[0]!, b.shape[1]!];
    if (C && !(C.rank <= 2 && sameShape(broadcastShapes(shape, C.shape), shape))) {
      throw shapeError(`C of shape ${showShape(C.shape)} does not broadcast to the product's shape ${showShape(shape)}`);
    }
    const scaleOf = columnParameter(b_scale, b.shape, 'b_scale');
    const yZero = y_zero_point && elementOf(y_zero_point, 'y_zero_point');
    return matmul(
      centered(transA ? transposed(A) : A, () => aZero),
      centered(b, columnParameter(b_zero_point, b.shape, 'b_zero_point')),
      (dot, at, places) => {
        const sum = cast(C ? add(dot, atBroadcast(C, at)) : dot, 'float32');
        const factor = rounded(mul(alpha, rounded(mul(elementOf(a_scale, 'a_scale'), scaleOf(...places.b)))));
        if (!y_scale) return mul(sum, factor);
        return requantize(mul(sum, rounded(div(factor, elementOf(y_scale, 'y_scale')))), yZero, y_zero_point?.dtype ?? A.dtype);
      },
    );
  },
});
