/**
 * The register tile of contractions in WebAssembly: 4 × 8 sums in eight vectors, measured at the
 * processor's peak rate of multiplications (larger tiles do not fit the sixteen registers there are
 * on x86, and longer steps make the engine spill them).
 */
import type { DType } from '../../core/dtype.ts';
import { get, op, set } from './wasm-types.ts';

export const TILE_ROWS = 4;
export const TILE_COLUMNS = 8;
const VECTORS = TILE_COLUMNS / 4;

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** `tile_<type>(a, b, out, n)`: out[8i + j] = Σ over n values of k of a[4k + i] · b[8k + j]; addresses are of bytes. */
export const tileFunction = (dtype: DType): string => {
  const type = dtype === 'float32' ? 'f32x4' : 'i32x4';
  const each = (f: (i: number, j: number) => string): string[] => range(TILE_ROWS).flatMap((i) => range(VECTORS).map((j) => f(i, j)));
  const step = range(TILE_ROWS).flatMap((i) => [
    set('$x', `(v128.load32_splat offset=${4 * i} (local.get $a))`),
    ...range(VECTORS).map((j) => set(`$s${i}${j}`, op(`${type}.add`, get(`$s${i}${j}`), op(`${type}.mul`, get('$x'), get(`$y${j}`))))),
  ]);
  return [
    `(func $tile_${dtype} (param $a i32) (param $b i32) (param $out i32) (param $n i32)`,
    `(local $x v128) ${range(VECTORS)
      .map((j) => `(local $y${j} v128)`)
      .join(' ')} ${each((i, j) => `(local $s${i}${j} v128)`).join(' ')}`,
    '(loop $steps',
    ...range(VECTORS).map((j) => set(`$y${j}`, `(v128.load offset=${16 * j} (local.get $b))`)),
    ...step,
    set('$a', op('i32.add', get('$a'), `(i32.const ${4 * TILE_ROWS})`)),
    set('$b', op('i32.add', get('$b'), `(i32.const ${4 * TILE_COLUMNS})`)),
    '(br_if $steps (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))',
    ...each((i, j) => `(v128.store offset=${4 * (TILE_COLUMNS * i + 4 * j)} (local.get $out) (local.get $s${i}${j}))`),
    ')',
  ].join('\n  ');
};
