/** Random numbers and problems for tests, the same on every machine. */
import type { AssignmentProblem, Passed } from './cost.ts';

export interface Random {
  /** From 0 (inclusive) to 1. */
  (): number;
  /** An integer from 0 to below `n`. */
  below(n: number): number;
  /** An integer from `a` to `b`, both included. */
  between(a: number, b: number): number;
  pick<T>(items: readonly T[]): T;
  /** Log-uniform from `a` to `b`. */
  scale(a: number, b: number): number;
}

/** Mulberry32, public domain. */
export const seeded = (seed: number): Random => {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n: number): number => Math.floor(next() * n);
  return Object.assign(next, {
    below,
    between: (a: number, b: number) => a + below(b - a + 1),
    pick: <T>(items: readonly T[]): T => items[below(items.length)]!,
    scale: (a: number, b: number) => a * (b / a) ** next(),
  });
};

/** Producers of each node: a random graph of `n` nodes, in topological order. */
export const randomInputs = (random: Random, n: number): number[][] =>
  Array.from({ length: n }, (_, v) => {
    const degree = v === 0 ? 0 : random.pick([0, 1, 1, 1, 2, 2, 3]);
    // Near ones more often, as in real models.
    return [
      ...new Set(
        Array.from({ length: Math.min(degree, v) }, () => (random() < 0.6 ? v - 1 - random.below(Math.min(v, 3)) : random.below(v))),
      ),
    ];
  });

/** Sessions of different character: host or own memory, cheap or dear to start, one op at a time or whole regions. */
export const randomProblem = (random: Random, n: number, count = 3): AssignmentProblem => {
  const inputs = randomInputs(random, n);
  const sessions = Array.from({ length: count }, (_, s) => ({
    overheadUs: random.scale(0.5, 200),
    grows: s === 0 || random() < 0.6,
    space: random() < 0.5 ? 0 : 1 + random.below(2),
  }));
  const options = inputs.map(() => {
    const able = sessions.flatMap((_, s) => (random() < 0.75 ? [s] : []));
    if (able.length === 0) able.push(random.below(count));
    const base = random.scale(0.5, 500);
    return new Map(
      able.map((s) => [s, { us: base * random.scale(0.1, 10), alone: random() < 0.1, variant: random() < 0.1 ? 'other' : 'default' }]),
    );
  });
  const value = (from: number, readers: number[]): Passed => {
    const us = random.scale(0.5, 300);
    return {
      from,
      readers,
      kept: readers.length === 0 || random() < 0.1,
      copyUs: [0, us * random.scale(0.5, 2), us * random.scale(0.5, 2)],
    };
  };
  const readers = inputs.map((_, v) => inputs.flatMap((list, r) => (list.includes(v) ? [r] : [])));
  const given = inputs.flatMap((list, v) => (list.length === 0 || random() < 0.1 ? [v] : []));
  return { inputs, options, sessions, values: [...readers.map((r, v) => value(v, r)), value(-1, given)] };
};
