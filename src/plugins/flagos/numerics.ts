/** What the chips of this library declare of a region's arithmetic. */
import { isFloat } from '../../core/dtype.ts';
import type { Region, Variant } from '../contract.ts';

/**
 * The variant for a region: every operation is done in the type of its operands, so where all floats are float64 that
 * is what sums are kept in.
 */
export const accumulating = (variant: Variant, region: Region): Variant => {
  const floats = [...region.types.values()].flatMap((t) => (t.kind === 'tensor' && isFloat(t.dtype) ? [t.dtype] : []));
  return floats.length > 0 && floats.every((d) => d === 'float64')
    ? { ...variant, numerics: { ...variant.numerics, accumulate: 'float64' } }
    : variant;
};
