/** Tensors made from a few numbers: ranges, window functions, the identity matrix. */
import { add, cast, constant, cos, div, eq, mul, select, sin, sub, type Expr } from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import { isFloat, type DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { dtype, flag, int, optionalDType } from './attrs.ts';
import { defineOp, exact, ulp, value, type OpRecord } from './define.ts';
import { floats, indices, numeric } from './types.ts';
import { scalarOf, shapeError, showShape, valueError } from './util.ts';

/** Most elements these ops make: what one array of bytes can hold everywhere. */
const LARGEST = 2 ** 31 - 1;
const checkCount = (count: number): number => {
  if (count > LARGEST) throw new FlagosError('FLAGOS_E_LIMIT', `the output would have ${count} elements, the limit is ${LARGEST}`);
  return count;
};

/** max(⌈(limit − start) / delta⌉, 0), exact for 64-bit integers. @throws FLAGOS_E_VALUE for a step of 0 and for NaN. */
const rangeCount = (start: number | bigint, limit: number | bigint, delta: number | bigint): number => {
  if (Number(delta) === 0) throw valueError("'delta' is 0, a range needs a step");
  if (typeof start === 'bigint' && typeof limit === 'bigint' && typeof delta === 'bigint') {
    const [span, step] = delta > 0n ? [limit - start, delta] : [start - limit, -delta];
    return span <= 0n ? 0 : checkCount(Number((span + step - 1n) / step));
  }
  const count = Math.ceil((Number(limit) - Number(start)) / Number(delta));
  if (Number.isNaN(count)) throw valueError(`there is no range from ${start} to ${limit} in steps of ${delta}`);
  return checkCount(Math.max(count, 0));
};

const exactScalar = (t: Tensor, name: string): number | bigint => {
  const rounded = scalarOf(t, name);
  const [exactly] = t.toValues();
  return typeof exactly === 'bigint' ? exactly : rounded;
};

/** start, start + delta, … below (above, for a negative delta) limit. Floats are calculated in float64 and rounded once. */
export const Range = defineOp({
  name: 'Range',
  since: 11,
  inputs: { start: value([...floats, 'int16', 'int32', 'int64']), limit: value('start'), delta: value('start') },
  outputs: { output: 'start' },
  attrs: { stash_type: dtype('float32') },
  compute: ({ start, limit, delta }, { stash_type }) => {
    if (stash_type !== 'float32' && stash_type !== 'float64')
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'stash_type' is ${stash_type}, it must be float32 or float64`);
    const [first, end, step] = [exactScalar(start, 'start'), exactScalar(limit, 'limit'), exactScalar(delta, 'delta')];
    const type: DType = isFloat(start.dtype) ? 'float64' : start.dtype;
    return compute([rangeCount(first, end, step)], (i) =>
      cast(add(constant(first, type), mul(cast(i, type), constant(step, type))), start.dtype),
    );
  },
  accuracy: ulp(1),
});

/** A window function: `at` gives its value at an angle 2π·n/N. N is the length if periodic, one less if symmetric. */
const windowOp = (name: string, at: (angle: Expr) => Expr): OpRecord =>
  defineOp({
    name,
    since: 17,
    inputs: { size: value(indices) },
    outputs: { output: ({ attrs }) => attrs.output_datatype },
    attrs: { output_datatype: dtype('float32'), periodic: flag(true) },
    // Cosines that cancel: no ULP of a value near 0.
    compute: ({ size }, { output_datatype, periodic }) => windowTensor(scalarOf(size, 'size'), periodic, output_datatype, at),
  });

const windowTensor = (size: number, periodic: boolean, type: DType, at: (angle: Expr) => Expr): TensorExpr => {
  if (size < 0) throw valueError(`'size' is ${size}, it must not be negative`);
  const allowed: readonly DType[] = numeric;
  if (!allowed.includes(type))
    throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'output_datatype' is ${type}, it must be one of ${numeric.join(', ')}`);
  // A symmetric window of one point has no period: NaN, as ONNX's definition of these ops as functions gives.
  const period = periodic ? size : size - 1;
  return compute([checkCount(size)], (n) => cast(at(div(mul(2 * Math.PI, cast(n, 'float64')), period)), type));
};

const HAMMING = 25 / 46;

export const HannWindow = windowOp('HannWindow', (angle) => {
  const s = sin(div(angle, 2));
  return mul(s, s);
});
export const HammingWindow = windowOp('HammingWindow', (angle) => sub(HAMMING, mul(1 - HAMMING, cos(angle))));
// Added in this order the middle is exactly 1, which integer windows keep.
export const BlackmanWindow = windowOp('BlackmanWindow', (angle) => add(add(mul(-0.5, cos(angle)), mul(0.08, cos(mul(2, angle)))), 0.42));

const eyeTypes = [...numeric, 'bool'] as const;

/** Ones on the k-th diagonal of a matrix of the input's shape, k > 0 above the main one. */
export const EyeLike = defineOp({
  name: 'EyeLike',
  since: 9,
  inputs: { input: eyeTypes },
  outputs: { output: ({ attrs, dtype: of }) => attrs.dtype ?? of('input') },
  attrs: { dtype: optionalDType(), k: int(0) },
  compute: ({ input }, attrs) => {
    const type = attrs.dtype ?? input.dtype;
    const allowed: readonly DType[] = eyeTypes;
    if (!allowed.includes(type))
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'dtype' is ${type}, it must be one of ${eyeTypes.join(', ')}`);
    if (input.rank !== 2) throw shapeError(`'input' has shape ${showShape(input.shape)}, it must be a matrix`);
    const { k } = attrs;
    return compute(input.shape, (i, j) =>
      select(eq(add(i, Math.max(k, 0)), add(j, Math.max(-k, 0))), constant(1, type), constant(0, type)),
    );
  },
  accuracy: exact,
});
