/**
 * Matrix products of onnxruntime's optimizer: with transposes, a scale and an activation in one op.
 * Source: onnxruntime, ContribOperators.md.
 */
import { mul, type Expr } from '../compiler/expr.ts';
import { compute } from '../compiler/tensor-expr.ts';
import { flag, float, optionalFloat, optionalInt, optionalString, requiredString } from './attrs.ts';
import { defineOp, optional } from './define.ts';
import { fusedActivation } from './fused-activation.ts';
import { gemm, matmul, matrixTypes } from './matmul.ts';
import { permuted, transposed, type Readable } from './readable.ts';
import { softmax } from './softmax.ts';
import { floats } from './types.ts';
import { expectRank, normalizeAxis, range } from './util.ts';

/** The first axis put before the last one: a batch of rows [M, B…, K] as rows of batches [B…, M, K]. */
const batchesFirst = (x: Readable): Readable => {
  const rank = x.shape.length;
  return rank < 3 ? x : permuted(x, [...range(rank - 2).map((d) => d + 1), 0, rank - 1]);
};

const side = (x: Readable, transpose: boolean, batch: boolean): Readable => {
  const ordered = batch ? batchesFirst(x) : x;
  return transpose ? transposed(ordered) : ordered;
};

const transposes = { alpha: float(1), transA: flag(false), transB: flag(false) };
const batchTransposes = { ...transposes, transBatchA: flag(false), transBatchB: flag(false) };
const scaledBy =
  (alpha: number) =>
  (e: Expr): Expr =>
    alpha === 1 ? e : mul(e, alpha);

export const FusedMatMul = defineOp({
  name: 'FusedMatMul',
  domain: 'com.microsoft',
  since: 1,
  inputs: { A: floats, B: 'A' },
  outputs: { Y: 'A' },
  attrs: batchTransposes,
  compute: ({ A, B }, { alpha, transA, transB, transBatchA, transBatchB }) =>
    matmul(side(A, transA, transBatchA), side(B, transB, transBatchB), scaledBy(alpha)),
});

/** The older name of {@link FusedMatMul}. */
export const TransposeMatMul = defineOp({
  name: 'TransposeMatMul',
  domain: 'com.microsoft',
  since: 1,
  inputs: { A: floats, B: 'A' },
  outputs: { Y: 'A' },
  attrs: transposes,
  compute: ({ A, B }, { alpha, transA, transB }) => matmul(side(A, transA, false), side(B, transB, false), scaledBy(alpha)),
});

const activationAttrs = { activation_alpha: optionalFloat(), activation_beta: optionalFloat(), activation_gamma: optionalFloat() };

/** {@link FusedMatMul} and an activation, which may be a softmax along an axis. */
export const FusedMatMulActivation = defineOp({
  name: 'FusedMatMulActivation',
  domain: 'com.microsoft',
  since: 1,
  inputs: { A: floats, B: 'A' },
  outputs: { Y: 'A' },
  attrs: { ...batchTransposes, ...activationAttrs, activation: requiredString(), activation_axis: optionalInt() },
  compute: ({ A, B }, attrs) => {
    const product = matmul(side(A, attrs.transA, attrs.transBatchA), side(B, attrs.transB, attrs.transBatchB), scaledBy(attrs.alpha));
    if (attrs.activation.toLowerCase() === 'softmax') {
      expectRank(product.shape, 1, 'Y');
      return softmax(product, normalizeAxis(attrs.activation_axis ?? -1, product.rank, 'activation_axis'));
    }
    const f = fusedActivation(attrs.activation, [attrs.activation_alpha, attrs.activation_beta]);
    return compute(product.shape, (...i) => f(product.at(...i)));
  },
});

export const FusedGemm = defineOp({
  name: 'FusedGemm',
  domain: 'com.microsoft',
  since: 1,
  inputs: { A: matrixTypes.filter((t) => t !== 'bfloat16'), B: 'A', C: optional('A') },
  outputs: { Y: 'A' },
  attrs: { ...transposes, ...activationAttrs, beta: float(1), activation: optionalString() },
  compute: ({ A, B, C }, { transA, transB, alpha, beta, activation, activation_alpha, activation_beta }) =>
    gemm(
      side(A, transA, false),
      side(B, transB, false),
      C,
      { alpha, beta },
      fusedActivation(activation, [activation_alpha, activation_beta]),
    ),
});
