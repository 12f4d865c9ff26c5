import { describe, expect, it } from 'vitest';
import { bisectAll, type Suspect } from './bisect.ts';
import { allCauses, ddmin } from './ddmin.ts';

const id = (n: number): string => String(n);

describe('ddmin', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i);
  it.each([[[42]], [[3, 97]], [[0, 1, 2]], [[99]]])('finds %j among a hundred', async (guilty) => {
    let tests = 0;
    const found = await ddmin(
      hundred,
      async (some) => {
        tests++;
        return guilty.every((g) => some.includes(g));
      },
      id,
    );
    expect(found).toEqual(guilty);
    expect(tests).toBeLessThan(120);
  });
  it('finds one cause after another', async () => {
    const causes = await allCauses(hundred, async (some) => some.includes(7) || (some.includes(20) && some.includes(80)), id);
    expect(causes.map((c) => c.toSorted((a, b) => a - b)).toSorted((a, b) => a.length - b.length)).toEqual([[7], [20, 80]]);
  });
});

describe('bisect', () => {
  const suspects: Suspect[] = Array.from({ length: 40 }, (_, i) => ({
    node: `n${i}`,
    op: i % 3 === 0 ? 'Conv' : 'Relu',
    kernel: i % 2 === 0 ? `a/cpu:${i % 3 === 0 ? 'Conv' : 'Relu'}.x` : 'b/cpu:All.x',
  }));
  it('goes from providers down to nodes, and finds each fault', async () => {
    const shows = async (some: readonly Suspect[]): Promise<boolean> => some.some((s) => s.node === 'n12' || s.node === 'n31');
    const found = await bisectAll(suspects, shows);
    expect(found.map((f) => f.culprits.map((c) => c.node)).toSorted()).toEqual([['n12'], ['n31']]);
    expect(found[0]!.left['provider']).toBe(20);
  });
  it('finds nothing where nothing is wrong', async () => {
    expect(await bisectAll(suspects, async () => false)).toEqual([]);
  });
});
