/** Kernels that make tensors from attributes, and casts. */
import type { DType } from '../../../core/dtype.ts';
import { Tensor } from '../../../core/tensor.ts';
import type { KernelFamily, KernelTranslator } from '../translate.ts';
import { cast, filled } from './util.ts';

const fill: KernelTranslator = (g, _, { shape, value, dtype }) => {
  const type = (dtype as DType | undefined) ?? (typeof value === 'boolean' ? 'bool' : typeof value === 'string' ? 'string' : 'float32');
  if (type === 'string' || type === 'complex64') return undefined;
  return [filled(g, type, shape as number[], Number(value))];
};

/** tfjs counts down by itself when `stop` lies below `start` and no step says otherwise. */
const range: KernelTranslator = (g, _, { start, stop, step, dtype }) => {
  const [from, to] = [start as number, stop as number];
  let by = (step as number | undefined) ?? 1;
  const type = ((dtype as DType | undefined) ?? 'float32') as 'float32' | 'int32';
  const none = from === to || (from < to && by < 0) || (to < from && by > 1);
  if (to < from && by === 1) by = -1;
  const values = none ? [] : Array.from({ length: Math.abs(Math.ceil((to - from) / by)) }, (_x, i) => from + i * by);
  const stored = type === 'int32' ? Int32Array.from(values) : Float32Array.from(values);
  return [g.op('Identity', [g.constant(new Tensor(type, [values.length], stored))])[0]!];
};

/** Numbers become integers by cutting, and true where they are not zero. */
const castTo: KernelTranslator = (g, { x }, { dtype }) => {
  if (x!.dtype === 'string' || dtype === 'string' || dtype === 'complex64') return undefined;
  return [x!.dtype === dtype ? g.op('Identity', [x!])[0]! : cast(g, x!, dtype as DType)];
};

export const make: KernelFamily = { Fill: fill, Range: range, Cast: castTo };
