/**
 * A planned contraction as stages of C: one that packs panels (unless each job packs its own), and
 * one whose jobs multiply.
 */
import type { Buffer, Stmt } from '../loops.ts';
import type { Arithmetic, TilePlace } from './arithmetic.ts';
import { splitIndex } from './axes.ts';
import { writePanel } from './pack.ts';
import { panelBytes, panelsOf, tilesOf } from './panels.ts';
import { APART, type Plan } from './plan.ts';
import { writeEvaluatedRows, writeRuns, type RowPlace } from './rows.ts';
import { clipHelper, eachIndex } from './text.ts';
import { columnPacker } from './tile.ts';
import { sizeOfAxes, type Axis, type StageWriter } from './types.ts';

export type Call = Extract<Stmt, { kind: 'call' }>;

const LINE = 64;
const lines = (bytes: number): number => Math.ceil(bytes / LINE) * LINE;

/** Where a worker keeps what is its own, in bytes from the start of its space. */
interface Scratch {
  readonly zeros: number;
  readonly pointers: number;
  readonly copies: number;
  readonly panels: number;
  readonly narrow: number;
  readonly bytes: number;
}

const runCount = (p: Plan): number => (p.a.kind === 'runs' ? sizeOfAxes(p.a.outer) : 1);

export const scratchOf = (p: Plan, arithmetic: Arithmetic): Scratch => {
  const { tile, jobs, a } = p;
  const steps = sizeOfAxes(p.reduce);
  const zeros = a.kind === 'runs' && a.load.guards.length ? lines(((a.length - 1) * a.stride + 1) * tile.bytes) : 0;
  const pointers = lines(jobs.block * tile.rows * runCount(p) * 8);
  const copied = a.kind === 'evaluated' || a.edge || p.copyRows;
  const copies = copied ? lines(jobs.block * tile.rows * (steps + (p.copyRows ? APART : 0)) * tile.bytes) : 0;
  const panels = p.packing === 'within' ? Math.ceil(panelsOf(p) / jobs.columnParts) * panelBytes(p) : 0;
  const narrow = lines(jobs.block * arithmetic.rowBytes(p));
  const before = zeros + pointers + copies + panels;
  return {
    zeros: 0,
    pointers: zeros,
    copies: zeros + pointers,
    panels: zeros + pointers + copies,
    narrow: before,
    bytes: before + narrow + LINE,
  };
};

export const batchIndex = (w: StageWriter, axes: readonly Axis[], flat: string, pad: string): void =>
  splitIndex(
    w,
    flat,
    axes,
    axes.map((a) => w.name(a.v)),
    pad,
  );

/** Row-major position among some of the axes that are being counted. */
const positionAmong = (w: StageWriter, axes: readonly Axis[]): string =>
  axes.reduce((e, a) => (e === '' ? w.name(a.v) : `(${e}) * ${w.param(a.extent)} + ${w.name(a.v)}`), '') || '0';

export const panelStart = (w: StageWriter, p: Pick<Plan, 'tile' | 'columns'>, pad: string): void => {
  w.push(`${pad}const i64 n0 = panel * ${p.tile.columns}, wide = min_i64(${p.tile.columns}, ${w.param(sizeOfAxes(p.columns))} - n0);`);
};

/**
 * The stage that packs every panel.
 * @param scratch a panel of the tile's own type for each worker, where panels are narrowed.
 */
