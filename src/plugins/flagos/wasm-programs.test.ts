/** Random programs in WebAssembly against the float64 reference, as they are and with images laid out channels-last. */
import { describe, expect, it } from 'vitest';
import { channelsLast } from '../../compiler/contraction/layout.ts';
import { add, index, mul, sum } from '../../compiler/expr.ts';
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
