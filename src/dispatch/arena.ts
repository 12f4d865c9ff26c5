/** One block of memory for a plan's inner tensors, laid out from their lifetimes: tensors that are never alive together share bytes. */

export interface Lifetime {
  /** Bytes; 0 takes no room. */
  readonly bytes: number;
  /** Steps (inclusive) between which the tensor must keep its contents. */
  readonly first: number;
  readonly last: number;
}

/** Cache lines of today's processors, and the alignment vector loads like best. */
const ALIGN = 64;

/** Offsets for each tensor, and the size of the block. Greedy by size: the largest tensors choose their place first. */
export const layOut = (tensors: readonly Lifetime[]): { offsets: number[]; bytes: number } => {
  const offsets = new Array<number>(tensors.length).fill(0);
  const placed: { offset: number; end: number; first: number; last: number }[] = [];
  const order = tensors
    .map((_, i) => i)
    .filter((i) => tensors[i]!.bytes > 0)
    .sort((a, b) => tensors[b]!.bytes - tensors[a]!.bytes || a - b);
  let total = 0;
  for (const i of order) {
    const t = tensors[i]!;
    const size = Math.ceil(t.bytes / ALIGN) * ALIGN;
    let offset = 0;
    for (const p of placed) {
      // `placed` is sorted by offset: the first gap that is large enough wins.
      if (p.last < t.first || p.first > t.last) continue;
      if (p.offset - offset >= size) break;
      offset = Math.max(offset, p.end);
    }
    offsets[i] = offset;
    const at = placed.findIndex((p) => p.offset > offset);
    placed.splice(at < 0 ? placed.length : at, 0, { offset, end: offset + size, first: t.first, last: t.last });
    total = Math.max(total, offset + size);
  }
  return { offsets, bytes: total };
};
