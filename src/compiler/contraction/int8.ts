/**
 * Products of bytes, four at a time (see bytes.ts): rows are made unsigned and columns signed by turning
 * the highest bit over, which moves their zero points by 128; AMX tiles (TDPBUSD) or dot products
 * (AVX512-VNNI's VPDPBUSD) add them up in 32 bits, and the zero points come in per tile.
 * Source: Intel Architecture Instruction Set Extensions Programming Reference, TDPBUSD, VPDPBUSD.
 */
import { advance, splitIndex } from './axes.ts';
import { AMX_ROWS } from './amx.ts';
import { runOf, type Arithmetic } from './arithmetic.ts';
import { aroundBytes, byteKernels, FOURS, multiplyBytes, rowBytes, stepsOf } from './byte-kernels.ts';
import type { ByteFactor } from './bytes.ts';
import { localsOf } from './factor.ts';
import type { Plan } from './plan.ts';
import { sizeOfAxes, type Axis, type StageWriter, type Target, type Tile } from './types.ts';

/** A tile of rows: packed rows, then each one's sum and zero point. */
const rowsBytes = (p: Plan): number => p.tile.rows * (rowBytes(p) + 8);
const list = <T>(n: number, f: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => f(i));

/** Rows and columns of sums, in the terms of memory they are made from. */
export const byteTile = (target: Target): Tile | undefined =>
  target.int8 && target.vectorBytes === 64
    ? {
        type: 'uint8_t',
        bytes: 1,
        sums: 'int32_t',
        vectorBytes: 64,
        lanes: 16,
        rows: target.int8 === 'amx' ? AMX_ROWS : 14,
        vectors: 2,
        columns: 32,
      }
    : undefined;

