/** Mixed assignments worth measuring: from times of blocks under each contender, which of them should run which block. */

export interface BlockTimes {
  /** Per contender, per block: microseconds. */
  readonly blockUs: readonly (readonly number[])[];
  /** Per contender: microseconds of the whole graph in one piece. */
  readonly wholeUs: readonly number[];
}

/** Hand-overs a proposal may have: few of them are more certain to pay than many. */
const SWITCHES = [1, 2, Infinity] as const;

/**
 * The contender for each block, by dynamic programming. Two neighbouring blocks of one contender gain what running
 * its whole graph in one piece gained over running it in blocks, shared equally among the cuts.
 */
const cheapest = ({ blockUs, wholeUs }: BlockTimes, most: number): number[] => {
  const blocks = blockUs[0]!.length;
  const joined = blockUs.map((list, c) => (list.reduce((a, b) => a + b, 0) - wholeUs[c]!) / Math.max(1, blocks - 1));
  interface State {
    readonly us: number;
    readonly path: readonly number[];
  }
  const limit = Math.min(most, blocks - 1);
  /** Per number of switches, per contender: the cheapest way to have come so far. */
  let states: (State | undefined)[][] = Array.from({ length: limit + 1 }, (_, s) =>
    blockUs.map((list, c) => (s === 0 ? { us: list[0]!, path: [c] } : undefined)),
  );
  for (let b = 1; b < blocks; b++) {
    const next: (State | undefined)[][] = states.map((row) => row.map(() => undefined));
    states.forEach((row, s) =>
      row.forEach((state, from) => {
        if (!state) return;
        blockUs.forEach((list, to) => {
          const switches = s + (to === from ? 0 : 1);
          if (switches > limit) return;
          const us = state.us + list[b]! - (to === from ? joined[to]! : 0);
          const known = next[switches]![to];
          if (!known || us < known.us) next[switches]![to] = { us, path: [...state.path, to] };
        });
      }),
    );
    states = next;
  }
  return [...states.flat().reduce((a, b) => (!a || (b && b.us < a.us) ? b : a))!.path];
};

/** Different mixes, the ones with fewest hand-overs first; what is all one contender is no mix. */
export const proposeMixes = (times: BlockTimes): number[][] => {
  if (times.blockUs.length < 2 || (times.blockUs[0]?.length ?? 0) < 2) return [];
  const found = new Map<string, number[]>();
  for (const most of SWITCHES) {
    const path = cheapest(times, most);
    if (path.some((c) => c !== path[0])) found.set(path.join(), path);
  }
  return [...found.values()];
};
