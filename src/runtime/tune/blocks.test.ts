import { describe, expect, it } from 'vitest';
import type { SpecialNode } from '../../dispatch/specialize.ts';
import { evenCuts, narrowPlaces } from './cuts.ts';
import { proposeMixes } from './mixes.ts';

const node = (output: string, ...inputs: string[]): SpecialNode => ({
  node: { name: output, op: 'Op', domain: '', version: 1, inputs, outputs: [output], attrs: {} },
  bound: undefined,
  args: [],
  outputs: [],
  waits: false,
});

describe('narrow places', () => {
  const isWeight = (name: string): boolean => name.startsWith('w');
  it('are where one value passes, weights not counted', () => {
    // a → (b, c) → d → e: between a and d there are two values on the way, but for right after a.
    const nodes = [node('a', 'x', 'w1'), node('b', 'a'), node('c', 'a'), node('d', 'b', 'c'), node('e', 'd', 'w2')];
    expect(narrowPlaces(nodes, ['e'], isWeight)).toEqual([1, 4]);
  });

  it('are none where an input is read late, or an inner value is handed out', () => {
    const chain = [node('a', 'x'), node('b', 'a'), node('c', 'b')];
    expect(narrowPlaces(chain, ['c'], isWeight)).toEqual([1, 2]);
    expect(narrowPlaces([...chain.slice(0, 2), node('c', 'b', 'x')], ['c'], isWeight)).toEqual([]);
    expect(narrowPlaces(chain, ['a', 'c'], isWeight)).toEqual([1]);
  });

  it('are thinned out to blocks of about the same weight', () => {
    const places = Array.from({ length: 99 }, (_, i) => i + 1);
    const even = evenCuts(places, new Array<number>(100).fill(1), 4);
    expect(even).toEqual([25, 50, 75]);
    expect(evenCuts([1, 2, 50], [90, 1, ...new Array<number>(98).fill(0.1)], 4)[0]).toBe(1);
    expect(evenCuts([], [1, 2], 4)).toEqual([]);
  });
});

describe('mixes', () => {
  it('give each block to whom it is fastest on, where that pays for the hand-over', () => {
    // The third contender's blocks sum up to what it takes in one piece: nothing is gained by joining them.
    const blockUs = [
      [10, 50, 50],
      [30, 20, 20],
    ];
    expect(proposeMixes({ blockUs, wholeUs: [110, 70] })).toEqual([[0, 1, 1]]);
    // In one piece the second is much faster than in blocks: its first block comes almost for nothing.
    expect(proposeMixes({ blockUs, wholeUs: [110, 20] })).toEqual([]);
  });

  it('come with few hand-overs, and with as many as pay; what is no better than one contender is left out', () => {
    const blockUs = [
      [1, 9, 1, 9, 1],
      [9, 1, 9, 1, 9],
    ];
    const mixes = proposeMixes({ blockUs, wholeUs: [21, 29] });
    expect(mixes.at(-1)).toEqual([0, 1, 0, 1, 0]);
    const switches = mixes.map((m) => m.filter((c, i) => i > 0 && c !== m[i - 1]).length);
    expect(switches).toEqual([2, 4]);
  });

  it('are none where there is nothing to mix', () => {
    expect(proposeMixes({ blockUs: [[1, 2]], wholeUs: [3] })).toEqual([]);
    expect(proposeMixes({ blockUs: [[1], [2]], wholeUs: [1, 2] })).toEqual([]);
  });
});
