import { describe, expect, it } from 'vitest';
import { layOut, type Lifetime } from './arena.ts';
import { seeded } from './testing-random.ts';

const random = seeded(7);
const tensors = (count: number): Lifetime[] =>
  Array.from({ length: count }, () => {
    const first = random.below(count);
    return { bytes: random() < 0.1 ? 0 : Math.floor(random.scale(1, 100_000)), first, last: first + random.below(8) };
  });
const aliveTogether = (a: Lifetime, b: Lifetime): boolean => a.first <= b.last && b.first <= a.last;

describe('layOut', () => {
  it('never gives tensors that are alive together the same bytes, in 300 random plans', () => {
    for (let round = 0; round < 300; round++) {
      const list = tensors(random.between(1, 60));
      const { offsets, bytes } = layOut(list);
      for (let i = 0; i < list.length; i++) {
        expect(offsets[i]! % 64).toBe(0);
        expect(offsets[i]! + list[i]!.bytes).toBeLessThanOrEqual(bytes);
        for (let k = 0; k < i; k++) {
          if (!aliveTogether(list[i]!, list[k]!) || list[i]!.bytes === 0 || list[k]!.bytes === 0) continue;
          expect(
            offsets[i]! >= offsets[k]! + list[k]!.bytes || offsets[k]! >= offsets[i]! + list[i]!.bytes,
            `round ${round}: ${i} and ${k}`,
          ).toBe(true);
        }
      }
    }
  });

  it('needs no more than all tensors together, and at least what is alive at once', () => {
    for (let round = 0; round < 100; round++) {
      const list = tensors(random.between(1, 40));
      const { bytes } = layOut(list);
      const padded = list.map((t) => Math.ceil(t.bytes / 64) * 64);
      const steps = Math.max(...list.map((t) => t.last)) + 1;
      const peak = Math.max(
        ...Array.from({ length: steps }, (_, s) => list.reduce((n, t, i) => (t.first <= s && s <= t.last ? n + padded[i]! : n), 0)),
      );
      expect(bytes).toBeGreaterThanOrEqual(peak);
      expect(bytes).toBeLessThanOrEqual(padded.reduce((a, b) => a + b, 0));
    }
  });

  it('lets a chain of equal tensors alternate between two places', () => {
    const chain = Array.from({ length: 100 }, (_, i) => ({ bytes: 1000, first: i, last: i + 1 }));
    expect(layOut(chain).bytes).toBe(2048);
  });

  it('gives nothing for nothing', () => {
    expect(layOut([])).toEqual({ offsets: [], bytes: 0 });
    expect(layOut([{ bytes: 0, first: 0, last: 3 }])).toEqual({ offsets: [0], bytes: 0 });
  });
});
