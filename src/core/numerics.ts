/** What a kernel declares of its arithmetic; the accuracy suite holds it to that. */
import type { DType } from './dtype.ts';

export interface Numerics {
  /** Precision in which inputs are used. */
  readonly inputs: DType | 'same';
  /** Precision of accumulators; `exact` if nothing is rounded. */
  readonly accumulate: DType | 'same' | 'exact';
  readonly notes: readonly ('reassociated' | 'approximate' | 'winograd' | 'nondeterministic' | 'flush-denormals')[];
}

/**
 * In what a kernel is coarser than the types of its tensors say, as the end of "it …": such a kernel is let in by
 * measured accuracy or by its name, never by default. Undefined: in nothing.
 */
export const coarserIn = ({ inputs, notes }: Numerics): string | undefined => {
  if (inputs !== 'same') return `uses its inputs in ${inputs}`;
  return notes.includes('winograd') ? "calculates convolutions by Winograd's algorithm, which loses digits," : undefined;
};
