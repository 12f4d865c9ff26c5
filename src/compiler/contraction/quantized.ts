/**
 * Products of floats as bytes: every row and every column gets the scale at which its largest
 * magnitude is 127, and sums are exact from there on. Scales are taken from the values themselves, at
 * each run (dynamic quantization), so nothing has to be calibrated. A NaN makes its row or column NaN.
 * Source: arXiv 2208.07339 (vector-wise quantization).
 */
import { runOf, type Arithmetic } from './arithmetic.ts';
import { aroundBytes, byteKernels, FOURS, multiplyBytes, rowBytes, stepsOf, type ByteKernel } from './byte-kernels.ts';
import type { Plan } from './plan.ts';
import { sizeOfAxes, type Tile } from './types.ts';

/** A tile of rows: packed rows, then each one's scale. */
const rowsBytes = (p: Plan): number => p.tile.rows * (rowBytes(p) + 4);

const packers = ({ columns, lanes }: Tile): readonly string[] => [
  '#include <immintrin.h>',
  `/* The larger of most and the magnitudes of n floats, stride apart, as bits: NaN is larger than everything. */
static uint32_t most_bits(const float* restrict x, i64 n, i64 stride, uint32_t most) {
  for (i64 k = 0; k < n; k++) { uint32_t u; memcpy(&u, x + k * stride, 4); u &= 0x7fffffffu; most = u > most ? u : most; }
  return most;
}
/* What to multiply by so that the largest magnitude becomes 127; the scale goes to s. */
static float step_of(uint32_t most, float* s) {
  float m;
  memcpy(&m, &most, 4);
  *s = m / 127;
  return m > 0 && m <= 3.4028235e38f ? 127 / m : 0;
}
/* n floats, stride apart, as unsigned bytes about 128. */
static void quantize_run(const float* restrict x, i64 n, i64 stride, float by, uint8_t* restrict y) {
  i64 k = 0;
  if (stride == 1) for (; k + 16 <= n; k += 16)
    _mm_storeu_si128((__m128i*)(y + k), _mm_xor_si128(_mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + k), _mm512_set1_ps(by)))), _mm_set1_epi8((char)128)));
  for (; k < n; k++) y[k] = (uint8_t)(128 + (int)rintf(x[k * stride] * by));
}
/* A panel of floats as signed bytes in fours, zeros from steps up to padded, then sums and scales of columns. */
static void quantize_panel(const float* restrict x, i64 steps, i64 padded, uint8_t* restrict y) {
  int32_t* const sums = (int32_t*)(y + padded * ${columns});
  float* const scales = (float*)(sums + ${columns});
  uint32_t most[${columns}] = {0};
  float by[${columns}];
  for (i64 k = 0; k < steps; k++) for (i64 c = 0; c < ${columns}; c++) { uint32_t u; memcpy(&u, x + k * ${columns} + c, 4); u &= 0x7fffffffu; most[c] = u > most[c] ? u : most[c]; }
  for (i64 c = 0; c < ${columns}; c++) by[c] = step_of(most[c], scales + c);
  for (i64 c = 0; c < ${columns}; c++) sums[c] = 0;
  for (i64 k = 0; k < padded; k += ${FOURS}) for (i64 c = 0; c < ${columns}; c++) for (i64 i = 0; i < ${FOURS}; i++) {
    const int32_t q = k + i < steps ? (int32_t)rintf(x[(k + i) * ${columns} + c] * by[c]) : 0;
    y[k * ${columns} + ${FOURS} * c + i] = (uint8_t)(int8_t)q;
    sums[c] += q;
  }
}
/* Sums of bytes as floats, in place. */
static void dequantize(float* restrict t, i64 rows, i64 vectors, const float* rs, const int32_t* cs, const float* scales) {
  for (i64 j = 0; j < vectors; j++) {
    const __m512i off = _mm512_slli_epi32(_mm512_loadu_si512(cs + j * ${lanes}), 7);
    const __m512 scale = _mm512_loadu_ps(scales + j * ${lanes});
    for (i64 i = 0; i < rows; i++) {
      float* const at = t + (i * vectors + j) * ${lanes};
      _mm512_storeu_ps(at, _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_loadu_si512(at), off)), _mm512_mul_ps(scale, _mm512_set1_ps(rs[i]))));
    }
  }
}`,
];

export const quantizedArithmetic = (kind: ByteKernel): Arithmetic => ({
  helpers: (tile) => [...packers(tile), ...byteKernels(kind, tile)],
  packedType: () => 'uint8_t',
  panelBytes: (p) => stepsOf(p) * p.tile.columns + 8 * p.tile.columns,
  narrowPanel: (w, p, pad) => w.push(`${pad}quantize_panel(wide_panel, ${w.param(sizeOfAxes(p.reduce))}, ${w.param(stepsOf(p))}, dst);`),
  rowBytes: rowsBytes,
  narrowRows: (w, p, at, pad) => {
    const [length, stride] = runOf(p).map((x) => w.param(x));
    const [row, tile, steps, padded] = [rowBytes(p), rowsBytes(p), sizeOfAxes(p.reduce), stepsOf(p)].map((x) => w.param(x));
    const run = `${at.pointers}[q * ${at.rows} + i]`;
    w.push(`${pad}uint8_t* const packed = narrow + ${at.tile} * ${tile};`);
    w.push(`${pad}float* const rs = (float*)(packed + ${p.tile.rows} * ${row});`);
    w.push(`${pad}for (i64 i = 0; i < ${at.rows}; i++) {`);
    w.push(`${pad}  uint8_t* d = packed + i * ${row};`);
    w.push(`${pad}  uint32_t most = 0;`);
    w.push(`${pad}  for (i64 q = 0; q < ${at.runs}; q++) most = most_bits(${run}, ${length}, ${stride}, most);`);
    w.push(`${pad}  const float by = step_of(most, rs + i);`);
    w.push(`${pad}  for (i64 q = 0; q < ${at.runs}; q++) { quantize_run(${run}, ${length}, ${stride}, by, d); d += ${length}; }`);
    w.push(`${pad}  memset(d, 0, ${padded} - ${steps});`);
    w.push(`${pad}}`);
  },
  ...aroundBytes(kind),
  multiply: (w, p, at) => {
    const [row, tile, padded] = [rowBytes(p), rowsBytes(p), stepsOf(p)].map((x) => w.param(x));
    const from = `narrow + ${at.tile} * ${tile}`;
    const call = multiplyBytes(kind, w, { ...at, row: row!, from, steps: stepsOf(p), results: `(int32_t*)${at.results}` });
    const cs = `(const int32_t*)(${at.panel} + ${padded} * ${p.tile.columns})`;
    const scales = `(const float*)(${at.panel} + ${padded} * ${p.tile.columns}) + ${p.tile.columns}`;
    return `${call} dequantize(${at.results}, ${at.rows}, ${at.vectors}, (const float*)(${from} + ${p.tile.rows} * ${row}), ${cs}, ${scales});`;
  },
});

/** Whether a plan's products can be taken in bytes: of floats, by a processor with 64-byte vectors. */
export const canBeQuantized = (p: Plan): boolean => p.tile.type === 'float' && p.tile.vectorBytes === 64 && p.packing !== 'within';
