/**
 * C of Winograd's transforms: patches and results in vectors of channels and of feature maps, weights in
 * float64, since they are made once. Rows and columns of the matrices that differ in signs only (those of
 * points ±p) share their sums.
 */
import { vectorTypes } from './tile.ts';
import type { Tile } from './types.ts';
import { WINDOW, winogradMatrices, type WinogradSize } from '../winograd.ts';

type Matrix = readonly (readonly number[])[];

const list = <T>(n: number, f: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => f(i));

/** Σ coefficient · name as text; coefficients as literals of the type. */
const sumText = (terms: readonly (readonly [coefficient: number, name: string])[], suffix: string): string => {
  const literal = (x: number): string => `${Number.isInteger(x) ? x.toFixed(1) : String(x)}${suffix}`;
  const text = terms
    .filter(([k]) => k !== 0)
    .map(([k, name]) => `${k < 0 ? '-' : '+'} ${Math.abs(k) === 1 ? name : `${literal(Math.abs(k))} * ${name}`}`)
    .join(' ');
  return text.replace(/^\+ /, '') || `0${suffix}`;
};

/** Whether two rows differ in signs only, and in some. */
const mirrored = (a: readonly number[], b: readonly number[]): boolean =>
  a.every((x, i) => Math.abs(x) === Math.abs(b[i]!)) && a.some((x, i) => x !== b[i]);

/** y = M x, neighbouring rows that are mirrored by their even and odd parts. */
const byRows = (matrix: Matrix, xs: readonly string[], ys: readonly string[], T: string, suffix: string): string[] => {
  const out: string[] = [];
  const terms = (row: readonly number[]): (readonly [number, string])[] => row.map((k, j) => [k, xs[j]!] as const);
  for (let i = 0; i < matrix.length; i++) {
    const [row, next] = [matrix[i]!, matrix[i + 1]];
    if (!next || !mirrored(row, next)) {
      out.push(`const ${T} ${ys[i]!} = ${sumText(terms(row), suffix)};`);
      continue;
    }
    const [even, odd] = [true, false].map((same) => terms(row.map((k, j) => ((k === next[j]) === same ? k : 0))));
    const [e, o] = [`e_${ys[i]!}`, `o_${ys[i]!}`];
    out.push(`const ${T} ${e} = ${sumText(even!, suffix)}, ${o} = ${sumText(odd!, suffix)};`);
    out.push(`const ${T} ${ys[i]!} = ${e} + ${o}, ${ys[++i]!} = ${e} - ${o};`);
  }
  return out;
};

/** y = M x, neighbouring columns that are mirrored as the sum and the difference of their two inputs. */
const byColumns = (matrix: Matrix, xs: readonly string[], ys: readonly string[], T: string, suffix: string, tag: string): string[] => {
  const out: string[] = [];
  const inputs: { readonly name: string; readonly column: readonly number[] }[] = [];
  const column = (j: number): number[] => matrix.map((row) => row[j]!);
  for (let j = 0; j < xs.length; j++) {
    const own = column(j);
    if (j + 1 === xs.length || !mirrored(own, column(j + 1))) {
      inputs.push({ name: xs[j]!, column: own });
      continue;
    }
    const next = column(j + 1);
    const [s, d] = [`s_${tag}_${j}`, `d_${tag}_${j}`];
    out.push(`const ${T} ${s} = ${xs[j]!} + ${xs[j + 1]!}, ${d} = ${xs[j]!} - ${xs[j + 1]!};`);
    inputs.push({ name: s, column: own.map((k, i) => (k === next[i] ? k : 0)) });
    inputs.push({ name: d, column: own.map((k, i) => (k === next[i] ? 0 : k)) });
    j++;
  }
  ys.forEach((y, i) =>
    out.push(
      `const ${T} ${y} = ${sumText(
        inputs.map((x) => [x.column[i]!, x.name] as const),
        suffix,
      )};`,
    ),
  );
  return out;
};

