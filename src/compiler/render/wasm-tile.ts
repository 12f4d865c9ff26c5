/**
 * Register tiles of contractions in WebAssembly. The usual one has 4 × 8 sums in eight vectors, measured at
 * the processor's peak rate of multiplications (larger tiles do not fit the sixteen registers there are
 * on x86, and longer steps make the engine spill them). For one or two rows, memory is the limit: there
 * it is as many columns as make eight sums, and two steps at a time.
 */
import type { DType } from '../../core/dtype.ts';
import type { TileShape } from '../schedule/ir.ts';
import { get, op, set } from './wasm-types.ts';

export const TILE: TileShape = { rows: 4, columns: 8 };
export const LOW_TILES: readonly TileShape[] = [
  { rows: 1, columns: 32 },
  { rows: 2, columns: 16 },
];

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

export const tileName = (dtype: DType, { rows, columns }: TileShape): string => `$tile_${dtype}_${rows}x${columns}`;

/** A function (a, b, out, n): out[columns · i + j] = Σ over n values of k of a[rows · k + i] · b[columns · k + j]; addresses are of bytes. */
export const tileFunction = (dtype: DType, shape: TileShape): string => {
  const { rows, columns } = shape;
  const vectors = columns / 4;
  const type = dtype === 'float32' ? 'f32x4' : 'i32x4';
  const each = (f: (i: number, j: number) => string): string[] => range(rows).flatMap((i) => range(vectors).map((j) => f(i, j)));
  const names = rows === 1 ? [] : range(vectors).map((j) => `(local $y${j} v128)`);
  const step = (k: number): string[] => {
    const b = (j: number): string => `(v128.load offset=${4 * columns * k + 16 * j} (local.get $b))`;
    return [
      ...(rows === 1 ? [] : range(vectors).map((j) => set(`$y${j}`, b(j)))),
      ...range(rows).flatMap((i) => [
        set('$x', `(v128.load32_splat offset=${4 * (rows * k + i)} (local.get $a))`),
        ...range(vectors).map((j) =>
          set(`$s${i}${j}`, op(`${type}.add`, get(`$s${i}${j}`), op(`${type}.mul`, get('$x'), rows === 1 ? b(j) : get(`$y${j}`)))),
        ),
      ]),
    ];
  };
  const forward = (steps: number): string[] => [
    set('$a', op('i32.add', get('$a'), `(i32.const ${4 * rows * steps})`)),
    set('$b', op('i32.add', get('$b'), `(i32.const ${4 * columns * steps})`)),
  ];
  const loop = (steps: number): string[] => [
    '(loop $steps',
    ...range(steps).flatMap(step),
    ...forward(steps),
    '(br_if $steps (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))',
  ];
  const odd = '(if (i32.and (local.get $n) (i32.const 1)) (then';
  const pairs = '(if (local.tee $n (i32.shr_u (local.get $n) (i32.const 1))) (then';
  return [
    `(func ${tileName(dtype, shape)} (param $a i32) (param $b i32) (param $out i32) (param $n i32)`,
    `(local $x v128) ${[...names, ...each((i, j) => `(local $s${i}${j} v128)`)].join(' ')}`,
    ...(shape === TILE ? loop(1) : [odd, ...step(0), ...forward(1), '))', pairs, ...loop(2), '))']),
    ...each((i, j) => `(v128.store offset=${4 * (columns * i + 4 * j)} (local.get $out) (local.get $s${i}${j}))`),
    ')',
  ].join('\n  ');
};