const packers = ({ columns, lanes }: Tile): readonly string[] => [
  '#include <immintrin.h>',
  `/* n bytes, stride apart, their highest bits turned over by flip; returns their sum. */
static int32_t bytes_run(const uint8_t* restrict x, i64 n, i64 stride, uint8_t flip, uint8_t* restrict y) {
  i64 k = 0;
  int32_t sum = 0;
  if (stride == 1) {
    const __m512i f = _mm512_set1_epi8((char)flip);
    __m512i s = _mm512_setzero_si512();
    for (; k < n; k += 64) {
      const __mmask64 m = n - k >= 64 ? ~0ull : (1ull << (n - k)) - 1;
      const __m512i v = _mm512_xor_si512(_mm512_maskz_loadu_epi8(m, x + k), _mm512_maskz_mov_epi8(m, f));
      _mm512_mask_storeu_epi8(y + k, m, v);
      s = _mm512_add_epi64(s, _mm512_sad_epu8(v, _mm512_setzero_si512()));
    }
    return (int32_t)_mm512_reduce_add_epi64(s);
  }
  for (; k < n; k++) sum += y[k] = x[k * stride] ^ flip;
  return sum;
}
/* A panel of bytes in fours: rows 4k … 4k + 3 of a column next to each other, zeros from steps up to padded, then the sums of columns. */
static void bytes_panel(const uint8_t* restrict x, i64 steps, i64 padded, uint8_t flip, uint8_t* restrict y, i64 correct) {
  int32_t* const sums = (int32_t*)(y + padded * ${columns});
  const __m512i ones = _mm512_set1_epi8(1), f = _mm512_set1_epi8((char)flip);
  __m512i ${list(columns / lanes, (j) => `s${j} = _mm512_setzero_si512()`).join(', ')};
  for (i64 k = 0; k < padded; k += 4, y += ${columns * FOURS}) {
    if (k + 4 <= steps) {
      ${list(4, (i) => `const __m256i r${i} = _mm256_loadu_si256((const __m256i*)(x + (k + ${i}) * ${columns}));`).join(' ')}
      const __m256i a = _mm256_unpacklo_epi8(r0, r1), b = _mm256_unpackhi_epi8(r0, r1), c = _mm256_unpacklo_epi8(r2, r3), d = _mm256_unpackhi_epi8(r2, r3);
      const __m256i p0 = _mm256_unpacklo_epi16(a, c), p1 = _mm256_unpackhi_epi16(a, c), p2 = _mm256_unpacklo_epi16(b, d), p3 = _mm256_unpackhi_epi16(b, d);
      /* Columns 0–3 16–19, 4–7 20–23, 8–11 24–27, 12–15 28–31. */
      _mm256_storeu_si256((__m256i*)y, _mm256_permute2x128_si256(p0, p1, 0x20));
      _mm256_storeu_si256((__m256i*)(y + 32), _mm256_permute2x128_si256(p2, p3, 0x20));
      _mm256_storeu_si256((__m256i*)(y + 64), _mm256_permute2x128_si256(p0, p1, 0x31));
      _mm256_storeu_si256((__m256i*)(y + 96), _mm256_permute2x128_si256(p2, p3, 0x31));
    } else for (i64 c = 0; c < ${columns}; c++) for (i64 i = 0; i < 4; i++) y[4 * c + i] = k + i < steps ? x[(k + i) * ${columns} + c] : flip;
    ${list(columns / lanes, (j) => `{ const __m512i v = _mm512_xor_si512(_mm512_loadu_si512(y + ${j * 64}), f); _mm512_storeu_si512(y + ${j * 64}, v); s${j} = _mm512_dpbusd_epi32(s${j}, ones, v); }`).join('\n    ')}
  }
  if (correct) { ${list(columns / lanes, (j) => `_mm512_storeu_si512(sums + ${j * lanes}, s${j});`).join(' ')} }
}
/* Brings zero points into a tile of sums: rows and columns each have their sums and their zero points. */
static void bytes_correct(int32_t* restrict t, i64 rows, i64 vectors, const int32_t* rs, const int32_t* rz, const int32_t* cs, const int32_t* cz, int32_t k) {
  for (i64 j = 0; j < vectors; j++) {
    const __m512i sums = _mm512_loadu_si512(cs + j * ${lanes}), zeros = _mm512_loadu_si512(cz + j * ${lanes});
    for (i64 i = 0; i < rows; i++) {
      int32_t* const at = t + (i * vectors + j) * ${lanes};
      /* Σab − z_b (Σa − K zₐ) − zₐ Σb */
      const __m512i row = _mm512_set1_epi32((int32_t)((uint32_t)rs[i] - (uint32_t)k * (uint32_t)rz[i]));
      const __m512i off = _mm512_add_epi32(_mm512_mullo_epi32(zeros, row), _mm512_mullo_epi32(sums, _mm512_set1_epi32(rz[i])));
      _mm512_storeu_si512(at, _mm512_sub_epi32(_mm512_loadu_si512(at), off));
    }
  }
}`,
];

/** Turning the highest bit over moves a byte by 128, and its zero point with it. */
const flipOf = (f: ByteFactor, side: 'rows' | 'columns'): number => (f.signed === (side === 'rows') ? 128 : 0);
const zeroText = (w: StageWriter, f: ByteFactor, side: 'rows' | 'columns'): string => {
  const shift = side === 'rows' ? flipOf(f, side) : -flipOf(f, side);
  return `${f.zero ? w.expr(f.zero) : '0'}${shift === 0 ? '' : shift > 0 ? ` + ${shift}` : ` - ${-shift}`}`;
};

/** Whether sums of one side are of no consequence: the other side's zero points are 0. */
const isPlain = (f: ByteFactor, side: 'rows' | 'columns'): boolean => !f.zero && flipOf(f, side) === 0;
const needsCorrection = (p: Plan): boolean => !isPlain(p.bytes!.rows, 'rows') || !isPlain(p.bytes!.columns, 'columns');

/** Writes `count` zero points from index `from` of some axes to `to`; one for all where they are all the same. */
const writeZeros = (
  w: StageWriter,
  f: ByteFactor,
  side: 'rows' | 'columns',
  at: { axes: readonly Axis[]; from: string; count: string; to: string },
  pad: string,
): void => {
  const { axes, from, count, to } = at;
  const moving = f.zero && [...localsOf(f.zero)].some((name) => axes.some((a) => a.v.name === name));
  if (!moving) {
    w.push(`${pad}{ const int32_t zero = ${zeroText(w, f, side)}; for (i64 i = 0; i < ${count}; i++) ${to}[i] = zero; }`);
    return;
  }
  const names = axes.map((a) => w.name(a.v));
  w.push(`${pad}{`);
  splitIndex(w, from, axes, names, `${pad}  `);
  w.push(`${pad}  for (i64 i = 0; i < ${count}; i++) { ${to}[i] = ${zeroText(w, f, side)}; ${advance(w, axes, names, '1')} }`);
  w.push(`${pad}}`);
};

