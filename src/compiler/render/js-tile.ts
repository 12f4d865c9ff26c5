/**
 * The register tile of contractions in JavaScript: 4 × 4 sums in local variables, which an optimizing
 * engine keeps in registers. One function per element type, so that each sees one kind of arrays only.
 */
import type { DType, TensorData } from '../../core/dtype.ts';

export const TILE_ROWS = 4;
export const TILE_COLUMNS = 4;

/** out[i·4 + j] = Σₖ a[aAt + 4k + i] · b[bAt + 4k + j]. */
export type Tile = (a: TensorData, aAt: number, b: TensorData, bAt: number, out: TensorData, steps: number) => void;

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Text of the function body. 32-bit integers multiply modulo 2³². */
export const tileText = (dtype: DType): string => {
  const isInteger = dtype === 'int32' || dtype === 'uint32';
  const each = (f: (i: number, j: number) => string): string[] =>
    range(TILE_ROWS).map((i) =>
      range(TILE_COLUMNS)
        .map((j) => f(i, j))
        .join(''),
    );
  return [
    `"use strict";// ${dtype}`,
    'return function tile(a,p,b,q,out,n){',
    // Machine integers, whatever kind of number the caller's arithmetic gave.
    'p|=0;q|=0;n|=0;',
    ...each((i, j) => `let s${i}${j}=0;`),
    `for(let k=0;k<n;k++,p+=${TILE_ROWS},q+=${TILE_COLUMNS}){`,
    `const ${range(TILE_COLUMNS)
      .map((j) => `y${j}=b[q+${j}]`)
      .join(',')};`,
    ...range(TILE_ROWS).map(
      (i) =>
        `const x${i}=a[p+${i}];${range(TILE_COLUMNS)
          .map((j) => (isInteger ? `s${i}${j}=s${i}${j}+Math.imul(x${i},y${j})|0;` : `s${i}${j}+=x${i}*y${j};`))
          .join('')}`,
    ),
    '}',
    ...each((i, j) => `out[${i * TILE_COLUMNS + j}]=s${i}${j};`),
    '}',
  ].join('\n');
};

const made = new Map<DType, Tile>();
/** The tile function of an element type. */
export const tileOf = (dtype: DType): Tile => {
  let tile = made.get(dtype);
  if (!tile) made.set(dtype, (tile = new Function(tileText(dtype))() as Tile));
  return tile;
};
