/**
 * Delta debugging: the smallest part of a set of suspects that still makes a test fail.
 * Source: A. Zeller and R. Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE TSE 2002.
 */

/** Whether the fault shows with only these suspects switched on. */
export type Shows<T> = (suspects: readonly T[]) => Promise<boolean>;

const split = <T>(items: readonly T[], parts: number): T[][] => {
  const made: T[][] = [];
  for (let i = 0, from = 0; i < parts; i++) {
    const to = from + Math.round((items.length - from) / (parts - i));
    if (to > from) made.push(items.slice(from, to));
    from = to;
  }
  return made;
};

/**
 * A minimal set: without any one of its members the fault does not show. Tests are remembered by `key`.
 * @param suspects for all of which together the fault shows.
 */
export const ddmin = async <T>(suspects: readonly T[], shows: Shows<T>, key: (t: T) => string): Promise<T[]> => {
  const known = new Map<string, Promise<boolean>>();
  const ask = (some: readonly T[]): Promise<boolean> => {
    if (some.length === 0) return Promise.resolve(false);
    const k = some.map(key).join('\n');
    let answer = known.get(k);
    if (!answer) known.set(k, (answer = shows(some)));
    return answer;
  };
  let left = [...suspects];
  let parts = 2;
  while (left.length >= 2) {
    const pieces = split(left, Math.min(parts, left.length));
    let smaller: T[] | undefined;
    for (const piece of pieces) if (!smaller && (await ask(piece))) smaller = piece;
    if (smaller) {
      left = smaller;
      parts = 2;
      continue;
    }
    if (pieces.length > 2)
      for (const piece of pieces) {
        const others = left.filter((t) => !piece.includes(t));
        if (!smaller && (await ask(others))) smaller = others;
      }
    if (smaller) {
      left = smaller;
      parts = Math.max(parts - 1, 2);
    } else if (parts >= left.length) break;
    else parts = Math.min(left.length, parts * 2);
  }
  return left;
};

/**
 * Every independent cause: minimal sets one after another, until what is left shows nothing.
 * @returns sets that share no member.
 */
export const allCauses = async <T>(suspects: readonly T[], shows: Shows<T>, key: (t: T) => string): Promise<T[][]> => {
  const causes: T[][] = [];
  let left = [...suspects];
  while (left.length > 0 && (await shows(left))) {
    const cause = await ddmin(left, shows, key);
    causes.push(cause);
    left = left.filter((t) => !cause.includes(t));
  }
  return causes;
};
