/**
 * Tiles and microkernels. A microkernel holds rows × vectors of sums in registers and, per step of the
 * reduction, loads one row of a panel and broadcasts one element of each row operand. Written with
 * vector extensions, it reaches the processor's peak wherever the tile fits its registers.
 */
import type { Helper } from '../loops.ts';
import type { Target, Tile } from './types.ts';

const elementBytes: Readonly<Record<string, number>> = { float: 4, int32_t: 4, uint32_t: 4, double: 8, int64_t: 8, uint64_t: 8 };

/** Rows × vectors that leave registers for the operands: measured at 99 % of peak (14×2), the usual choice elsewhere. */
const shapeOf = (target: Target): readonly [number, number] => {
  if (target.registers === 16) return [6, 2];
  return target.vectorBytes === 16 ? [8, 3] : [14, 2];
};

/** The tile for a C element type; undefined if there are no vectors of it. */
export const tileOf = (type: string, target: Target): Tile | undefined => {
  const bytes = elementBytes[type];
  if (!bytes) return undefined;
  const [rows, vectors] = shapeOf(target);
  const lanes = target.vectorBytes / bytes;
  return { type, bytes, vectorBytes: target.vectorBytes, lanes, rows, vectors, columns: vectors * lanes };
};

const list = <T>(n: number, f: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => f(i));

/** Sums in flight below which a reduction step waits for the one before it: then several steps run side by side. */
const IN_FLIGHT = 8;

/** Steps ahead of their use at which panel rows are asked for: panels stream through once per few tiles, faster than the processor fetches them unasked. */
const AHEAD = 64;
const LINE = 64;

/** `mk_<type>_<rows>x<vectors>(nk, ap, kc, ks, b, t)`: t = Σ over nk runs of kc steps; row i of run q is read at ap[q·rows + i][k·ks], panel rows follow each other. */
const microKernel = (tile: Tile, rows: number, vectors: number): string => {
  const { type: T, lanes, columns: bs } = tile;
  const lines = Math.ceil((vectors * tile.vectorBytes) / LINE);
  const streams = rows * vectors < IN_FLIGHT ? Math.min(4, Math.ceil(IN_FLIGHT / (rows * vectors))) : 1;
  const each = (f: (i: number, j: number) => string): string => list(rows, (i) => list(vectors, (j) => f(i, j)).join(' ')).join('\n    ');
  const step = (s: number): string =>
    [
      ...list(lines, (j) => `__builtin_prefetch(b + ${(s + AHEAD) * bs + (j * LINE) / tile.bytes});`),
      ...list(vectors, (j) => `const V_${T} b${j} = *(const U_${T}*)(b + ${s * bs + j * lanes});`),
      ...list(
        rows,
        (i) => `{ const ${T} x = a${i}[q${s ? ` + ${s} * ks` : ''}]; ${list(vectors, (j) => `s${s}_${i}_${j} += x * b${j};`).join(' ')} }`,
      ),
    ].join('\n      ');
  return `static void mk_${T}_${rows}x${vectors}(i64 nk, const ${T}* const* restrict ap, i64 kc, i64 ks, const ${T}* restrict b, ${T}* restrict t) {
  V_${T} ${list(streams, (s) => list(rows, (i) => list(vectors, (j) => `s${s}_${i}_${j} = {0}`).join(', ')).join(', ')).join(', ')};
  do {
    ${list(rows, (i) => `const ${T}* a${i} = ap[${i}];`).join(' ')}
    ap += ${rows};
    i64 q = 0, k = kc;
${
  streams > 1
    ? `    for (; k >= ${streams}; k -= ${streams}) {
      ${list(streams, (s) => `{ ${step(s)} }`).join('\n      ')}
      b += ${streams * bs}; q += ${streams} * ks;
    }
`
    : ''
}    for (; k > 0; k--) {
      ${step(0)}
      b += ${bs}; q += ks;
    }
  } while (--nk > 0);
    ${each((i, j) => `*(V_${T}*)(t + ${(i * vectors + j) * lanes}) = ${list(streams, (s) => `s${s}_${i}_${j}`).join(' + ')};`)}
}`;
};

/** Vector types of an element type. `U_` may stand anywhere in memory and alias its elements. */
export const vectorTypes = ({ type: T, bytes, vectorBytes }: Tile): string =>
  `typedef ${T} V_${T} __attribute__((vector_size(${vectorBytes}), may_alias));
typedef ${T} U_${T} __attribute__((vector_size(${vectorBytes}), aligned(${bytes}), may_alias));`;

/** Text that is long, and the same for all stages of a tile, is made once. */
const oncePerTile = <T>(make: (tile: Tile) => T): ((tile: Tile) => T) => {
  const made = new Map<string, T>();
  return (tile) => {
    const key = [tile.type, tile.vectorBytes, tile.rows, tile.vectors].join();
    const known = made.get(key) ?? make(tile);
    made.set(key, known);
    return known;
  };
};