/** A byte as it lies in memory. */
const asByte = (w: StageWriter, f: ByteFactor): string => (f.zero ? `(uint8_t)(${w.expr(f.zero)})` : '0');

export const int8Arithmetic = (kind: 'dot' | 'amx'): Arithmetic => ({
  helpers: (tile) => [...packers(tile), ...byteKernels(kind, tile)],
  packedType: () => 'uint8_t',
  panelBytes: (p) => stepsOf(p) * p.tile.columns + 8 * p.tile.columns,
  fill: (w, p) => ({ rows: asByte(w, p.bytes!.rows), columns: asByte(w, p.bytes!.columns) }),
  narrowPanel: (w, p, pad) => {
    const { columns } = p.tile;
    const f = p.bytes!.columns;
    const [steps, padded] = [sizeOfAxes(p.reduce), stepsOf(p)].map((x) => w.param(x));
    const correct = needsCorrection(p) ? 1 : 0;
    w.push(`${pad}bytes_panel(wide_panel, ${steps}, ${padded}, ${flipOf(f, 'columns')}, dst, ${correct});`);
    if (!correct) return;
    w.push(`${pad}int32_t* const zs = (int32_t*)(dst + ${padded} * ${columns}) + ${columns};`);
    w.push(`${pad}memset(zs, 0, ${4 * columns});`);
    writeZeros(w, f, 'columns', { axes: p.columns, from: 'n0', count: 'wide', to: 'zs' }, pad);
  },
  rowBytes: rowsBytes,
  narrowRows: (w, p, at, pad) => {
    const [length, stride] = runOf(p).map((x) => w.param(x));
    const [row, tile, steps, padded] = [rowBytes(p), rowsBytes(p), sizeOfAxes(p.reduce), stepsOf(p)].map((x) => w.param(x));
    const f = p.bytes!.rows;
    w.push(`${pad}uint8_t* const packed = narrow + ${at.tile} * ${tile};`);
    w.push(`${pad}int32_t* const rs = (int32_t*)(packed + ${p.tile.rows} * ${row}); (void)rs;`);
    w.push(`${pad}for (i64 i = 0; i < ${at.rows}; i++) {`);
    w.push(`${pad}  uint8_t* d = packed + i * ${row};`);
    w.push(`${pad}  int32_t sum = 0;`);
    w.push(
      `${pad}  for (i64 q = 0; q < ${at.runs}; q++) { sum += bytes_run(${at.pointers}[q * ${at.rows} + i], ${length}, ${stride}, ${flipOf(f, 'rows')}, d); d += ${length}; }`,
    );
    w.push(`${pad}  memset(d, 0, ${padded} - ${steps});`);
    w.push(`${pad}  rs[i] = sum;`);
    w.push(`${pad}}`);
    if (needsCorrection(p)) writeZeros(w, f, 'rows', { axes: p.rows, from: 'm0', count: at.rows, to: `(rs + ${p.tile.rows})` }, pad);
  },
  ...aroundBytes(kind),
  multiply: (w, p, at) => {
    const [row, tile, padded] = [rowBytes(p), rowsBytes(p), stepsOf(p)].map((x) => w.param(x));
    const rows = `narrow + ${at.tile} * ${tile}`;
    const call = multiplyBytes(kind, w, { ...at, row: row!, from: rows, steps: stepsOf(p) });
    if (!needsCorrection(p)) return call;
    const rs = `(const int32_t*)(${rows} + ${p.tile.rows} * ${row})`;
    const cs = `(const int32_t*)(${at.panel} + ${padded} * ${p.tile.columns})`;
    return `${call} bytes_correct(${at.results}, ${at.rows}, ${at.vectors}, ${rs}, ${rs} + ${p.tile.rows}, ${cs}, ${cs} + ${p.tile.columns}, ${w.param(sizeOfAxes(p.reduce))});`;
  },
});
