import { describe, expect, it } from 'vitest';
import { seeded, type Random } from '../dispatch/testing-random.ts';
import { measure } from './measure.ts';
import { clearlyFaster, fasterInTurns, intervalOf, ratioInTurns, settle, timingOf, type Measured, type Timing } from './timing.ts';

const timing = (medianUs: number, madUs = 0, samples = 20): Timing => ({ medianUs, madUs, samples });

describe('clearlyFaster', () => {
  it('asks for more than the margin, and for intervals that do not touch', () => {
    expect(clearlyFaster(timing(94), timing(100))).toBe(true);
    expect(clearlyFaster(timing(96), timing(100))).toBe(false);
    expect(clearlyFaster(timing(90, 10, 20), timing(100, 10, 20))).toBe(false);
    expect(clearlyFaster(timing(90, 10, 500), timing(100, 10, 500))).toBe(true);
    expect(clearlyFaster(timing(50, 0, 1), timing(100, 0, 1))).toBe(false);
  });

  it('goes by the order of samples where their spread is wide', () => {
    const slow = timingOf([700, 400, 1500, 380, 900, 2400, 650]);
    expect(clearlyFaster(timingOf([150, 160, 140, 320, 155, 149, 152]), slow)).toBe(true);
    expect(clearlyFaster(timingOf([150, 160, 140, 420, 155, 149, 152]), slow)).toBe(false);
    expect(clearlyFaster(timingOf([350, 460, 340, 420, 755, 349, 452]), slow)).toBe(false);
    // Of five, only where noise cannot have done it.
    const few = timingOf([1077, 1105, 1373, 1894, 1958]);
    expect(clearlyFaster(timingOf([840, 961, 986, 1024, 1048]), few)).toBe(false);
    expect(clearlyFaster(timingOf([540, 561, 586, 624, 648]), few)).toBe(true);
  });

  it('has intervals that hold the true median in about 95 of 100 cases', () => {
    const random = seeded(3);
    const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    let held = 0;
    for (let i = 0; i < 400; i++) {
      const [low, high] = intervalOf(timingOf(Array.from({ length: 40 }, () => 100 + 10 * normal())));
      if (low <= 100 && 100 <= high) held++;
    }
    expect(held / 400).toBeGreaterThan(0.88);
    expect(held / 400).toBeLessThan(0.99);
  });
});

describe('settle', () => {
  const m = (kernel: string, us: number, chosenAt?: string): Measured => ({ kernel, timing: timing(us), chosenAt });
  it('keeps what was settled on last, unless another one is clearly faster', () => {
    expect(settle([m('a', 100), m('b', 97)])!.kernel).toBe('b');
    expect(settle([m('a', 100), m('b', 97)], 'a')!.kernel).toBe('a');
    expect(settle([m('a', 100), m('b', 90)], 'a')!.kernel).toBe('b');
    expect(settle([m('a', 100, '2026-01-02'), m('b', 97, '2026-01-01'), m('c', 96)], 'c')!.kernel).toBe('a');
    expect(settle([m('b', 50), m('a', 50)])!.kernel).toBe('a');
    expect(settle([])).toBeUndefined();
  });
});

