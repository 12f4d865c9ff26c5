/**
 * Exact integer contractions of small numbers: factors that are bytes, or bytes less a zero point, fit 16
 * bits, and pairs of them are multiplied and added to 32-bit sums by one instruction (AVX512-VNNI's
 * VPDPWSSD). Nothing is rounded, so nothing differs; it is used wherever it can be.
 * Source: Intel Architecture Instruction Set Extensions Programming Reference, VPDPWSSD.
 */
import { dtypeInfo } from '../../core/dtype.ts';
import type { LExpr } from '../loops.ts';
import { runOf, type Arithmetic } from './arithmetic.ts';
import type { Plan } from './plan.ts';
import { sizeOfAxes, type Tile } from './types.ts';

/** Elements between narrowed rows beyond their length. */
const APART = 32;
const AHEAD = 16;
const LARGEST = 32_767;

const pairsOf = (p: Plan): number => Math.ceil(sizeOfAxes(p.reduce) / 2);
const rowElements = (p: Plan): number => pairsOf(p) * 2 + APART;
const list = <T>(n: number, f: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => f(i));

/** The largest magnitude an integer expression can have; Infinity where that is not known. */
export const magnitudeOf = (e: LExpr): number => {
  switch (e.kind) {
    case 'const':
      return Math.abs(Number(e.value));
    case 'read': {
      const { kind, bits } = dtypeInfo(e.buffer.dtype);
      return kind === 'float' || bits > 16 ? Infinity : kind === 'uint' || kind === 'bool' ? 2 ** bits - 1 : 2 ** (bits - 1);
    }
    case 'cast':
      return e.type === 'int32' ? magnitudeOf(e.x) : Infinity;
    case 'binary':
      if (e.op === 'add' || e.op === 'sub') return magnitudeOf(e.a) + magnitudeOf(e.b);
      return e.op === 'mul' ? magnitudeOf(e.a) * magnitudeOf(e.b) : Infinity;
    case 'select':
      return Math.max(magnitudeOf(e.a), magnitudeOf(e.b));
    default:
      return Infinity;
  }
};

const microKernel = (tile: Tile, rows: number, vectors: number): string => {
  const row = tile.columns * 2;
  return `static void mkw_${rows}x${vectors}(const int16_t* restrict a, i64 as, i64 n, const int16_t* restrict b, int32_t* restrict t) {
  __m512i ${list(rows, (i) => list(vectors, (j) => `s${i}_${j} = _mm512_setzero_si512()`).join(', ')).join(', ')};
  ${list(rows, (i) => `const int32_t* a${i} = (const int32_t*)(a + ${i} * as);`).join(' ')}
  for (i64 q = 0; q < n; q++, b += ${row}) {
    ${list(vectors, (j) => `__builtin_prefetch(b + ${AHEAD * row + j * 32});`).join(' ')}
    ${list(vectors, (j) => `const __m512i b${j} = _mm512_loadu_si512(b + ${j * 32});`).join(' ')}
    ${list(rows, (i) => `{ const __m512i x = _mm512_set1_epi32(a${i}[q]); ${list(vectors, (j) => `s${i}_${j} = _mm512_dpwssd_epi32(s${i}_${j}, x, b${j});`).join(' ')} }`).join('\n    ')}
  }
  ${list(rows, (i) => list(vectors, (j) => `_mm512_storeu_si512(t + ${(i * vectors + j) * tile.lanes}, s${i}_${j});`).join(' ')).join(' ')}
}`;
};

const helpers = (tile: Tile): readonly string[] => {
  const sizes = list(tile.vectors, (v) => list(tile.rows, (r) => [r + 1, v + 1] as const));
  const { columns } = tile;
  return [
    '#include <immintrin.h>',
    `static void narrow_ints(const int32_t* restrict x, i64 n, i64 stride, int16_t* restrict y) { for (i64 k = 0; k < n; k++) y[k] = (int16_t)x[k * stride]; }
/* A panel of 32-bit numbers as pairs of 16-bit ones: rows 2k and 2k + 1 of a column next to each other. */
static void narrow_int_panel(const int32_t* restrict x, i64 steps, int16_t* restrict y) {
  for (i64 k = 0; k < steps; k += 2) for (i64 c = 0; c < ${columns}; c++) {
    y[k * ${columns} + 2 * c] = (int16_t)x[k * ${columns} + c];
    y[k * ${columns} + 2 * c + 1] = k + 1 < steps ? (int16_t)x[(k + 1) * ${columns} + c] : 0;
  }
}`,
    ...sizes.flat().map(([r, v]) => microKernel(tile, r, v)),
    `static void (*const mkw[${tile.vectors}][${tile.rows}])(const int16_t*, i64, i64, const int16_t*, int32_t*) = {${sizes
      .map((row) => `{${row.map(([r, v]) => `mkw_${r}x${v}`).join(', ')}}`)
      .join(', ')}};`,
  ];
};

export const int16Arithmetic: Arithmetic = {
  helpers,
  packedType: () => 'int16_t',
  panelBytes: (p) => pairsOf(p) * 2 * p.tile.columns * 2,
  narrowPanel: (w, p, pad) => w.push(`${pad}narrow_int_panel(wide_panel, ${w.param(sizeOfAxes(p.reduce))}, dst);`),
  rowBytes: (p) => p.tile.rows * rowElements(p) * 2,
  narrowRows: (w, p, at, pad) => {
    const [length, stride] = runOf(p).map((x) => w.param(x));
    const [row, tile, odd] = [rowElements(p), p.tile.rows * rowElements(p), sizeOfAxes(p.reduce) % 2].map((x) => w.param(x));
    w.push(`${pad}for (i64 i = 0; i < ${at.rows}; i++) {`);
    w.push(`${pad}  int16_t* d = (int16_t*)narrow + ${at.tile} * ${tile} + i * ${row};`);
    w.push(
      `${pad}  for (i64 q = 0; q < ${at.runs}; q++) { narrow_ints(${at.pointers}[q * ${at.rows} + i], ${length}, ${stride}, d); d += ${length}; }`,
    );
    w.push(`${pad}  if (${odd}) *d = 0;`);
    w.push(`${pad}}`);
  },
  multiply: (w, p, at) =>
    `mkw[${at.vectors} - 1][${at.rows} - 1]((const int16_t*)narrow + ${at.tile} * ${w.param(p.tile.rows * rowElements(p))}, ${w.param(rowElements(p))}, ${w.param(pairsOf(p))}, ${at.panel}, ${at.results});`,
};

/** Whether a plan's products are of numbers that fit 16 bits, on vectors of 64 bytes. */
export const canBeInt16 = (p: Plan): boolean =>
  p.tile.type === 'int32_t' &&
  p.tile.vectorBytes === 64 &&
  p.packing !== 'within' &&
  magnitudeOf(p.contraction.a) <= LARGEST &&
  magnitudeOf(p.contraction.b) <= LARGEST;
