/**
 * Products of bfloat16 pairs by AMX tiles (TDPBF16PS): 16 × 16 sums in float32 a tile, inputs rounded to
 * bfloat16 to nearest even, denormals as zero. A process must ask the system for the tiles first.
 * Source: Intel Architecture Instruction Set Extensions Programming Reference, AMX.
 */
import { runOf, type Arithmetic } from './arithmetic.ts';
import { narrowHelpers } from './bf16.ts';
import type { Plan } from './plan.ts';
import { sizeOfAxes, type Tile } from './types.ts';

/** Rows of a tile, and steps of the reduction one instruction takes. */
export const AMX_ROWS = 16;
const STEPS = 32;
/** Elements between narrowed rows beyond their length. */
const APART = 32;

/** Steps are padded with zeros to whole tiles. */
const stepsOf = (p: Plan): number => Math.ceil(sizeOfAxes(p.reduce) / STEPS) * STEPS;
const rowElements = (p: Plan): number => stepsOf(p) + APART;

const helpers = (tile: Tile): readonly string[] => [
  ...narrowHelpers(tile),
  `/* Tiles 0, 1: sums; 2: rows; 3, 4: columns. All of 16 rows of 64 bytes: rows beyond those asked for are computed and not used. */
static void amx_begin(void) {
  struct { uint8_t palette, start, reserved[14]; uint16_t bytes[16]; uint8_t rows[16]; } config __attribute__((aligned(64)));
  memset(&config, 0, sizeof config);
  config.palette = 1;
  for (int i = 0; i < 5; i++) { config.bytes[i] = 64; config.rows[i] = ${AMX_ROWS}; }
  /* GCC takes the instruction to read eight of the bytes only. */
  __asm__ volatile("" : : "r"(&config) : "memory");
  _tile_loadconfig(&config);
}
/* t = Σ over n blocks of ${STEPS} steps; rows stand at a, as bytes apart, columns in pairs at b. */
static void amx_multiply(const uint16_t* a, i64 as, i64 n, const uint16_t* b, i64 vectors, float* t) {
  _tile_zero(0); _tile_zero(1);
  if (vectors == 1) for (; n > 0; n--, a += ${STEPS}, b += ${STEPS * tile.columns}) {
    _tile_loadd(2, a, as); _tile_loadd(3, b, ${tile.columns * 4}); _tile_dpbf16ps(0, 2, 3);
  } else for (; n > 0; n--, a += ${STEPS}, b += ${STEPS * tile.columns}) {
    _tile_loadd(2, a, as); _tile_loadd(3, b, ${tile.columns * 4}); _tile_dpbf16ps(0, 2, 3);
    _tile_loadd(4, b + 32, ${tile.columns * 4}); _tile_dpbf16ps(1, 2, 4);
  }
  _tile_stored(0, t, vectors * 64);
  if (vectors > 1) _tile_stored(1, t + 16, vectors * 64);
}`,
];

export const amxArithmetic: Arithmetic = {
  helpers,
  packedType: () => 'uint16_t',
  panelBytes: (p) => stepsOf(p) * p.tile.columns * 2,
  narrowPanel: (w, p, pad) => w.push(`${pad}narrow_panel(wide_panel, ${w.param(sizeOfAxes(p.reduce))}, ${w.param(stepsOf(p))}, dst);`),
  rowBytes: (p) => AMX_ROWS * rowElements(p) * 2,
  narrowRows: (w, p, at, pad) => {
    const [length, stride] = runOf(p).map((x) => w.param(x));
    const [row, tile, steps, padded] = [rowElements(p), AMX_ROWS * rowElements(p), sizeOfAxes(p.reduce), stepsOf(p)].map((x) => w.param(x));
    w.push(`${pad}for (i64 i = 0; i < ${at.rows}; i++) {`);
    w.push(`${pad}  uint16_t* d = (uint16_t*)narrow + ${at.tile} * ${tile} + i * ${row};`);
    w.push(
      `${pad}  for (i64 q = 0; q < ${at.runs}; q++) { narrow_run(${at.pointers}[q * ${at.rows} + i], ${length}, ${stride}, d); d += ${length}; }`,
    );
    w.push(`${pad}  for (i64 k = ${steps}; k < ${padded}; k++) *d++ = 0;`);
    w.push(`${pad}}`);
  },
  begin: '  amx_begin();',
  end: '  _tile_release();',
  multiply: (w, p, at) =>
    `amx_multiply((const uint16_t*)narrow + ${at.tile} * ${w.param(AMX_ROWS * rowElements(p))}, ${w.param(rowElements(p) * 2)}, ${w.param(stepsOf(p) / STEPS)}, ${at.panel}, ${at.vectors}, ${at.results});`,
};
