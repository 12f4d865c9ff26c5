/** Products of matrices: plain, with bias and activation, and by Einstein's convention. */
import type { GraphBuilder, KernelFamily, KernelTranslator, Sym } from '../translate.ts';
import { cast, filled, isEmpty, listOf, upcast } from './util.ts';

const turned = (g: GraphBuilder, x: Sym, turn: boolean): Sym => {
  if (!turn) return x;
  const rank = x.shape.length;
  return g.op('Transpose', [x], { perm: [...Array(rank).keys()].toSpliced(-2, 2, rank - 1, rank - 2) })[0]!;
};

const product = (g: GraphBuilder, a: Sym, b: Sym, turnA: boolean, turnB: boolean): Sym => {
  const type = upcast(upcast(a.dtype, b.dtype), 'int32');
  const [x, y] = [turned(g, cast(g, a, type), turnA), turned(g, cast(g, b, type), turnB)];
  const made = g.op('MatMul', [x, y])[0]!;
  return isEmpty(x) || isEmpty(y) ? filled(g, type, made.shape, 0) : made;
};

/**
 * What a fused kernel does with its sums: bias, then activation.
 * @param activation tfjs's name; undefined and `linear` do nothing.
 * @returns undefined for an activation that is not known.
 */
export const finish = (
  g: GraphBuilder,
  sums: Sym,
  bias: Sym | undefined,
  activation: unknown,
  weights: Sym | undefined,
  alpha: unknown,
): Sym | undefined => {
  const x = bias ? g.op('Add', [sums, cast(g, bias, sums.dtype)])[0]! : sums;
  switch (activation) {
    case undefined:
    case null:
    case 'linear':
      return x;
    case 'relu':
      return g.op('Relu', [x])[0]!;
    case 'relu6':
      return g.op('Clip', [x, filled(g, x.dtype, [], 0), filled(g, x.dtype, [], 6)])[0]!;
    case 'elu':
      return g.op('Elu', [x])[0]!;
    case 'sigmoid':
      return g.op('Sigmoid', [x])[0]!;
    case 'leakyrelu':
      return g.op('LeakyRelu', [x], { alpha: (alpha as number | undefined) ?? 0.2 })[0]!;
    case 'prelu':
      return weights && g.op('PRelu', [x, weights])[0]!;
    default:
      return undefined;
  }
};

const isMatrix = (x: Sym): boolean => x.shape.length >= 2;

const batchMatMul: KernelTranslator = (g, { a, b }, { transposeA, transposeB }) =>
  isMatrix(a!) && isMatrix(b!) ? [product(g, a!, b!, Boolean(transposeA), Boolean(transposeB))] : undefined;

const fusedMatMul: KernelTranslator = (g, { a, b, bias, preluActivationWeights }, attributes) => {
  const { transposeA, transposeB, activation, leakyreluAlpha } = attributes;
  const sums = product(g, a!, b!, Boolean(transposeA), Boolean(transposeB));
  const made = finish(g, sums, bias, activation, preluActivationWeights, leakyreluAlpha);
  return made && [made];
};

/** The op knows sums over one operand's diagonal and over more than two operands; tfjs refuses both, and programs may count on it. */
const einsum: KernelTranslator = (g, inputs, { equation }) => {
  const operands = listOf(inputs);
  const terms = String(equation).replace(/\s/g, '').split('->')[0]!.split(',');
  if (operands.length > 2 || terms.some((t) => new Set(t).size !== t.length)) return undefined;
  return [g.op('Einsum', operands, { equation: equation as string })[0]!];
};

export const matmul: KernelFamily = { BatchMatMul: batchMatMul, _FusedMatMul: fusedMatMul, Einsum: einsum };
