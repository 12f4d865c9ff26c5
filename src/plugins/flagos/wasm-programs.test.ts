/** Random programs in WebAssembly against the float64 reference, as they are and with images laid out channels-last. */
import { describe, expect, it } from 'vitest';
import { channelsLast } from '../../compiler/contraction/layout.ts';
import { add, and, ge, index, lt, maxOf, mul, select, sub, sum, type Expr } from '../../compiler/expr.ts';
import { infiniteCases, shapes, wrongIn } from '../../compiler/contraction/phases.test-util.ts';
import { compute, InputTensor } from '../../compiler/tensor-expr.ts';
import { difference, programKinds, Random } from '../../compiler/programs.test-util.ts';
import { runWasm } from './wasm.test-util.ts';

/** Programs of each kind; `FLAGOS_RANDOM_PROGRAMS` for a longer run, `FLAGOS_SEED` for others. */
const PROGRAMS = Number(process.env['FLAGOS_RANDOM_PROGRAMS'] ?? 6);
const SEED = Number(process.env['FLAGOS_SEED'] ?? 1);

describe('random programs in WebAssembly', () => {
  for (const [kind, make] of Object.entries(programKinds))
    it(kind, async () => {
      for (let i = 0; i < PROGRAMS; i++) {
        const seed = SEED * 1000 + i;
        const program = make(new Random(seed));
        if (!program) continue;
        for (const layout of [undefined, channelsLast]) {
          const { results } = await runWasm(program, layout);
          expect(difference(program, results), `seed ${seed}${layout ? ', channels last' : ''}`).toBeUndefined();
        }
      }
    });
});

it('sums and products of truths are logic, in lanes too', async () => {
  const x = new InputTensor('x', 'bool', [5, 33]);
  const data = Uint8Array.from({ length: 5 * 33 }, (_, i) => Number(i % 33 < 3 * Math.floor(i / 33) || i === 164));
  const rows = compute([5], (i) => sum([33], (k) => x.at(i!, k!)));
  const pairs = compute([5, 32], (i, j) => sum([2], (k) => x.at(i!, add(j!, k!))));
  const { results } = await runWasm({ inputs: [x], data: [data], outputs: [rows, pairs] });
  const at = (i: number, j: number): number => data[i * 33 + j]!;
  expect([...(results[0] as Uint8Array)]).toEqual([0, 1, 1, 1, 1]);
  expect([...(results[1] as Uint8Array)]).toEqual(
    Array.from({ length: 160 }, (_, n) => at(Math.floor(n / 32), n % 32) | at(Math.floor(n / 32), (n % 32) + 1)),
  );
});

it.each(Object.entries(shapes))('an infinity meets no weight that is not there: %s', async (_, shape) => {
  for (const c of infiniteCases(shape)) {
    const { results } = await runWasm({ ...c, data: [...c.data] }, channelsLast);
    expect(wrongIn(c, results[0]!)).toEqual([]);
  }
});

it('elements whose places stand in a table come into lanes one by one', async () => {
  const [rows, from, to] = [3, 7, 37];
  const x = new InputTensor('x', 'float32', [rows, from]);
  const table = new InputTensor('table', 'int32', [2, to]);
  const weights = new InputTensor('weights', 'float32', [2, to]);
  const places = Int32Array.from({ length: 2 * to }, (_, i) => (i * 5) % from);
  const data = [
    Float32Array.from({ length: rows * from }, (_, i) => i + 1),
    places,
    Float32Array.from(places, (_, i) => (i % 4) / 4),
  ] as const;
  const blended = compute([rows, to], (i, j) => sum(2, (k) => mul(x.at(i!, index(table.at(k, j!))), weights.at(k, j!))));
  const { results, text } = await runWasm({ inputs: [x, table, weights], data: [...data], outputs: [blended] });
  expect(text).toContain('v128.load32_lane');
  const term = (i: number, j: number): number => data[0][i * from + places[j]!]! * data[2][j]!;
  expect([...(results[0] as Float32Array)]).toEqual(
    Array.from({ length: rows * to }, (_, n) => term(Math.floor(n / to), n % to) + term(Math.floor(n / to), (n % to) + to)),
  );
});

it('a largest value starts from the first of its candidates, NaN and infinities included', async () => {
  const x = new InputTensor('x', 'float32', [19]);
  const data = Float32Array.from({ length: 19 }, (_, i) => (i < 3 ? -Infinity : i === 9 ? NaN : i === 14 ? Infinity : (i * 7) % 11));
  const largest = compute([17], (i) => maxOf(3, (k) => x.at(add(i!, k))));
  const { results, text } = await runWasm({ inputs: [x], data: [data], outputs: [largest] });
  expect(text).not.toContain('inf');
  expect([...(results[0] as Float32Array)]).toEqual(Array.from({ length: 17 }, (_, i) => Math.max(...data.subarray(i, i + 3))));
});

it('what a border of one row or column reads is written out: no loops over what is left of a window', async () => {
  const x = new InputTensor('x', 'float32', [4, 7, 7]);
  const data = Float32Array.from({ length: 4 * 49 }, (_, i) => (i * 5) % 13);
  const inside = (p: Expr): Expr => and(ge(p, 0), lt(p, 7));
  const sums = compute([4, 7, 7], (c, i, j) =>
    sum([3, 3], (a, b) => {
      const [y, z] = [sub(add(i!, a!), 1), sub(add(j!, b!), 1)];
      return select(and(inside(y), inside(z)), x.at(c!, y, z), 0);
    }),
  );
  const { results, text } = await runWasm({ inputs: [x], data: [data], outputs: [sums] });
  const at = (c: number, i: number, j: number): number => (i >= 0 && i < 7 && j >= 0 && j < 7 ? data[c * 49 + i * 7 + j]! : 0);
  const window = [-1, 0, 1].flatMap((a) => [-1, 0, 1].map((b) => [a, b] as const));
  expect([...(results[0] as Float32Array)]).toEqual(
    Array.from({ length: 4 * 49 }, (_, n) => {
      const [c, i, j] = [Math.floor(n / 49), Math.floor(n / 7) % 7, n % 7];
      return window.reduce((total, [a, b]) => total + at(c, i + a, j + b), 0);
    }),
  );
  // Channels, and the rows inside of the picture.
  expect(text.match(/\(loop /g)).toHaveLength(2);
});
