/**
 * C text that packs one panel of columns: element (k, j) goes to dst[k · columns + j], zeros after the
 * last column. The panel's first column is `n0`, its width `wide`.
 */
import type { Local } from '../loops.ts';
import { advance, affineText, only, splitIndex } from './axes.ts';
import { coefficient } from './factor.ts';
import { MOST_OUTER, type Copied, type Evaluated, type Runs } from './operands.ts';
import type { Plan } from './plan.ts';
import { writeRuns } from './rows.ts';
import { digits, fixedPart, guardText, loops } from './text.ts';
import { sizeOfAxes, type StageWriter } from './types.ts';

const position: Local = { kind: 'local', type: 'index', name: 'position of a packed element' };

/** Zeros for the columns a narrow panel lacks. */
const writePadding = (w: StageWriter, p: Omit<Plan, 'jobs'>, pad: string): void => {
  const { columns } = p.tile;
  w.push(
    `${pad}if (wide < ${columns}) for (i64 k = 0; k < ${w.param(sizeOfAxes(p.reduce))}; k++) for (i64 x = wide; x < ${columns}; x++) dst[k * ${columns} + x] = 0;`,
  );
};

const writeCopied = (w: StageWriter, p: Omit<Plan, 'jobs'>, b: Copied, fill: string, pad: string): void => {
  const { columns: width, type } = p.tile;
  const { load, columns, guarded, free } = b;
  const names = digits('c', columns);
  const [outer, inner] = [digits('u', guarded), digits('f', free)];
  const innermost = columns.at(-1)!;
  const last = names.at(-1)!;
  const stride = coefficient(load.at, innermost);
  const skip = new Set([...p.columns, ...p.reduce].map((a) => a.v.name));
  const read = { kind: 'read', type: load.buffer.dtype, buffer: load.buffer, at: position } as const;
  const element = w.expr(load.convert ? load.convert(read) : read);
  const copy = (from: string, to: string): string =>
    `for (i64 x = ${from}; x < ${to}; x++) { const i64 ${w.name(position)} = from + x${stride === 1 ? '' : ` * ${w.param(stride)}`}; d[x] = (${type})${element}; }`;
  w.push(`${pad}{`);
  splitIndex(w, 'n0', columns, names, `${pad}  `);
  w.push(`${pad}  for (i64 j = 0; j < wide; ) {`);
  w.push(`${pad}    const i64 len = min_i64(${w.param(innermost.extent)} - ${last}, wide - j);`);
  fixedPart(w, load, columns, names, skip, `${pad}    `);
  loops(w, guarded, outer, `${pad}    `, (q) => {
    if (load.guards.length) {
      w.push(`${q}i64 x0 = 0, x1 = len;`);
      load.guards.forEach((g, i) =>
        w.push(`${q}clip(${guardText(w, load, i, guarded, outer)}, ${w.param(coefficient(g, innermost))}, &x0, &x1);`),
      );
      w.push(`${q}x0 = min_i64(x0, len); x1 = max_i64(x0, x1);`);
    }
    loops(w, free, inner, q, (r) => {
      const all = [...guarded, ...free];
      const vars = [...outer, ...inner];
      w.push(`${r}const i64 from = at + ${affineText(w, load.at, only(all, vars), false)};`);
      w.push(`${r}${type}* restrict d = dst + (${affineText(w, b.place, only(all, vars))}) * ${width} + j;`);
      const whole = load.guards.length ? `x0 == 0 && x1 == ${width}` : `len == ${width}`;
      const part = load.guards.length
        ? `for (i64 x = 0; x < x0; x++) d[x] = ${fill}; ${copy('x0', 'x1')} for (i64 x = x1; x < len; x++) d[x] = ${fill};`
        : copy('0', 'len');
      w.push(`${r}if (${whole}) { ${copy('0', String(width))} }`);
      w.push(`${r}else { ${part} }`);
    });
  });
  w.push(`${pad}    ${advance(w, columns, names, 'len')} j += len;`);
  w.push(`${pad}  }`);
  writePadding(w, p, `${pad}  `);
  w.push(`${pad}}`);
};

/** Columns that are contiguous along the reduction: blocks of them are transposed. */
const writeTransposed = (w: StageWriter, p: Omit<Plan, 'jobs'>, b: Runs, pad: string): void => {
  const { columns: width, type } = p.tile;
  const length = w.param(b.length);
  w.push(`${pad}{`);
  w.push(`${pad}  const ${type}* src[${MOST_OUTER * width}];`);
  writeRuns(w, b, p.columns, p.reduce, type, { from: 'n0', count: 'wide', pointers: 'src', zeros: '0', copies: '0' }, `${pad}  `);
  w.push(`${pad}  for (i64 q = 0; q < ${w.param(sizeOfAxes(b.outer))}; q++) {`);
  w.push(`${pad}    ${type}* d = dst + q * ${length} * ${width};`);
  // Bytes have no transposition of their own: such columns are mostly weights, which are packed once.
  const whole = p.tile.sums ? '' : `if (wide == ${width}) pack_columns_${type}(src + q * ${width}, ${length}, d); else `;
  w.push(
    `${pad}    ${whole}for (i64 j = 0; j < wide; j++) for (i64 k = 0; k < ${length}; k++) d[k * ${width} + j] = src[q * wide + j][k];`,
  );
  w.push(`${pad}  }`);
  writePadding(w, p, `${pad}  `);
  w.push(`${pad}}`);
};

const writeEvaluated = (w: StageWriter, p: Omit<Plan, 'jobs'>, b: Evaluated, pad: string): void => {
  const names = b.rows.map((c) => w.name(c.v));
  w.push(`${pad}{`);
  splitIndex(w, 'n0', b.rows, names, `${pad}  `);
  w.push(`${pad}  for (i64 j = 0; j < wide; j++) {`);
  w.push(`${pad}    ${p.tile.type}* d = dst + j;`);
  loops(
    w,
    p.reduce,
    p.reduce.map((r) => w.name(r.v)),
    `${pad}    `,
    (q) => w.push(`${q}*d = ${w.expr(b.value)}; d += ${p.tile.columns};`),
  );
  w.push(`${pad}    ${advance(w, b.rows, names, '1')}`);
  w.push(`${pad}  }`);
  writePadding(w, p, `${pad}  `);
  w.push(`${pad}}`);
};

/** @param fill value of padding. */
export const writePanel = (w: StageWriter, p: Omit<Plan, 'jobs'>, fill: string, pad: string): void => {
  if (p.b.kind === 'copied') writeCopied(w, p, p.b, fill, pad);
  else if (p.b.kind === 'runs') writeTransposed(w, p, p.b, pad);
  else writeEvaluated(w, p, p.b, pad);
};
