/** Random programs in scheduled JavaScript against the float64 reference. */
import { describe, expect, it } from 'vitest';
import { dtypeInfo, type DType, type NumericData } from '../../core/dtype.ts';
import { channelsLast } from '../contraction/layout.ts';
import { add } from '../expr.ts';
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

describe('runs of elements that are moved as they are', () => {
  const move = (dtype: DType, data: NumericData, n: number): { sources: readonly string[]; result: NumericData } => {
    const x = new InputTensor('x', dtype, [3, n + 5]);
    const kernel = renderJsFast(lower([x], [compute([3, n], (i, j) => x.at(i!, add(j!, 2)))]));
    const result = new (dtypeInfo(dtype).storage!)(3 * n) as NumericData;
    kernel.run([data], [result]);
    return { sources: kernel.sources, result };
  };
  const moved = (data: NumericData, n: number): (number | bigint)[] =>
    [0, 1, 2].flatMap((i) => Array.from({ length: n }, (_, j) => data[i * (n + 5) + 2 + j]!));

  it('go by stretches of memory where they are long, bits unchanged', () => {
    const floats = Float32Array.from({ length: 3 * 45 }, (_, i) => [NaN, -0, Infinity, i][i % 4]!);
    const halves = Uint16Array.from({ length: 3 * 45 }, (_, i) => i * 487);
    const longs = BigInt64Array.from({ length: 3 * 45 }, (_, i) => BigInt(i) << 33n);
    for (const [dtype, data] of [
      ['float32', floats],
      ['float16', halves],
      ['int64', longs],
    ] as const) {
      const { sources, result } = move(dtype, data, 40);
      expect(sources.join(), dtype).toContain('.set(');
      expect([...result], dtype).toEqual(moved(data, 40));
    }
  });

  it('go one by one where they are short, and where truths may be more than 1', () => {
    const short = move(
      'float32',
      Float32Array.from({ length: 3 * 15 }, (_, i) => i),
      10,
    );
    expect(short.sources.join()).not.toContain('.set(');
    expect([...short.result]).toEqual(
      moved(
        Float32Array.from({ length: 3 * 15 }, (_, i) => i),
        10,
      ),
    );
    const truths = move(
      'bool',
      Uint8Array.from({ length: 3 * 45 }, (_, i) => i % 3),
      40,
    );
    expect([...truths.result]).toEqual(
      moved(
        Uint8Array.from({ length: 3 * 45 }, (_, i) => Math.min(i % 3, 1)),
        40,
      ),
    );
  });
});
