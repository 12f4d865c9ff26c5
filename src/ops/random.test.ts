import { describe, expect, it } from 'vitest';
import { RandomStream, randomStream } from './random.ts';

const take = (n: number, draw: () => number): number[] => Array.from({ length: n }, draw);

// Expected values are those of numpy 2.4's RandomState.
describe('random numbers', () => {
  it('are MT19937’s', () => {
    const s = new RandomStream(5489);
    expect(take(3, () => s.uint32())).toEqual([3499211612, 581869302, 3890346734]);
  });
  it('are numpy’s uniform numbers, across refills of the state', () => {
    const s = new RandomStream(42);
    expect(take(3, () => s.uniform())).toEqual([0.3745401188473625, 0.9507143064099162, 0.7319939418114051]);
    const last = new RandomStream(2 ** 32 - 1);
    expect(take(700, () => last.uniform())[699]).toBe(0.008352749376617896);
  });
  it('are numpy’s normal numbers', () => {
    const s = new RandomStream(0);
    expect(take(3, () => s.normal())).toEqual([1.764052345967664, 0.4001572083672233, 0.9787379841057392]);
  });
  it('are numpy’s binomial numbers of one trial', () => {
    const s = new RandomStream(7);
    expect([0.1, 0.9, 0.5, 0.3, 0.7, 0, 1, 0.5, 0.5, 0.2].map((p) => Number(s.bernoulli(p)))).toEqual([0, 1, 0, 1, 0, 0, 1, 0, 0, 0]);
  });
});

describe('seeds', () => {
  const first = (seed: number | bigint | undefined): number => randomStream(seed).uint32();
  it('are taken as whole numbers modulo 2^32', () => {
    expect(first(5489.7)).toBe(3499211612);
    expect(first(5489n + 2n ** 32n)).toBe(3499211612);
    expect(first(-1)).toBe(first(2n ** 32n - 1n));
    expect(first(NaN)).toBe(first(0));
  });
  it('differ from call to call when not given', () => {
    expect(new Set(take(8, () => first(undefined))).size).toBeGreaterThan(1);
  });
});