export const packStage = (p: Plan, packed: Buffer, arithmetic: Arithmetic, scratch: Buffer | undefined): Call => {
  const count = sizeOfAxes(p.columnBatch) * panelsOf(p);
  const size = sizeOfAxes(p.reduce) * p.tile.columns;
  const write = (w: StageWriter): void => {
    w.push('  for (i64 item = lo; item < hi; item++) {');
    w.push(`    const i64 panel = item % ${w.param(panelsOf(p))};`);
    batchIndex(w, p.columnBatch, `item / ${w.param(panelsOf(p))}`, '    ');
    panelStart(w, p, '    ');
    const place = (type: string): string => `(${type}*)(${w.buffer(packed)} + item * ${w.param(arithmetic.panelBytes(p))})`;
    if (arithmetic.narrowPanel && scratch) {
      const T = p.tile.type;
      w.push(`    ${T}* const wide_panel = (${T}*)(${w.buffer(scratch)} + worker * ${w.param(panelBytes(p))});`);
      w.push(`    { ${T}* restrict dst = wide_panel;`);
      writePanel(w, p, arithmetic.fill?.(w, p).columns ?? '0', '    ');
      w.push(`    }`);
      const narrow = arithmetic.packedType(p.tile);
      w.push(`    ${narrow}* restrict dst = ${place(narrow)};`);
      arithmetic.narrowPanel(w, p, '    ');
    } else {
      w.push(`    ${p.tile.type}* restrict dst = ${place(p.tile.type)};`);
      writePanel(w, p, '0', '    ');
    }
    w.push('  }');
  };
  return {
    kind: 'call',
    helpers: [clipHelper, ...(p.tile.sums ? [] : columnPacker(p.tile)), ...(arithmetic.narrowPanel ? arithmetic.helpers(p.tile) : [])],
    write,
    count,
    grain: Math.max(1, Math.ceil(GRAIN_ELEMENTS / size)),
    work: count * size,
  };
};

/** Elements a thread should pack at least. */
const GRAIN_ELEMENTS = 16_384;

const writeRowPointers = (w: StageWriter, p: Plan, at: RowPlace, pad: string): void => {
  if (p.a.kind === 'runs') {
    writeRuns(w, p.a, p.rows, p.reduce, p.tile.type, at, pad);
    if (!p.copyRows) return;
    const { count, pointers, copies } = at;
    const length = w.param(p.a.length);
    const copy = `memcpy(${copies}, ${pointers}[i], ${length} * ${p.tile.bytes}); ${pointers}[i] = ${copies}; ${copies} += ${length} + ${APART};`;
    w.push(`${pad}for (i64 i = 0; i < ${count}; i++) { ${copy} }`);
  } else writeEvaluatedRows(w, p.a, p.reduce, at, pad);
};

/**
 * Results of one tile, each through the finishing statements.
 * @param width of most tiles, for a loop of its own.
 */
export const writeFinish = (w: StageWriter, p: Plan, width: number | undefined, pad: string): void => {
  const { rows, columns, stmts, along } = p.finish;
  const { sum } = p.contraction;
  const body = (row: string, column: string, q: string): void => {
    w.push(`${q}const ${p.tile.sums ?? p.tile.type} ${w.name(sum)} = tile[(${row}) * across + ${column}];`);
    w.block(stmts, q);
  };
  if (along === 'columns') {
    eachIndex(w, rows, 'm0', 'mr', undefined, 'm', pad, (row, q) =>
      eachIndex(w, columns, 'n0', 'wide', width, 'n', q, (column, r) => body(row, column, r)),
    );
  } else {
    eachIndex(w, columns, 'n0', 'wide', undefined, 'n', pad, (column, q) =>
      eachIndex(w, rows, 'm0', 'mr', width && p.tile.rows, 'm', q, (row, r) => body(row, column, r)),
    );
  }
};

