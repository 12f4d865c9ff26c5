/** What a kernel declares of its arithmetic; the accuracy suite holds it to that. */
import type { DType } from './dtype.ts';

export interface Numerics {
  /** Precision in which inputs are used. */
  readonly inputs: DType | 'same';
  /** Precision of accumulators; `exact` if nothing is rounded. */
  readonly accumulate: DType | 'same' | 'exact';
  readonly notes: readonly ('reassociated' | 'approximate' | 'winograd' | 'nondeterministic' | 'flush-denormals')[];
}