/** The microkernels of a tile, for every number of rows and vectors up to its own: edges are computed at their own size. */
export const microKernels = oncePerTile((tile: Tile): readonly Helper[] => {
  const { type: T } = tile;
  const sizes = list(tile.vectors, (v) => list(tile.rows, (r) => [r + 1, v + 1] as const));
  const table = `HIDDEN void (*const mk_${T}[${tile.vectors}][${tile.rows}])(i64, const ${T}* const*, i64, i64, const ${T}*, ${T}*)`;
  const names = sizes.map((row) => `{${row.map(([r, v]) => `mk_${T}_${r}x${v}`).join(', ')}}`).join(', ');
  return [
    vectorTypes(tile),
    {
      needs: [vectorTypes(tile)],
      declaration: `extern ${table};`,
      definition: [...sizes.flat().map(([r, v]) => microKernel(tile, r, v)), `${table} = {${names}};`].join('\n'),
    },
  ];
});

/** Interleaving halves log2(lanes) times turns rows into columns: the lines that do it, and the names they end in. */
const interleave = (T: string, lanes: number): { lines: string[]; names: string[] } => {
  const lines: string[] = [];
  let names = list(lanes, (i) => `r${i}`);
  for (let level = 0; 1 << level < lanes; level++) {
    const next = list(lanes, (i) => `s${level}_${i}`);
    for (let i = 0; i < lanes / 2; i++) {
      const [a, b] = [names[i]!, names[i + lanes / 2]!];
      lines.push(`const V_${T} ${next[2 * i]!} = SHUFFLE_${T}(${a}, ${b}, ${list(lanes, (l) => (l >> 1) + (l & 1) * lanes).join(', ')});`);
      lines.push(
        `const V_${T} ${next[2 * i + 1]!} = SHUFFLE_${T}(${a}, ${b}, ${list(lanes, (l) => (l >> 1) + lanes / 2 + (l & 1) * lanes).join(', ')});`,
      );
    }
    names = next;
  }
  return { lines, names };
};

/** What transposing takes: vector types, shuffles, and `turn_<type>(a, b, ys)`: y rows, `ys` apart, are the columns of the lanes × lanes block whose rows start at x[0], x[1], … */
const shuffles = ({ type: T, bytes, vectorBytes, lanes }: Tile): string => {
  const { lines, names } = interleave(T, lanes);
  return `#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE_${T}(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int${8 * bytes}_t M_${T} __attribute__((vector_size(${vectorBytes})));
#define SHUFFLE_${T}(a, b, ...) __builtin_shuffle(a, b, (M_${T}){__VA_ARGS__})
#endif
#define TURN_${T}(ROW, TO) { ${list(lanes, (i) => `const V_${T} r${i} = *(const U_${T}*)(ROW(${i}));`).join(' ')} ${lines.join(' ')} ${list(lanes, (i) => `*(U_${T}*)(TO(${i})) = ${names[i]!};`).join(' ')} }`;
};

/** `pack_columns_<type>(src, n, dst)`: column j of the panel dst is src[j][0 … n). */
export const columnPacker = oncePerTile((tile: Tile): readonly string[] => {
  const { type: T, lanes, columns } = tile;
  return [
    vectorTypes(tile),
    shuffles(tile),
    `static void pack_columns_${T}(const ${T}* const* src, i64 n, ${T}* restrict dst) {
  i64 k = 0;
#define ROW(i) src[j + i] + k
#define TO(i) dst + (k + i) * ${columns} + j
  for (; k + ${lanes} <= n; k += ${lanes}) for (i64 j = 0; j < ${columns}; j += ${lanes}) TURN_${T}(ROW, TO)
#undef ROW
#undef TO
  for (; k < n; k++) for (i64 j = 0; j < ${columns}; j++) dst[k * ${columns} + j] = src[j][k];
}`,
  ];
});

/** `transpose_<type>(x, xs, y, ys, rows, cols)`: y[c · ys + r] = x[r · xs + c]. */
export const transposer = oncePerTile((tile: Tile): readonly string[] => {
  const { type: T, lanes } = tile;
  return [
    vectorTypes(tile),
    shuffles(tile),
    // Few rows (colour channels) are interleaved: constant steps let the compiler use shuffles.
    ...[2, 3, 4].map(
      (n) => `static void interleave${n}_${T}(const ${T}* x, i64 xs, ${T}* restrict y, i64 cols) {
  for (i64 c = 0; c < cols; c++) { ${list(n, (r) => `y[${n} * c + ${r}] = x[${r} * xs + c];`).join(' ')} }
}`,
    ),
    `static void transpose_${T}(const ${T}* x, i64 xs, ${T}* restrict y, i64 ys, i64 rows, i64 cols) {
${[2, 3, 4].map((n) => `  if (rows == ${n} && ys == ${n}) { interleave${n}_${T}(x, xs, y, cols); return; }`).join(' ')}
  if (rows < ${lanes}) {
    for (i64 r = 0; r < rows; r++) for (i64 c = 0; c < cols; c++) y[c * ys + r] = x[r * xs + c];
    return;
  }
  i64 c = 0;
#define ROW(i) x + (r + i) * xs + c
#define TO(i) y + (c + i) * ys + r
  for (; c + ${lanes} <= cols; c += ${lanes}) {
    i64 r = 0;
    for (; r + ${lanes} <= rows; r += ${lanes}) TURN_${T}(ROW, TO)
    for (; r < rows; r++) for (i64 i = 0; i < ${lanes}; i++) y[(c + i) * ys + r] = x[r * xs + c + i];
  }
#undef ROW
#undef TO
  for (; c < cols; c++) for (i64 r = 0; r < rows; r++) y[c * ys + r] = x[r * xs + c];
}`,
  ];
});