/** The stage whose jobs multiply. */
export const multiplyStage = (p: Plan, packed: Buffer | undefined, scratch: Buffer, arithmetic: Arithmetic): Call => {
  const { tile, jobs, packing } = p;
  const { type: T } = tile;
  const space = scratchOf(p, arithmetic);
  const [m, steps, tiles, panels, runs] = [sizeOfAxes(p.rows), sizeOfAxes(p.reduce), tilesOf(p), panelsOf(p), runCount(p)];
  const packedType = packed ? arithmetic.packedType(tile) : T;
  const size = packed
    ? arithmetic.panelBytes(p) / (packedType === T ? tile.bytes : packedType === 'uint8_t' ? 1 : 2)
    : steps * tile.columns;
  const count = sizeOfAxes(p.batch) * jobs.rowParts * jobs.columnParts;
  const write = (w: StageWriter): void => {
    const [SIZE, TILES, PANELS, RP, CP, RUNS] = [size, tiles, panels, jobs.rowParts, jobs.columnParts, runs].map((x) => w.param(x));
    // Rows are dealt evenly: no tile is much lower than the others.
    const [low, over] = [w.param(Math.floor(m / tiles)), w.param(m % tiles)];
    const tileRows = `const i64 m0 = t * ${low} + min_i64(t, ${over}), mr = ${low} + (t < ${over});`;
    w.push(`  ${tile.sums ?? T} tile[${tile.rows * tile.columns}] __attribute__((aligned(${tile.vectorBytes})));`);
    w.push(`  uint8_t* own = ${w.buffer(scratch)} + worker * ${w.param(space.bytes)};`);
    w.push(`  ${T}* const zeros = (${T}*)own; (void)zeros;`);
    const fill = arithmetic.fill?.(w, p).rows ?? '0';
    if (space.pointers > 0) w.push(`  memset(zeros, ${fill}, ${w.param(space.pointers)});`);
    w.push(`  const ${T}** const pointers = (const ${T}**)(own + ${w.param(space.pointers)});`);
    if (arithmetic.begin) w.push(arithmetic.begin);
    w.push('  for (i64 item = lo; item < hi; item++) {');
    w.push('    i64 job = item;');
    w.push(`    const i64 cp = job % ${CP}; job /= ${CP}; const i64 rp = job % ${RP}; job /= ${RP};`);
    batchIndex(w, p.batch, 'job', '    ');
    w.push(`    const i64 p0 = ${PANELS} * cp / ${CP}, p1 = ${PANELS} * (cp + 1) / ${CP};`);
    w.push(`    const i64 t0 = ${TILES} * rp / ${RP}, t1 = ${TILES} * (rp + 1) / ${RP};`);
    if (packing === 'within') {
      w.push(`    ${T}* const panels = (${T}*)(own + ${w.param(space.panels)});`);
      w.push('    for (i64 panel = p0; panel < p1; panel++) {');
      panelStart(w, p, '      ');
      w.push(`      ${T}* restrict dst = panels + (panel - p0) * ${SIZE};`);
      writePanel(w, p, '0', '      ');
      w.push('    }');
    } else
      w.push(
        `    const ${packedType}* const panels = (const ${packedType}*)${w.buffer(packed!)} + ((${positionAmong(w, p.columnBatch)}) * ${PANELS} + p0) * ${SIZE};`,
      );
    w.push(`    for (i64 block = t0; block < t1; block += ${w.param(jobs.block)}) {`);
    w.push(`      const i64 end = min_i64(block + ${w.param(jobs.block)}, t1);`);
    w.push(`      ${T}* copies = (${T}*)(own + ${w.param(space.copies)}); (void)copies;`);
    if (arithmetic.narrowRows) w.push(`      uint8_t* const narrow = own + ${w.param(space.narrow)};`);
    w.push('      for (i64 t = block; t < end; t++) {');
    w.push(`        ${tileRows}`);
    w.push(`        const ${T}** const ap = pointers + (t - block) * ${RUNS} * ${tile.rows};`);
    writeRowPointers(w, p, { from: 'm0', count: 'mr', pointers: 'ap', zeros: 'zeros', copies: 'copies', fill }, '        ');
    arithmetic.narrowRows?.(w, p, { tile: '(t - block)', rows: 'mr', pointers: 'ap', runs: RUNS! }, '        ');
    w.push('      }');
    w.push('      for (i64 panel = p0; panel < p1; panel++) {');
    panelStart(w, p, '        ');
    w.push(`        const i64 vectors = (wide + ${tile.lanes - 1}) / ${tile.lanes}, across = vectors * ${tile.lanes};`);
    w.push('        for (i64 t = block; t < end; t++) {');
    w.push(`          ${tileRows}`);
    const place: TilePlace = {
      tile: '(t - block)',
      rows: 'mr',
      vectors: 'vectors',
      pointers: `pointers + (t - block) * ${RUNS} * ${tile.rows}`,
      runs: RUNS!,
      panel: `panels + (panel - p0) * ${SIZE}`,
      results: 'tile',
    };
    w.push(`          ${arithmetic.multiply(w, p, place)}`);
    writeFinish(w, p, tile.columns, '          ');
    w.push('        }');
    w.push('      }');
    w.push('    }');
    w.push('  }');
    if (arithmetic.end) w.push(arithmetic.end);
  };
  return {
    kind: 'call',
    helpers: [clipHelper, ...arithmetic.helpers(tile), ...(packing === 'within' ? columnPacker(tile) : [])],
    write,
    count,
    grain: jobs.workers > 1 ? 1 : count,
    work: 2 * sizeOfAxes(p.contraction.axes) * steps,
  };
};
