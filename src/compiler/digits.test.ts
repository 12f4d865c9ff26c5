import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { regroup } from './digits.ts';
import type { LExpr } from './loops.ts';

const axis = (name: string): LExpr => ({ kind: 'local', type: 'index', name });

/** Value of an index for values of the axes. */
const valueOf = (e: LExpr, at: Readonly<Record<string, number>>): number => {
  if (e.kind === 'const') return Number(e.value);
  if (e.kind === 'local') return at[e.name]!;
  if (e.kind !== 'binary') throw new Error(`an index holds ${e.kind}`);
  const [a, b] = [valueOf(e.a, at), valueOf(e.b, at)];
  const known: Record<string, number> = { add: a + b, mul: a * b, floordiv: Math.floor(a / b), floormod: a % b };
  return known[e.op]!;
};
/** What is divided, or whose rest is taken. */
const divided = (e: LExpr): LExpr[] =>
  e.kind === 'binary' ? [...(e.op === 'floordiv' || e.op === 'floormod' ? [e.a] : []), ...divided(e.a), ...divided(e.b)] : [];

const sizeOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);
const indexIn = (position: number, shape: readonly number[]): number[] =>
  shape.map((d, i) => Math.floor(position / sizeOf(shape.slice(i + 1))) % d);
/** Two shapes of as many elements: the same factors, put together in two ways. */
const shapes = fc
  .tuple(fc.array(fc.constantFrom(1, 2, 2, 3, 4), { minLength: 1, maxLength: 6 }), fc.array(fc.boolean()), fc.array(fc.boolean()))
  .map(([factors, ...ends]) =>
    ends.map((end) =>
      factors.reduce<number[]>((shape, f, i) => (i > 0 && end[i] ? [...shape.slice(0, -1), shape.at(-1)! * f] : [...shape, f]), []),
    ),
  );

describe('an index under another grouping of axes', () => {
  it('is that of the same element', () => {
    fc.assert(
      fc.property(shapes, ([from, to]) => {
        const names = from!.map((_, d) => `i${d}`);
        const made = regroup(names.map(axis), from!, to!)!;
        for (let p = 0; p < sizeOf(from!); p++) {
          const at = Object.fromEntries(indexIn(p, from!).map((v, d) => [names[d]!, v]));
          expect(made.map((e) => valueOf(e, at))).toEqual(indexIn(p, to!));
        }
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it('divides single axes where groups do not end with them, as those of a group normalization do not', () => {
    const made = regroup(['n', 'c', 'h', 'w'].map(axis), [1, 128, 16, 16], [1, 32, 1024])!;
    expect(made.flatMap(divided)).toEqual([axis('c'), axis('c')]);
  });
});
