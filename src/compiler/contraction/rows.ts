/** C text that finds where the rows of a tile lie: one pointer per row and run of the reduction. */
import { advance, affineText, only, splitIndex } from './axes.ts';
import { coefficient } from './factor.ts';
import type { Evaluated, Runs } from './operands.ts';
import { digits, fixedPart, guardsWith, guardText, loops } from './text.ts';
import type { Axis, StageWriter } from './types.ts';

/** Where the text finds things. */
export interface RowPlace {
  /** First row and number of rows. */
  readonly from: string;
  readonly count: string;
  /** Pointers: of run q of row i at [q · count + i]. */
  readonly pointers: string;
  /** Zeros as long as a run, and space for copies, which moves on as it is used. */
  readonly zeros: string;
  readonly copies: string;
  /** Value of padding in copies; default 0. */
  readonly fill?: string;
}

/** Pointers of rows of a {@link Runs} operand. `raw`: the axes rows are made of, before merging. */
export const writeRuns = (
  w: StageWriter,
  runs: Runs,
  raw: readonly Axis[],
  reduce: readonly Axis[],
  type: string,
  at: RowPlace,
  pad: string,
): void => {
  const { load, rows, outer, edge } = runs;
  const names = digits('r', rows);
  const steps = digits('o', outer);
  const buffer = `((const ${type}*)${w.buffer(load.buffer)})`;
  const { fill = '0' } = at;
  const skip = new Set([...raw, ...reduce].map((a) => a.v.name));
  w.push(`${pad}{`);
  splitIndex(w, at.from, rows, names, `${pad}  `);
  w.push(`${pad}  for (i64 i = 0; i < ${at.count}; i++) {`);
  fixedPart(w, load, rows, names, skip, `${pad}    `);
  w.push(`${pad}    const ${type}** q = ${at.pointers} + i;`);
  loops(w, outer, steps, `${pad}    `, (p) => {
    const place = `at + ${affineText(w, load.at, only(outer, steps), false)}`;
    const tests = load.guards.map((_, i) => guardText(w, load, i, outer, steps));
    if (edge) {
      const inside = guardsWith(load, edge.axis);
      const length = w.param(runs.length);
      const unit = w.param(edge.unit);
      const extent = w.param(edge.axis.extent);
      w.push(`${p}const i64 from = ${place};`);
      w.push(`${p}i64 x0 = 0, x1 = ${extent};`);
      tests.forEach((t, i) =>
        w.push(`${p}clip(${t}, ${inside.includes(i) ? w.param(coefficient(load.guards[i]!, edge.axis)) : '0'}, &x0, &x1);`),
      );
      w.push(`${p}if (x0 == 0 && x1 == ${extent}) *q = ${buffer} + from;`);
      w.push(`${p}else if (x0 >= x1) *q = ${at.zeros};`);
      w.push(`${p}else {`);
      w.push(`${p}  ${type}* d = ${at.copies}; ${at.copies} += ${length}; *q = d; x0 *= ${unit}; x1 *= ${unit};`);
      w.push(`${p}  for (i64 x = 0; x < x0; x++) d[x] = ${fill};`);
      w.push(`${p}  for (i64 x = x0; x < x1; x++) d[x] = ${buffer}[from + x];`);
      w.push(`${p}  for (i64 x = x1; x < ${length}; x++) d[x] = ${fill};`);
      w.push(`${p}}`);
    } else if (tests.length) w.push(`${p}*q = ${tests.map((t) => `(${t}) >= 0`).join(' && ')} ? ${buffer} + (${place}) : ${at.zeros};`);
    else w.push(`${p}*q = ${buffer} + (${place});`);
    w.push(`${p}q += ${at.count};`);
  });
  w.push(`${pad}    ${advance(w, rows, names, '1')}`);
  w.push(`${pad}  }`);
  w.push(`${pad}}`);
};

/** Rows evaluated into copies, and one pointer each. */
export const writeEvaluatedRows = (w: StageWriter, a: Evaluated, reduce: readonly Axis[], at: RowPlace, pad: string): void => {
  const names = a.rows.map((r) => w.name(r.v));
  w.push(`${pad}{`);
  splitIndex(w, at.from, a.rows, names, `${pad}  `);
  w.push(`${pad}  for (i64 i = 0; i < ${at.count}; i++) {`);
  w.push(`${pad}    ${at.pointers}[i] = ${at.copies};`);
  loops(
    w,
    reduce,
    reduce.map((r) => w.name(r.v)),
    `${pad}    `,
    (p) => w.push(`${p}*${at.copies}++ = ${w.expr(a.value)};`),
  );
  w.push(`${pad}    ${advance(w, a.rows, names, '1')}`);
  w.push(`${pad}  }`);
  w.push(`${pad}}`);
};
