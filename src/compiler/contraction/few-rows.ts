/**
 * Contractions of very few rows: every element of the columns is used so rarely that packing would
 * cost more than it saves, and memory sets the pace. Columns are read once, where they lie: across
 * (rows of them are scaled and added up) or along the reduction (dot products).
 */
import type { Buffer, Local } from '../loops.ts';
import { advance, affineText, only, splitIndex } from './axes.ts';
import { coefficient } from './factor.ts';
import type { Copied, Runs } from './operands.ts';
import type { Plan } from './plan.ts';
import { writeEvaluatedRows, writeRuns, type RowPlace } from './rows.ts';
import { batchIndex, writeFinish, type Call } from './stages.ts';
import { clipHelper, digits, fixedPart, loops } from './text.ts';
import { vectorTypes } from './tile.ts';
import { sizeOfAxes, type StageWriter } from './types.ts';

/** More rows than this pay for packing. */
export const FEW_ROWS = 4;
/** Columns a job takes. */
const ACROSS = 1024;
const ALONG = 64;
/** Rows of columns scaled and added in one pass over the sums. */
const UNROLL = 8;

const LINE = 64;

export type Direct = { readonly kind: 'across'; readonly b: Copied } | { readonly kind: 'along'; readonly a: Runs; readonly b: Runs };

/** How a plan's columns can be read in place; undefined if they should be packed. */
export const directOf = (p: Plan): Direct | undefined => {
  if (p.packing === 'once' || sizeOfAxes(p.rows) > FEW_ROWS) return undefined;
  if (p.b.kind === 'copied' && p.b.load.guards.length === 0 && coefficient(p.b.load.at, p.b.columns.at(-1)!) === 1)
    return { kind: 'across', b: p.b };
  const { a, b } = p;
  if (a.kind === 'runs' && b.kind === 'runs' && a.stride === 1 && !a.edge && a.length === b.length) return { kind: 'along', a, b };
  return undefined;
};

const chunkOf = (d: Direct): number => (d.kind === 'across' ? ACROSS : ALONG);

interface Space {
  readonly pointers: number;
  readonly copies: number;
  readonly zeros: number;
  readonly bytes: number;
}

/** A worker's own space, in bytes. */
const spaceOf = (p: Plan, d: Direct): Space => {
  const [rows, steps] = [sizeOfAxes(p.rows), sizeOfAxes(p.reduce)];
  const runs = p.a.kind === 'runs' ? sizeOfAxes(p.a.outer) : 1;
  const line = (n: number): number => Math.ceil(n / LINE) * LINE;
  const pointers = line(runs * (rows + (d.kind === 'along' ? ALONG : 0)) * 8);
  const copies = line(rows * steps * p.tile.bytes * 2);
  const zeros = line(p.a.kind === 'runs' && p.a.load.guards.length ? ((p.a.length - 1) * p.a.stride + 1) * p.tile.bytes : 0);
  return { pointers: zeros, copies: zeros + pointers, zeros: 0, bytes: zeros + pointers + copies + LINE };
};

export const directBytes = (p: Plan, d: Direct): number => spaceOf(p, d).bytes * p.jobs.workers;

/** `dot_<type>(x, y, n)`: several sums side by side. */
const dotHelper = (type: string, lanes: number): string => `static ${type} dot_${type}(const ${type}* x, const ${type}* y, i64 n) {
  V_${type} s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
  i64 k = 0;
  for (; k + ${4 * lanes} <= n; k += ${4 * lanes}) {
    ${[0, 1, 2, 3].map((i) => `s${i} += *(const U_${type}*)(x + k + ${i * lanes}) * *(const U_${type}*)(y + k + ${i * lanes});`).join(' ')}
  }
  for (; k + ${lanes} <= n; k += ${lanes}) s0 += *(const U_${type}*)(x + k) * *(const U_${type}*)(y + k);
  s0 += s1 + (s2 + s3);
  ${type} s = 0;
  for (int i = 0; i < ${lanes}; i++) s += s0[i];
  for (; k < n; k++) s += x[k] * y[k];
  return s;
}`;

const element: Local = { kind: 'local', type: 'index', name: 'position of an element read in place' };

/** Rows as dense copies: element (i, k) at dense[i · steps + k]. */
const writeDense = (w: StageWriter, p: Plan, at: RowPlace, pad: string): void => {
  const steps = w.param(sizeOfAxes(p.reduce));
  if (p.a.kind === 'evaluated') return writeEvaluatedRows(w, p.a, p.reduce, at, pad);
  writeRuns(w, p.a, p.rows, p.reduce, p.tile.type, at, pad);
  const [runs, length, stride] = [sizeOfAxes(p.a.outer), p.a.length, p.a.stride].map((x) => w.param(x));
  w.push(
    `${pad}for (i64 i = 0; i < mr; i++) for (i64 q = 0; q < ${runs}; q++) for (i64 k = 0; k < ${length}; k++) dense[i * ${steps} + q * ${length} + k] = ap[q * mr + i][k * ${stride}];`,
  );
};

