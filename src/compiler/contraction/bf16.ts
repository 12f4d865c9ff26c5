/**
 * Products of bfloat16 pairs (AVX512-BF16's VDPBF16PS): inputs rounded to bfloat16, to nearest even,
 * sums in float32, two products a lane and instruction. Denormals count as zero, in and out.
 * Source: Intel Architecture Instruction Set Extensions Programming Reference, VDPBF16PS.
 */
import type { Arithmetic } from './arithmetic.ts';
import { runOf } from './arithmetic.ts';
import type { Plan } from './plan.ts';
import { sizeOfAxes, type Tile } from './types.ts';

/** Elements between narrowed rows beyond their length, so that rows do not meet in few sets of the nearest cache. */
const APART = 32;
/** Pairs ahead of their use at which panel rows are asked for. */
const AHEAD = 16;

const pairsOf = (p: Plan): number => Math.ceil(sizeOfAxes(p.reduce) / 2);
const rowElements = (p: Plan): number => pairsOf(p) * 2 + APART;

const list = <T>(n: number, f: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => f(i));

/** `mkp_<rows>x<vectors>(a, as, n, b, t)`: t = Σ over n pairs; row i stands at a + i · as, panel rows of pairs follow each other. */
const microKernel = (tile: Tile, rows: number, vectors: number): string => {
  const each = (f: (i: number, j: number) => string): string => list(rows, (i) => list(vectors, (j) => f(i, j)).join(' ')).join(' ');
  const row = tile.columns * 2;
  return `static void mkp_${rows}x${vectors}(const uint16_t* restrict a, i64 as, i64 n, const uint16_t* restrict b, float* restrict t) {
  __m512 ${list(rows, (i) => list(vectors, (j) => `s${i}_${j} = _mm512_setzero_ps()`).join(', ')).join(', ')};
  ${list(rows, (i) => `const int32_t* a${i} = (const int32_t*)(a + ${i} * as);`).join(' ')}
  for (i64 q = 0; q < n; q++, b += ${row}) {
    ${list(vectors, (j) => `__builtin_prefetch(b + ${AHEAD * row + j * 32});`).join(' ')}
    ${list(vectors, (j) => `const __m512bh b${j} = (__m512bh)_mm512_loadu_si512(b + ${j * 32});`).join(' ')}
    ${list(rows, (i) => `{ const __m512bh x = (__m512bh)_mm512_set1_epi32(a${i}[q]); ${list(vectors, (j) => `s${i}_${j} = _mm512_dpbf16_ps(s${i}_${j}, x, b${j});`).join(' ')} }`).join('\n    ')}
  }
  ${each((i, j) => `_mm512_storeu_ps(t + ${(i * vectors + j) * tile.lanes}, s${i}_${j});`)}
}`;
};

/** Narrowing: runs of rows, and panels, whose rows beyond `steps` are zero. */
export const narrowHelpers = ({ columns }: Tile): readonly string[] => [
  '#include <immintrin.h>',
  `/* n floats, stride apart, as bfloat16. */
static void narrow_run(const float* restrict x, i64 n, i64 stride, uint16_t* restrict y) {
  i64 k = 0;
  if (stride == 1) for (; k + 16 <= n; k += 16) _mm256_storeu_si256((__m256i*)(y + k), (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(x + k)));
  for (; k < n; k++) y[k] = f32_to_bf16(x[k * stride]);
}
/* A panel of floats as pairs of bfloat16: rows 2k and 2k + 1 of a column next to each other; zeros from steps up to padded. */
static void narrow_panel(const float* restrict x, i64 steps, i64 padded, uint16_t* restrict y) {
  for (i64 k = 0; k < padded; k += 2) for (i64 c = 0; c < ${columns}; c++) {
    y[k * ${columns} + 2 * c] = k < steps ? f32_to_bf16(x[k * ${columns} + c]) : 0;
    y[k * ${columns} + 2 * c + 1] = k + 1 < steps ? f32_to_bf16(x[(k + 1) * ${columns} + c]) : 0;
  }
}`,
];

const helpers = (tile: Tile): readonly string[] => {
  const sizes = list(tile.vectors, (v) => list(tile.rows, (r) => [r + 1, v + 1] as const));
  return [
    ...narrowHelpers(tile),
    ...sizes.flat().map(([r, v]) => microKernel(tile, r, v)),
    `static void (*const mkp[${tile.vectors}][${tile.rows}])(const uint16_t*, i64, i64, const uint16_t*, float*) = {${sizes
      .map((row) => `{${row.map(([r, v]) => `mkp_${r}x${v}`).join(', ')}}`)
      .join(', ')}};`,
  ];
};

export const bf16Arithmetic: Arithmetic = {
  helpers,
  packedType: () => 'uint16_t',
  panelBytes: (p) => pairsOf(p) * 2 * p.tile.columns * 2,
  narrowPanel: (w, p, pad) => w.push(`${pad}narrow_panel(wide_panel, ${w.param(sizeOfAxes(p.reduce))}, ${w.param(pairsOf(p) * 2)}, dst);`),
  rowBytes: (p) => p.tile.rows * rowElements(p) * 2,
  narrowRows: (w, p, at, pad) => {
    const [length, stride] = runOf(p).map((x) => w.param(x));
    const [row, tile, odd] = [w.param(rowElements(p)), w.param(p.tile.rows * rowElements(p)), sizeOfAxes(p.reduce) % 2];
    w.push(`${pad}for (i64 i = 0; i < ${at.rows}; i++) {`);
    w.push(`${pad}  uint16_t* d = (uint16_t*)narrow + ${at.tile} * ${tile} + i * ${row};`);
    w.push(
      `${pad}  for (i64 q = 0; q < ${at.runs}; q++) { narrow_run(${at.pointers}[q * ${at.rows} + i], ${length}, ${stride}, d); d += ${length}; }`,
    );
    w.push(`${pad}  if (${w.param(odd)}) *d = 0;`);
    w.push(`${pad}}`);
  },
  multiply: (w, p, at) =>
    `mkp[${at.vectors} - 1][${at.rows} - 1]((const uint16_t*)narrow + ${at.tile} * ${w.param(p.tile.rows * rowElements(p))}, ${w.param(rowElements(p))}, ${w.param(pairsOf(p))}, ${at.panel}, ${at.results});`,
};

/** Whether a plan's products can be taken in bfloat16: sums in float32, by a processor with 64-byte vectors. */
export const canBeBf16 = (p: Plan): boolean => p.tile.type === 'float' && p.tile.vectorBytes === 64 && p.packing !== 'within';
