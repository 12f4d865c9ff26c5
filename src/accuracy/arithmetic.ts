/** From what a kernel declares to the numbers of the error model: u_in, u_acc, what it flushes, the best level it can have. */
import { isFloat, type DType } from '../core/dtype.ts';
import type { Numerics } from '../core/numerics.ts';
import { precisionOf, roundoffOf } from './precision.ts';
import type { ModelLevel } from './levels.ts';

/** What float64 itself adds to the golden. */
export const goldenRoundoff = 2 ** -53;

export interface DeclaredArithmetic {
  /** Relative error of reading an input of a type; 0: used as it is. */
  readonly inputRoundoff: (dtype: DType) => number;
  /** Of the accumulator, the golden's own on top. */
  readonly accumulateRoundoff: number;
  /** Absolute error of one operation near zero. */
  readonly tiny: number;
  /** Largest value of the accumulator. */
  readonly largest: number;
  /** Products and inputs below the smallest normal may become 0. */
  readonly flushes: boolean;
  /** Whether sums over windows may be calculated by Winograd's algorithm. */
  readonly winograd: boolean;
  /** Best level a kernel can have that calculates in less than its tensors hold, or by an algorithm that loses digits: it is exact enough only for those who allow it. */
  readonly cap: ModelLevel | undefined;
}

/** Inputs used as bytes are a step of 1/127 of the largest of their row or column, rounded to nearest: 2⁻⁸ of the largest, which is about twice the usual one. */
const QUANTIZED = 2 ** -7;

/** Types of 8 bits and less hold values, nobody calculates in them. */
const computes = (dtype: DType): boolean => isFloat(dtype) && roundoffOf(dtype) <= 2 ** -8;

/**
 * @param dtypes element types of the float tensors in and out.
 * `same` is the coarsest of them: the type the op is defined in.
 */
export const declaredArithmetic = ({ inputs, accumulate, notes }: Numerics, dtypes: readonly DType[]): DeclaredArithmetic => {
  const floats = dtypes.filter(computes);
  const own = floats.reduce<DType>((a, b) => (roundoffOf(b) > roundoffOf(a) ? b : a), floats[0] ?? 'float32');
  const acc: DType = accumulate === 'same' ? own : accumulate === 'exact' ? 'float64' : accumulate;
  const precision = precisionOf(acc) ?? precisionOf('float64')!;
  const inputRoundoff = (dtype: DType): number => {
    const u = inputs === 'same' ? 0 : inputs === 'int8' ? QUANTIZED : roundoffOf(inputs);
    return u > roundoffOf(dtype) ? u : 0;
  };
  const flushes = notes.includes('flush-denormals');
  const winograd = notes.includes('winograd');
  return {
    inputRoundoff,
    accumulateRoundoff: (accumulate === 'exact' ? 0 : precision.u) + goldenRoundoff,
    tiny: flushes ? precision.minNormal : precision.minSubnormal,
    largest: precision.max,
    flushes,
    winograd,
    cap: winograd || precision.u > roundoffOf(own) || floats.some((d) => inputRoundoff(d) > 0) ? 'loose' : undefined,
  };
};