const writeAcross = (w: StageWriter, p: Plan, b: Copied, pad: string): void => {
  const { type: T } = p.tile;
  const { load, columns, free } = b;
  const names = digits('c', columns);
  const [outer, inner] = [free.slice(0, -1), free.at(-1)!];
  const outerNames = digits('f', outer);
  const skip = new Set([...p.columns, ...p.reduce].map((a) => a.v.name));
  const read = { kind: 'read', type: load.buffer.dtype, buffer: load.buffer, at: element } as const;
  const value = w.expr(load.convert ? load.convert(read) : read);
  const at = (i: number): string => `({ const i64 ${w.name(element)} = from + ${i} * across_ + x; (${T})${value}; })`;
  const steps = w.param(sizeOfAxes(p.reduce));
  const last = names.at(-1)!;
  w.push(`${pad}for (i64 x = 0; x < mr * ${ACROSS}; x++) tile[x] = 0;`);
  w.push(`${pad}{`);
  splitIndex(w, 'n0', columns, names, `${pad}  `);
  w.push(`${pad}  const i64 across_ = ${w.param(coefficient(load.at, inner))};`);
  w.push(`${pad}  for (i64 j = 0; j < wide; ) {`);
  w.push(`${pad}    const i64 len = min_i64(${w.param(columns.at(-1)!.extent)} - ${last}, wide - j);`);
  fixedPart(w, load, columns, names, skip, `${pad}    `);
  loops(w, outer, outerNames, `${pad}    `, (q) => {
    w.push(
      `${q}i64 from = at + ${affineText(w, load.at, only(outer, outerNames), false)}, k = ${affineText(w, b.place, only(outer, outerNames))}, left = ${w.param(inner.extent)};`,
    );
    const add = (n: number): string => {
      const list = Array.from({ length: n }, (_, i) => i);
      return `for (i64 i = 0; i < mr; i++) { const ${T}* a = dense + i * ${steps} + k; ${T}* restrict s = tile + i * ${ACROSS} + j; const ${T} ${list.map((i) => `a${i} = a[${i} * place_]`).join(', ')}; for (i64 x = 0; x < len; x++) s[x] += ${list.map((i) => `a${i} * ${at(i)}`).join(' + ')}; } from += ${n} * across_; k += ${n} * place_; left -= ${n};`;
    };
    w.push(`${q}const i64 place_ = ${w.param(coefficient(b.place, inner))};`);
    w.push(`${q}while (left >= ${UNROLL}) { ${add(UNROLL)} }`);
    w.push(`${q}while (left > 0) { ${add(1)} }`);
  });
  w.push(`${pad}    ${advance(w, columns, names, 'len')} j += len;`);
  w.push(`${pad}  }`);
  w.push(`${pad}}`);
};

const writeAlong = (w: StageWriter, p: Plan, d: Extract<Direct, { kind: 'along' }>, at: RowPlace, pad: string): void => {
  const { type: T } = p.tile;
  writeRuns(w, d.a, p.rows, p.reduce, T, at, pad);
  const runs = w.param(sizeOfAxes(d.b.outer));
  w.push(`${pad}const ${T}** src = ap + ${runs} * mr;`);
  writeRuns(w, d.b, p.columns, p.reduce, T, { from: 'n0', count: 'wide', pointers: 'src', zeros: 'zeros', copies: '0' }, pad);
  w.push(`${pad}for (i64 j = 0; j < wide; j++) for (i64 i = 0; i < mr; i++) {`);
  w.push(`${pad}  ${T} s = 0;`);
  w.push(`${pad}  for (i64 q = 0; q < ${runs}; q++) s += dot_${T}(ap[q * mr + i], src[q * wide + j], ${w.param(d.b.length)});`);
  w.push(`${pad}  tile[i * ${ALONG} + j] = s;`);
  w.push(`${pad}}`);
};

/** The one stage of a contraction of few rows. */
export const directStage = (p: Plan, d: Direct, scratch: Buffer): Call => {
  const { type: T, lanes, vectorBytes } = p.tile;
  const chunk = chunkOf(d);
  const [m, n] = [sizeOfAxes(p.rows), sizeOfAxes(p.columns)];
  const chunks = Math.ceil(n / chunk);
  const space = spaceOf(p, d);
  const write = (w: StageWriter): void => {
    w.push(`  ${T} tile[${FEW_ROWS * chunk}] __attribute__((aligned(${vectorBytes})));`);
    w.push(`  uint8_t* own = ${w.buffer(scratch)} + worker * ${w.param(space.bytes)};`);
    w.push(`  ${T}* const zeros = (${T}*)own; memset(zeros, 0, ${w.param(space.pointers)});`);
    w.push(`  const ${T}** const ap = (const ${T}**)(own + ${w.param(space.pointers)});`);
    w.push(`  const i64 m0 = 0, mr = ${w.param(m)}, across = ${chunk};`);
    w.push('  for (i64 item = lo; item < hi; item++) {');
    w.push('    i64 job = item;');
    w.push(
      `    const i64 n0 = job % ${w.param(chunks)} * ${chunk}, wide = min_i64(${chunk}, ${w.param(n)} - n0); job /= ${w.param(chunks)};`,
    );
    batchIndex(w, p.batch, 'job', '    ');
    w.push(
      `    ${T}* dense = (${T}*)(own + ${w.param(space.copies)}); ${T}* copies = dense${p.a.kind === 'runs' ? ` + mr * ${w.param(sizeOfAxes(p.reduce))}` : ''}; (void)copies;`,
    );
    const at: RowPlace = { from: 'm0', count: 'mr', pointers: 'ap', zeros: 'zeros', copies: 'copies' };
    if (d.kind === 'across') {
      writeDense(w, p, at, '    ');
      writeAcross(w, p, d.b, '    ');
    } else writeAlong(w, p, d, at, '    ');
    writeFinish(w, p, undefined, '    ');
    w.push('  }');
  };
  return {
    kind: 'call',
    helpers: [clipHelper, vectorTypes(p.tile), dotHelper(T, lanes)],
    write,
    count: sizeOfAxes(p.batch) * chunks,
    grain: p.jobs.workers > 1 ? 1 : sizeOfAxes(p.batch) * chunks,
    work: 2 * sizeOfAxes(p.contraction.axes) * sizeOfAxes(p.reduce),
  };
};
