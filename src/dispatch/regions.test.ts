import { describe, expect, it } from 'vitest';
import { formRegions, splitRegion } from './regions.ts';
import { randomInputs, seeded } from './testing-random.ts';

/** Nodes that can be reached from each node. */
const descendants = (inputs: readonly (readonly number[])[]): Set<number>[] => {
  const after = inputs.map(() => new Set<number>());
  for (let v = inputs.length - 1; v >= 0; v--) for (const p of inputs[v]!) for (const d of [v, ...after[v]!]) after[p]!.add(d);
  return after;
};

/** A path from a member to a member that leaves the set would make it wait for itself. */
const isConvex = (members: readonly number[], inputs: readonly (readonly number[])[], after: readonly Set<number>[]): boolean =>
  inputs.every((_, x) => members.includes(x) || !(members.some((a) => after[a]!.has(x)) && members.some((b) => after[x]!.has(b))));

const isConnected = (members: readonly number[], inputs: readonly (readonly number[])[]): boolean => {
  const seen = new Set([members[0]!]);
  for (let grew = true; grew;) {
    grew = false;
    for (const v of members)
      for (const p of inputs[v]!) {
        if (!members.includes(p) || seen.has(v) === seen.has(p)) continue;
        seen.add(v).add(p);
        grew = true;
      }
  }
  return seen.size === members.length;
};

const isOrder = (regions: readonly (readonly number[])[], inputs: readonly (readonly number[])[]): boolean => {
  const position = new Map(regions.flatMap((members, i) => members.map((v) => [v, i] as const)));
  return inputs.every((list, v) => list.every((p) => position.get(p)! <= position.get(v)!));
};

describe('formRegions', () => {
  it('makes connected, convex regions of one label, in an order in which they can run: 400 random graphs', () => {
    const random = seeded(11);
    for (let round = 0; round < 400; round++) {
      const inputs = randomInputs(random, random.between(1, 30));
      const labels = inputs.map(() => random.below(3));
      const loners = inputs.map(() => random() < 0.15);
      const regions = formRegions({ inputs }, (p, v) => labels[p] === labels[v] && !loners[p] && !loners[v]);
      const after = descendants(inputs);
      expect(regions.flat().sort((a, b) => a - b)).toEqual(inputs.map((_, v) => v));
      expect(isOrder(regions, inputs), `round ${round}: order`).toBe(true);
      for (const members of regions) {
        expect(new Set(members.map((v) => labels[v])).size).toBe(1);
        expect(members.length === 1 || !members.some((v) => loners[v])).toBe(true);
        expect(isConvex(members, inputs, after), `round ${round}: ${members}`).toBe(true);
        expect(isConnected(members, inputs)).toBe(true);
      }
    }
  });

  it('leaves no two neighbouring regions apart that could be one', () => {
    const random = seeded(12);
    for (let round = 0; round < 150; round++) {
      const inputs = randomInputs(random, random.between(2, 16));
      const labels = inputs.map(() => random.below(2));
      const regions = formRegions({ inputs }, (p, v) => labels[p] === labels[v]);
      const regionOf = new Map(regions.flatMap((members, i) => members.map((v) => [v, i] as const)));
      const next = regions.map(() => new Set<number>());
      inputs.forEach((list, v) =>
        list.forEach((p) => regionOf.get(p) !== regionOf.get(v) && next[regionOf.get(p)!]!.add(regionOf.get(v)!)),
      );
      next.forEach((readers, a) =>
        readers.forEach((b) => {
          if (labels[regions[a]![0]!] !== labels[regions[b]![0]!]) return;
          // As one they would wait for themselves: there is a way from one to the other through a third.
          const reached = new Set([...readers].filter((r) => r !== b));
          for (const r of reached) for (const n of next[r]!) reached.add(n);
          expect(reached.has(b), `round ${round}: ${regions[a]} | ${regions[b]}`).toBe(true);
        }),
      );
    }
  });

  it('takes a path of 50 000 nodes, as one region and as 50 000', () => {
    const inputs = Array.from({ length: 50_000 }, (_, v) => (v === 0 ? [] : [v - 1]));
    expect(formRegions({ inputs }, () => true)).toHaveLength(1);
    expect(formRegions({ inputs }, () => false).map(([v]) => v)).toEqual(inputs.map((_, v) => v));
    // Its last node with its first: everything between them has to come out in between.
    const ends = inputs.map((list, v) => (v === 49_999 ? [0, ...list] : v === 1 ? [] : list));
    expect(formRegions({ inputs: ends }, (p, v) => p === 0 && v === 49_999).at(-1)).toEqual([0, 49_999]);
  });
});

describe('splitRegion', () => {
  it('gives smaller connected, convex parts that can stand where the region stood', () => {
    const random = seeded(13);
    let split = 0;
    for (let round = 0; round < 300; round++) {
      const inputs = randomInputs(random, random.between(2, 24));
      const labels = inputs.map(() => random.below(2));
      const after = descendants(inputs);
      const regions = formRegions({ inputs }, (p, v) => labels[p] === labels[v]);
      const taken = regions.flatMap((members) => (members.length > 1 ? splitRegion({ inputs }, members) : [members]));
      split += taken.length - regions.length;
      expect(isOrder(taken, inputs), `round ${round}`).toBe(true);
      expect(taken.flat().sort((a, b) => a - b)).toEqual(inputs.map((_, v) => v));
      for (const part of taken) {
        expect(isConvex(part, inputs, after)).toBe(true);
        expect(isConnected(part, inputs)).toBe(true);
      }
    }
    expect(split).toBeGreaterThan(300);
  });
});
