/**
 * A quantile of many numbers without sorting them: doubles that are not negative are in the order of their bits,
 * so a count by their upper ones says in which small part the wanted one lies.
 */

/** Upper bits looked at: sign, exponent, and the first four of the mantissa. */
const BITS = 16;
/** Sorting is quicker below. */
const FEW = 4096;
/** The upper half of a double in memory. */
const UPPER = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;

/** @param values numbers ≥ 0, ∞ among them, no NaN; may be reordered. @returns the smallest that `q` of them do not exceed; 0 of none. */
export const quantile = (values: Float64Array, q: number): number => {
  const n = values.length;
  if (n === 0) return 0;
  const rank = Math.min(n - 1, Math.ceil(q * n) - 1);
  if (n <= FEW) return values.sort()[rank]!;
  const words = new Uint32Array(values.buffer, values.byteOffset, 2 * n);
  const counts = new Uint32Array(1 << BITS);
  for (let i = UPPER; i < 2 * n; i += 2) counts[words[i]! >>> (32 - BITS)]!++;
  let [bin, before] = [0, 0];
  while (before + counts[bin]! <= rank) before += counts[bin++]!;
  const part = new Float64Array(counts[bin]!);
  let k = 0;
  for (let i = 0; i < n; i++) if (words[2 * i + UPPER]! >>> (32 - BITS) === bin) part[k++] = values[i]!;
  return part.sort()[rank - before]!;
};
