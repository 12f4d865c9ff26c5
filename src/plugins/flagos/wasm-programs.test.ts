/** Random programs in WebAssembly against the float64 reference, as they are and with images laid out channels-last. */
import { describe, expect, it } from 'vitest';
import { channelsLast } from '../../compiler/contraction/layout.ts';
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
