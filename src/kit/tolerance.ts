/**
 * How far a whole model may be off, where no error model says it: per element c·u·(|y| + m), with u the unit roundoff of the
 * result's type, and m the largest magnitude among the results (what cancelled on the way
 * is at most of that order in the kit's cases). Everything that is not a float must be equal.
 *
 * The looser limit is for kernels that approximate; passing by it alone is reported, and costs the highest grade.
 */
import { compareValues } from '../core/compare.ts';
import { isFloat, type DType } from '../core/dtype.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { fail, pass, type Outcome } from './types.ts';

const roundoff: Partial<Record<DType, number>> = { float64: 2 ** -53, float32: 2 ** -24, float16: 2 ** -11, bfloat16: 2 ** -8 };
const STANDARD = 32;
const LOOSE = 1024;

const largest = (tensor: Tensor): number => tensor.toNumbers().reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), 0);

/** Compares one result with the reference's. */
export const judge = (actual: Value | undefined, expected: Value): Outcome => {
  if (!(expected instanceof Tensor) || !isFloat(expected.dtype)) {
    const { ok, problem } = compareValues(actual, expected, { rtol: 1e-5, atol: 1e-6 });
    return ok ? pass() : fail(problem ?? 'differs');
  }
  const u = roundoff[expected.dtype] ?? 2 ** -3;
  const m = Math.max(largest(expected), 2 ** -20);
  const by = (c: number): ReturnType<typeof compareValues> => compareValues(actual, expected, { rtol: c * u, atol: c * u * m });
  const standard = by(STANDARD);
  if (standard.ok) return pass();
  const loose = by(LOOSE);
  if (loose.ok) return { status: 'loosened', detail: `${standard.worst.toFixed(1)} × the tolerance of ${STANDARD}u; within ${LOOSE}u` };
  return fail(standard.problem ?? 'differs');
};
