import { describe, expect, it } from 'vitest';
import { exp, mul, sub, sum, maxOf } from './expr.ts';
import { lower } from './lower.ts';
import type { Program } from './loops.ts';
import { fuseRows, inPlace, runsOfRows, type Fused, type Rows } from './rows.ts';
import { normalize } from './schedule/normalize.ts';
import { compute, InputTensor, type TensorExpr } from './tensor-expr.ts';

const [ROWS, LONG] = [6, 40];
const x = new InputTensor('x', 'float32', [ROWS, LONG]);

/** exp(x − largest) of each row, not divided. */
const shifted = (t: TensorExpr): TensorExpr => {
  const largest = compute([ROWS], (i) => maxOf(LONG, (k) => t.at(i!, k!)));
  return compute([ROWS, LONG], (i, k) => exp(sub(t.at(i!, k!), largest.at(i!))));
};

const fuse = (outputs: readonly TensorExpr[], isApart = (): boolean => false): { program: Program; made: ReturnType<typeof fuseRows> } => {
  const program = lower([x], outputs);
  const body = normalize(program.body);
  return { program, made: fuseRows(body, isApart, body) };
};

describe('fusion of rows', () => {
  it('makes one nest of what goes over the same rows, and keeps one row of what is between', () => {
    const e = shifted(x);
    const total = compute([ROWS], (i) => sum(LONG, (k) => e.at(i!, k!)));
    const { program, made } = fuse([compute([ROWS, LONG], (i, k) => mul(e.at(i!, k!), total.at(i!)))]);
    expect(program.temps.map((t) => t.size)).toEqual([ROWS, ROWS * LONG, ROWS]);
    expect(made).toHaveLength(1);
    expect((made[0] as Fused).rows.map((r) => r.row.size)).toEqual([1, LONG, 1]);
  });

  it('keeps what is used elsewhere whole', () => {
    const e = shifted(x);
    const total = compute([ROWS], (i) => sum(LONG, (k) => e.at(i!, k!)));
    // Down the columns: another order of rows.
    const columns = compute([LONG], (k) => sum(ROWS, (i) => e.at(i!, k!)));
    const { made } = fuse([compute([ROWS, LONG], (i, k) => mul(e.at(i!, k!), total.at(i!))), columns]);
    const [first, ...others] = made;
    expect((first as Fused).rows.map((r) => r.row.size)).toEqual([1, 1]);
    expect(others.every((s) => !('rows' in s))).toBe(true);
  });

  it('leaves alone what reads other rows than its own', () => {
    const e = shifted(x);
    const { made } = fuse([
      compute([ROWS, LONG], (i, k) =>
        mul(
          e.at(i!, k!),
          sum(LONG, (j) => e.at(sub(ROWS - 1, i!), j!)),
        ),
      ),
    ]);
    expect(made.filter((s) => 'rows' in s)).toHaveLength(1);
    expect(made.length).toBeGreaterThan(1);
  });

  it('leaves alone what a chip does otherwise', () => {
    const { made } = fuse([shifted(x)], () => true);
    expect(made.some((s) => 'rows' in s)).toBe(false);
  });

  it('makes a temporary part of the result that it becomes element by element, and of no other', () => {
    const buffersOf = (outputs: readonly TensorExpr[]): string[] => {
      const body = normalize(lower([x], outputs).body);
      const [run] = runsOfRows(body, () => false);
      return [...new Set(JSON.stringify(inPlace(run as readonly Rows[], body)).match(/"name":"[wxy]\d+"/g))].sort();
    };
    const e = shifted(x);
    const total = compute([ROWS], (i) => sum(LONG, (k) => e.at(i!, k!)));
    const shared = compute([ROWS, LONG], (i, k) => mul(e.at(i!, k!), total.at(i!)));
    const turned = compute([ROWS, LONG], (i, k) => mul(e.at(i!, sub(LONG - 1, k!)), total.at(i!)));
    expect(buffersOf([shared])).toEqual(['"name":"w0"', '"name":"w2"', '"name":"x0"', '"name":"y0"']);
    expect(buffersOf([turned])).toContain('"name":"w1"');
  });
});
