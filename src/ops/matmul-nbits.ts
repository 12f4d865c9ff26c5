/**
 * MatMulNBits: a product with weights of 2 … 8 bits, packed in blocks along the inner axis, each block
 * with a scale and a zero point. Weights are unpacked where they are read.
 * Source: onnxruntime, ContribOperators.md.
 */
import {
  add,
  bitand,
  bitor,
  cast,
  clamp,
  constant,
  floordiv,
  floormod,
  index,
  lt,
  mul,
  select,
  shl,
  shr,
  sub,
  type Expr,
} from '../compiler/expr.ts';
import { compute, reshape, type TensorExpr } from '../compiler/tensor-expr.ts';
import { isFloat } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { int, requiredInt } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import { matmul } from './matmul.ts';
import { nbitsFewRows } from './raw/matmul-nbits.ts';
import { expectShape, shapeError, showShape } from './util.ts';

const types = ['float32', 'float16', 'bfloat16'] as const;

/** Number `i` of a row of bytes that holds numbers of `bits` bits one after another, lowest bits first; int32. */
const unpacked = (bytes: TensorExpr, row: readonly Expr[], i: Expr, bits: number): Expr => {
  const byte = (at: Expr): Expr => cast(bytes.at(...row, at), 'int32');
  const position = mul(i, bits);
  const first = floordiv(position, 8);
  if (bits === 8) return byte(i);
  const shift = cast(floormod(position, 8), 'int32');
  const low = shr(byte(first), shift);
  const mask = 2 ** bits - 1;
  if (8 % bits === 0) return bitand(low, mask);
  // A number may begin in one byte and end in the next.
  const last = bytes.shape.at(-1)! - 1;
  const next = select(lt(first, last), byte(add(first, 1)), constant(0, 'int32'));
  return bitand(bitor(low, shl(next, sub(8, shift))), mask);
};

/** A tensor of a size that older models write flat, in its full shape. @throws FLAGOS_E_SHAPE */
const inShape = (x: TensorExpr, shape: readonly number[], name: string): TensorExpr => {
  if (x.size !== shape.reduce((n, d) => n * d, 1))
    throw shapeError(`'${name}' has shape ${showShape(x.shape)}, it must be ${showShape(shape)}`);
  return reshape(x, shape);
};

export const MatMulNBits = defineOp({
  name: 'MatMulNBits',
  domain: 'com.microsoft',
  since: 1,
  inputs: {
    A: types,
    B: ['uint8'],
    scales: 'A',
    zero_points: optional(['uint8', ...types]),
    g_idx: optional(['int32']),
    bias: optional('A'),
  },
  outputs: { Y: 'A' },
  attrs: { K: requiredInt(), N: requiredInt(), accuracy_level: int(0), bits: int(4), block_size: requiredInt(), weight_prepacked: int(0) },
  compute: ({ A, B, scales, zero_points, g_idx, bias }, { K, N, bits, block_size: block, weight_prepacked }) => {
    if (weight_prepacked !== 0)
      throw new FlagosError('FLAGOS_E_UNSUPPORTED', 'weights in a layout made for one chip (weight_prepacked) can only be read there');
    if (bits < 2 || bits > 8) throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'bits' is ${bits}, it must be from 2 to 8`);
    if (block < 16 || !Number.isInteger(Math.log2(block)))
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'block_size' is ${block}, it must be a power of 2 from 16`);
    if (K < 1 || N < 1) throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attributes K ${K} and N ${N} must be at least 1`);
    if (A.shape.at(-1) !== K) throw shapeError(`'A' has shape ${showShape(A.shape)}, its last axis must be K = ${K}`);
    if (bias) expectShape(bias.shape, [N], 'bias');
    const blocks = Math.ceil(K / block);
    const withBias = (e: Expr, at: readonly Expr[]): Expr => (bias ? add(e, bias.at(at.at(-1)!)) : e);
    if (B.size === 0) return compute([...A.shape.slice(0, -1), N], (...at) => withBias(constant(0, A.dtype), at));

    const bytes = inShape(B, [N, blocks, (block * bits) / 8], 'B');
    const scale = inShape(scales, [N, blocks], 'scales');
    const packedZeros =
      zero_points && !isFloat(zero_points.dtype) ? inShape(zero_points, [N, Math.ceil((blocks * bits) / 8)], 'zero_points') : undefined;
    const floatZeros = zero_points && isFloat(zero_points.dtype) ? inShape(zero_points, [N, blocks], 'zero_points') : undefined;
    if (g_idx && (g_idx.rank !== 1 || g_idx.shape[0]! < K))
      throw shapeError(`'g_idx' has shape ${showShape(g_idx.shape)}, it must be [${K}]`);
    const zeroOf = (n: Expr, group: Expr): Expr =>
      packedZeros
        ? cast(unpacked(packedZeros, [n], group, bits), A.dtype)
        : floatZeros
          ? cast(floatZeros.at(n, group), A.dtype)
          : constant(2 ** (bits - 1), A.dtype);
    const weight = (k: Expr, n: Expr): Expr => {
      const stored = cast(unpacked(bytes, [n, floordiv(k, block)], floormod(k, block), bits), A.dtype);
      const group = g_idx ? cast(clamp(g_idx.at(k), 0, blocks - 1), 'index') : floordiv(k, block);
      return mul(sub(stored, zeroOf(n, group)), scale.at(n, group));
    };
    return matmul(A, { shape: [K, N], at: (k, n) => weight(index(k!), index(n!)) }, withBias);
  },
  raw: [nbitsFewRows],
});
