import fc from 'fast-check';
import { expect, it } from 'vitest';
import { quantile } from './quantile.ts';

const sorted = (values: Float64Array, q: number): number =>
  values.slice().sort()[Math.min(values.length - 1, Math.ceil(q * values.length) - 1)]!;

it('is what sorting finds, for few and for many, for spread and for equal numbers', () => {
  expect(quantile(new Float64Array(0), 0.999)).toBe(0);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20_000 }),
      fc.integer(),
      fc.constantFrom(0.5, 0.999, 1),
      fc.integer({ min: 0, max: 300 }),
      (n, seed, q, range) => {
        let state = seed >>> 0;
        const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
        const values = Float64Array.from({ length: n }, () =>
          next() < 0.1 ? 0 : next() < 0.01 ? Infinity : next() * 10 ** -(next() * range),
        );
        // Not at the start of its buffer, as parts of larger arrays are.
        const part = new Float64Array(n + 3).subarray(3);
        part.set(values);
        expect(quantile(part, q)).toBe(sorted(values, q));
      },
    ),
    { numRuns: 60 },
  );
});