/** `wg<m>_patch(d, v, plane, n)`: Bᵀ d B of n channels; point (i, j) of the patch starts at d[i·n + j], result ξ goes to v + ξ · plane. */
const patchText = (m: WinogradSize, { type: T, lanes }: Tile): string => {
  const { n, patch } = winogradMatrices[m];
  const body = (type: string, load: (at: string) => string, store: (at: string, x: string) => string): string[] => [
    ...list(n, (j) => [
      `const ${type} ${list(n, (i) => `x${i}_${j} = ${load(`d[${i * n + j}] + c`)}`).join(', ')};`,
      ...byRows(
        patch,
        list(n, (i) => `x${i}_${j}`),
        list(n, (i) => `t${i}_${j}`),
        type,
        'f',
      ),
    ]).flat(),
    ...list(n, (i) => [
      ...byRows(
        patch,
        list(n, (j) => `t${i}_${j}`),
        list(n, (j) => `y${i}_${j}`),
        type,
        'f',
      ),
      ...list(n, (j) => store(`v + ${i * n + j} * plane + c`, `y${i}_${j}`)),
    ]).flat(),
  ];
  const lines = (xs: readonly string[]): string => xs.map((x) => `    ${x}`).join('\n');
  return `static void wg${m}_patch(const ${T}* const* restrict d, ${T}* restrict v, i64 plane, i64 n) {
  i64 c = 0;
  for (; c + ${lanes} <= n; c += ${lanes}) {
${lines(
  body(
    `V_${T}`,
    (at) => `*(const U_${T}*)(${at})`,
    (at, x) => `*(U_${T}*)(${at}) = ${x};`,
  ),
)}
  }
  for (; c < n; c++) {
${lines(
  body(
    T,
    (at) => `*(${at})`,
    (at, x) => `*(${at}) = ${x};`,
  ),
)}
  }
}`;
};

/**
 * `wg<m>_results(p, plane, y, vectors)`: Aᵀ p A of so many vectors; product ξ stands at p + ξ · plane, result (i, j) goes to
 * y + (i·m + j) · vectors · lanes. Returns whether one of them is infinite or no number: x · 0 is then no number either.
 */
const resultsText = (m: WinogradSize, { type: T, lanes }: Tile): string => {
  const { n, results } = winogradMatrices[m];
  const lines = [
    ...list(n, (j) => [
      `const V_${T} ${list(n, (i) => `x${i}_${j} = *(const U_${T}*)(p + ${i * n + j} * plane + c)`).join(', ')};`,
      ...byColumns(
        results,
        list(n, (i) => `x${i}_${j}`),
        list(m, (i) => `t${i}_${j}`),
        `V_${T}`,
        'f',
        `c${j}`,
      ),
    ]).flat(),
    ...list(m, (i) => [
      ...byColumns(
        results,
        list(n, (j) => `t${i}_${j}`),
        list(m, (j) => `y${i}_${j}`),
        `V_${T}`,
        'f',
        `r${i}`,
      ),
      ...list(m, (j) => `*(U_${T}*)(y + ${i * m + j} * across + c) = y${i}_${j}; odd += y${i}_${j} * 0.0f;`),
    ]).flat(),
  ];
  return `static int wg${m}_results(const ${T}* restrict p, i64 plane, ${T}* restrict y, i64 vectors) {
  const i64 across = vectors * ${lanes};
  V_${T} odd = {0};
  for (i64 c = 0; c < across; c += ${lanes}) {
${lines.map((x) => `    ${x}`).join('\n')}
  }
  ${T} any = 0;
  for (int i = 0; i < ${lanes}; i++) any += odd[i];
  return any != 0;
}`;
};

/** `wg<m>_weights(g, steps, u)`: G g Gᵀ; point (k, l) of channel c is row (k·3 + l) · steps + c of a panel, result ξ row ξ · steps + c. */
const weightsText = (m: WinogradSize, { type: T, columns }: Tile): string => {
  const { n, weights } = winogradMatrices[m];
  const row = (matrix: Matrix, i: number, xs: readonly string[]): string =>
    sumText(
      matrix[i]!.map((k, j) => [k, xs[j]!] as const),
      '',
    );
  const lines = [
    `const double ${list(WINDOW * WINDOW, (q) => `g${Math.floor(q / WINDOW)}_${q % WINDOW} = g[(${q} * steps + c) * ${columns} + x]`).join(', ')};`,
    ...list(n, (i) =>
      list(
        WINDOW,
        (l) =>
          `const double t${i}_${l} = ${row(
            weights,
            i,
            list(WINDOW, (k) => `g${k}_${l}`),
          )};`,
      ),
    ).flat(),
    ...list(n, (i) =>
      list(
        n,
        (j) =>
          `u[(${i * n + j} * steps + c) * ${columns} + x] = (${T})(${row(
            weights,
            j,
            list(WINDOW, (l) => `t${i}_${l}`),
          )});`,
      ),
    ).flat(),
  ];
  return `static void wg${m}_weights(const ${T}* restrict g, i64 steps, ${T}* restrict u) {
  for (i64 c = 0; c < steps; c++) for (i64 x = 0; x < ${columns}; x++) {
${lines.map((x) => `    ${x}`).join('\n')}
  }
}`;
};

export const weightsHelpers = (m: WinogradSize, tile: Tile): readonly string[] => [weightsText(m, tile)];
export const imageHelpers = (m: WinogradSize, tile: Tile): readonly string[] => [
  vectorTypes(tile),
  patchText(m, tile),
  resultsText(m, tile),
];
