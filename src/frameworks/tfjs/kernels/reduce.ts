/** Kernels that reduce along axes: sums, products, extremes, quantifiers, positions of extremes, running sums. */
import type { DType } from '../../../core/dtype.ts';
import { sizeOf } from '../../../core/tensor.ts';
import type { GraphBuilder, KernelFamily, KernelTranslator, Sym } from '../translate.ts';
import { axesOf, cast, filled, int64s, isEmpty, reshape, scalar } from './util.ts';

const reduced = (shape: readonly number[], axes: readonly number[], keepDims: boolean): number[] =>
  shape.flatMap((d, i) => (axes.includes(i) ? (keepDims ? [1] : []) : [d]));

/** @param neutral what a reduction over nothing gives. */
const along = (g: GraphBuilder, op: string, x: Sym, axes: readonly number[], keepDims: boolean, neutral: number): Sym => {
  const out = reduced(x.shape, axes, keepDims);
  if (axes.length === 0) return g.op('Identity', [x])[0]!;
  if (isEmpty(x)) return filled(g, x.dtype, out, sizeOf(out) === 0 ? 0 : neutral);
  return g.op(op, [x, int64s(g, axes)], { keepdims: keepDims ? 1 : 0 })[0]!;
};

const wider = (x: Sym): DType => (x.dtype === 'bool' ? 'int32' : x.dtype);

const reduction =
  (op: string, neutral: number, counts = true): KernelTranslator =>
  (g, { x }, { axis, reductionIndices, keepDims }) => {
    const operand = cast(g, x!, wider(x!));
    // Max alone has its axes under another name.
    const made = along(g, op, operand, axesOf(axis ?? reductionIndices, x!.shape.length), Boolean(keepDims), neutral);
    return [counts ? made : cast(g, made, x!.dtype)];
  };

/** The sum of what was divided by the number of elements, in float32. */
const mean: KernelTranslator = (g, { x }, { axis, keepDims }) => {
  const axes = axesOf(axis, x!.shape.length);
  const count = axes.reduce((n, a) => n * x!.shape[a]!, 1);
  const sum = along(g, 'ReduceSum', cast(g, x!, 'float32'), axes, Boolean(keepDims), 0);
  return [g.op('Div', [sum, scalar(g, 'float32', count)])[0]!];
};

const quantifier =
  (op: string, neutral: number): KernelTranslator =>
  (g, { x }, { axis, keepDims }) => {
    const made = along(g, op, cast(g, cast(g, x!, 'bool'), 'int32'), axesOf(axis, x!.shape.length), Boolean(keepDims), neutral);
    return [cast(g, made, 'bool')];
  };

/** What is no number is nobody's extreme. */
const numbers = (g: GraphBuilder, x: Sym, instead: number): Sym =>
  x.dtype === 'float32' ? g.op('Where', [g.op('IsNaN', [x])[0]!, scalar(g, 'float32', instead), x])[0]! : x;

const position =
  (op: string, worst: number): KernelTranslator =>
  (g, { x }, { axis }) => {
    const [at] = axesOf(axis, x!.shape.length);
    if (isEmpty(x!)) return [filled(g, 'int32', reduced(x!.shape, [at!], false), 0)];
    return [cast(g, g.op(op, [numbers(g, cast(g, x!, wider(x!)), worst)], { axis: at!, keepdims: 0 })[0]!, 'int32')];
  };

const running =
  (op: string): KernelTranslator =>
  (g, { x }, { axis, exclusive, reverse }) => {
    const [at] = axesOf((axis as number | undefined) ?? 0, x!.shape.length);
    const operand = x!.shape.length === 0 ? reshape(g, x!, [1]) : x!;
    const made = g.op(op, [cast(g, operand, wider(x!)), scalar(g, 'int32', at!)], {
      exclusive: exclusive ? 1 : 0,
      reverse: reverse ? 1 : 0,
    })[0]!;
    return [reshape(g, made, x!.shape)];
  };

export const reduce: KernelFamily = {
  Sum: reduction('ReduceSum', 0),
  Prod: reduction('ReduceProd', 1),
  Max: reduction('ReduceMax', -Infinity, false),
  Min: reduction('ReduceMin', Infinity, false),
  Mean: mean,
  All: quantifier('ReduceMin', 1),
  Any: quantifier('ReduceMax', 0),
  ArgMax: position('ArgMax', -Infinity),
  ArgMin: position('ArgMin', Infinity),
  Cumsum: running('CumSum'),
  Cumprod: running('CumProd'),
};
