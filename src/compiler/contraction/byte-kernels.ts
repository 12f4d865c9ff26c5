/**
 * Microkernels that multiply unsigned bytes of rows by signed bytes of columns, four steps of the
 * reduction at a time, and add up in 32 bits: AMX tiles (TDPBUSD) or dot products (AVX512-VNNI's
 * VPDPBUSD). Rows lie one after another, columns in panels of fours.
 * Source: Intel Architecture Instruction Set Extensions Programming Reference.
 */
import { AMX_ROWS } from './amx.ts';
import type { Arithmetic, TilePlace } from './arithmetic.ts';
import type { Plan } from './plan.ts';
import { sizeOfAxes, type StageWriter, type Tile } from './types.ts';

export type ByteKernel = 'dot' | 'amx';

/** Steps of the reduction one instruction takes, and steps of a tile. */
export const FOURS = 4;
const STEPS = 64;
/** Bytes between packed rows beyond their length, so that they do not meet in few sets of the nearest cache. */
const APART = 64;
const AHEAD = 16;

/** Steps are padded with zeros to whole tiles. */
export const stepsOf = (p: Plan): number => Math.ceil(sizeOfAxes(p.reduce) / STEPS) * STEPS;
export const rowBytes = (p: Plan): number => stepsOf(p) + APART;

const list = <T>(n: number, f: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => f(i));

const amxKernel = ({ columns }: Tile): string => `/* Tiles 0, 1: sums; 2: rows; 3, 4: columns. */
static void amx_bytes_begin(void) {
  struct { uint8_t palette, start, reserved[14]; uint16_t bytes[16]; uint8_t rows[16]; } config __attribute__((aligned(64)));
  memset(&config, 0, sizeof config);
  config.palette = 1;
  for (int i = 0; i < 5; i++) { config.bytes[i] = 64; config.rows[i] = ${AMX_ROWS}; }
  /* GCC takes the instruction to read eight of the bytes only. */
  __asm__ volatile("" : : "r"(&config) : "memory");
  _tile_loadconfig(&config);
}
static void amx_bytes(const uint8_t* a, i64 as, i64 n, const uint8_t* b, i64 vectors, int32_t* t) {
  _tile_zero(0); _tile_zero(1);
  if (vectors == 1) for (; n > 0; n--, a += ${STEPS}, b += ${STEPS * columns}) {
    _tile_loadd(2, a, as); _tile_loadd(3, b, ${columns * FOURS}); _tile_dpbusd(0, 2, 3);
  } else for (; n > 0; n--, a += ${STEPS}, b += ${STEPS * columns}) {
    _tile_loadd(2, a, as); _tile_loadd(3, b, ${columns * FOURS}); _tile_dpbusd(0, 2, 3);
    _tile_loadd(4, b + 64, ${columns * FOURS}); _tile_dpbusd(1, 2, 4);
  }
  _tile_stored(0, t, vectors * 64);
  if (vectors > 1) _tile_stored(1, t + 16, vectors * 64);
}`;

const dotKernel = (tile: Tile, rows: number, vectors: number): string => {
  const row = tile.columns * FOURS;
  return `static void mkb_${rows}x${vectors}(const uint8_t* restrict a, i64 as, i64 n, const uint8_t* restrict b, int32_t* restrict t) {
  __m512i ${list(rows, (i) => list(vectors, (j) => `s${i}_${j} = _mm512_setzero_si512()`).join(', ')).join(', ')};
  ${list(rows, (i) => `const int32_t* a${i} = (const int32_t*)(a + ${i} * as);`).join(' ')}
  for (i64 q = 0; q < n; q++, b += ${row}) {
    ${list(vectors, (j) => `__builtin_prefetch(b + ${AHEAD * row + j * 64});`).join(' ')}
    ${list(vectors, (j) => `const __m512i b${j} = _mm512_loadu_si512(b + ${j * 64});`).join(' ')}
    ${list(rows, (i) => `{ const __m512i x = _mm512_set1_epi32(a${i}[q]); ${list(vectors, (j) => `s${i}_${j} = _mm512_dpbusd_epi32(s${i}_${j}, x, b${j});`).join(' ')} }`).join('\n    ')}
  }
  ${list(rows, (i) => list(vectors, (j) => `_mm512_storeu_si512(t + ${(i * vectors + j) * tile.lanes}, s${i}_${j});`).join(' ')).join(' ')}
}`;
};

const dotKernels = (tile: Tile): readonly string[] => {
  const sizes = list(tile.vectors, (v) => list(tile.rows, (r) => [r + 1, v + 1] as const));
  const names = sizes.map((row) => `{${row.map(([r, v]) => `mkb_${r}x${v}`).join(', ')}}`).join(', ');
  return [
    ...sizes.flat().map(([r, v]) => dotKernel(tile, r, v)),
    `static void (*const mkb[${tile.vectors}][${tile.rows}])(const uint8_t*, i64, i64, const uint8_t*, int32_t*) = {${names}};`,
  ];
};

export const byteKernels = (kind: ByteKernel, tile: Tile): readonly string[] => (kind === 'amx' ? [amxKernel(tile)] : dotKernels(tile));

/** Text around a stage that multiplies. */
export const aroundBytes = (kind: ByteKernel): Pick<Arithmetic, 'begin' | 'end'> =>
  kind === 'amx' ? { begin: '  amx_bytes_begin();', end: '  _tile_release();' } : {};

/** The call that multiplies one tile: `row` bytes between its rows, which begin at `from`; `results` are of int32. */
export const multiplyBytes = (
  kind: ByteKernel,
  w: StageWriter,
  at: Pick<TilePlace, 'rows' | 'vectors' | 'panel' | 'results'> & { readonly row: string; readonly from: string; readonly steps: number },
): string =>
  kind === 'amx'
    ? `amx_bytes(${at.from}, ${at.row}, ${w.param(at.steps / STEPS)}, ${at.panel}, ${at.vectors}, ${at.results});`
    : `mkb[${at.vectors} - 1][${at.rows} - 1](${at.from}, ${at.row}, ${w.param(at.steps / FOURS)}, ${at.panel}, ${at.results});`;