/** A clock on which a kernel takes its time, off by up to 20 %. */
class NoisyClock {
  now = 0;
  readonly #random: Random;
  constructor(seed: number) {
    this.#random = seeded(seed);
  }
  pass(us: number): void {
    this.now += (us * (0.8 + 0.4 * this.#random())) / 1e3;
  }
}

const contest = async (us: Readonly<Record<string, number>>, seed: number): Promise<Measured[]> => {
  const clock = new NoisyClock(seed);
  const results = await measure(
    Object.entries(us).map(([name, own]) => ({ name, run: () => clock.pass(own) })),
    { budgetMs: 200, clock: () => clock.now },
  );
  return results.map((r) => ({ kernel: r.name, timing: r.timing }));
};

describe('measure', () => {
  it('drops what is clearly beaten early, and goes on for what is close', async () => {
    const clock = new NoisyClock(1);
    const results = await measure(
      Object.entries({ far: 90_000, beaten: 9_000, close: 5_100, fastest: 5_000 }).map(([name, us]) => ({
        name,
        run: () => clock.pass(us),
      })),
      { budgetMs: 2_000, clock: () => clock.now },
    );
    const count = Object.fromEntries(results.map((r) => [r.name, r.samplesUs.length]));
    expect(count['far']).toBe(2);
    expect(count['beaten']).toBeLessThanOrEqual(16);
    expect(count['close']).toBeGreaterThan(30);
    expect(results.map((r) => r.dropped)).toEqual([true, true, false, false]);
  });

  it('stops when all is known, long before the budget is spent', async () => {
    let now = 0;
    let rounds = 0;
    await measure([{ name: 'exact', run: (round) => void ((now += 5), (rounds = round)) }], { budgetMs: 1e6, clock: () => now });
    expect(rounds).toBeLessThan(10);
  });

  it('heeds its budget, whatever a call takes', async () => {
    const clock = new NoisyClock(5);
    const results = await measure(
      [1, 2].map((n) => ({ name: `${n}`, run: () => clock.pass(50_000) })),
      { budgetMs: 500, clock: () => clock.now },
    );
    expect(results.every((r) => r.samplesUs.length === 5)).toBe(true);
  });
});

describe('contenders that took turns', () => {
  /** A machine whose speed changes by a half from round to round, and contenders with 2 % of noise of their own. */
  const rounds = (n: number, seed: number): ((us: number) => number[]) => {
    const random = seeded(seed);
    const speeds = Array.from({ length: n }, () => 1 + 0.5 * random());
    return (us) => speeds.map((s) => us * s * (1 + 0.02 * (random() - 0.5)));
  };

  it('are told apart by 3 % where medians of each say nothing', () => {
    const run = rounds(24, 1);
    const [a, b] = [run(97), run(100)];
    expect(clearlyFaster(timingOf(a), timingOf(b))).toBe(false);
    expect(fasterInTurns(a, b)).toBe(true);
    expect(fasterInTurns(b, a)).toBe(false);
    expect(ratioInTurns(a, b)).toBeCloseTo(0.97, 2);
  });

  it('of equals, next to none is ever called the faster one', () => {
    let wrong = 0;
    for (let seed = 0; seed < 2000; seed++) {
      const run = rounds(9, seed);
      if (fasterInTurns(run(100), run(100))) wrong++;
    }
    expect(wrong).toBeLessThan(3);
  });

  it('need more than a few rounds', () => expect(fasterInTurns([1, 1, 1], [9, 9, 9])).toBe(false));
});

describe('replay under timer noise of 20 %', () => {
  const fields: Readonly<Record<string, number>>[] = [
    { a: 1000, b: 970, c: 1300 },
    { a: 1000, b: 1000, c: 1000, d: 1000 },
    { a: 1000, b: 800 },
    { a: 1000, b: 960, c: 955, d: 1040 },
  ];

  it('50 process starts that measure anew choose what the first one settled on; the fastest median does not', async () => {
    let flips = 0;
    for (const [f, us] of fields.entries()) {
      const [first, ...later] = await Promise.all(Array.from({ length: 50 }, (_, start) => contest(us, 1000 * f + start)));
      const chosen = settle(first!, 'a')!.kernel;
      const fastest = (field: readonly Measured[]): string => [...field].sort((x, y) => x.timing.medianUs - y.timing.medianUs)[0]!.kernel;
      for (const field of later) {
        expect(settle(field, chosen)!.kernel, JSON.stringify(us)).toBe(chosen);
        if (fastest(field) !== fastest(first!)) flips++;
      }
      // And it is one that nothing beats by more than the margin.
      expect(us[chosen]! * 0.9).toBeLessThan(Math.min(...Object.values(us)) * 1.05);
    }
    expect(flips).toBeGreaterThan(20);
  });
});
