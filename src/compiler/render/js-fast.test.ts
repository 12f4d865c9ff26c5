/** Random programs in scheduled JavaScript against the float64 reference. */
import { describe, expect, it } from 'vitest';
import { dtypeInfo, type NumericData } from '../../core/dtype.ts';
import { channelsLast } from '../contraction/layout.ts';
import { lower } from '../lower.ts';
import { difference, programKinds, Random } from '../programs.test-util.ts';
import { compute, InputTensor } from '../tensor-expr.ts';
import { renderJsFast } from './js-fast.ts';

/** Programs of each kind; `FLAGOS_RANDOM_PROGRAMS` for a longer run, `FLAGOS_SEED` for others. */
const PROGRAMS = Number(process.env['FLAGOS_RANDOM_PROGRAMS'] ?? 6);
const SEED = Number(process.env['FLAGOS_SEED'] ?? 1);

describe('random programs in JavaScript', () => {
  for (const [kind, make] of Object.entries(programKinds))
    it(kind, () => {
      for (let i = 0; i < PROGRAMS; i++) {
        const seed = SEED * 1000 + i;
        const program = make(new Random(seed));
        if (!program) continue;
        const { inputs, data, outputs } = program;
        for (const layout of [undefined, channelsLast]) {
          const lowered = lower(inputs, outputs, undefined, layout);
          const kernel = renderJsFast(lowered, new Set(lowered.inputs.filter((b) => b.constant)));
          const results = outputs.map((o) => new (dtypeInfo(o.dtype).storage!)(o.size) as NumericData);
          // Twice: what one run leaves in the workspace must not matter to the next.
          kernel.run(data, results);
          kernel.run(data, results);
          expect(difference(program, results), `seed ${seed}${layout ? ', channels last' : ''}`).toBeUndefined();
        }
      }
    });
});

describe('stages', () => {
  it('have one text for all shapes of one structure', () => {
    const text = (n: number): readonly string[] => {
      const x = new InputTensor('x', 'float32', [n, n + 1]);
      return renderJsFast(lower([x], [compute([n + 1, n], (i, j) => x.at(j!, i!))])).sources;
    };
    expect(text(50)).toEqual(text(170));
  });
});
