/**
 * Expressions as C vectors: the values for `lanes` neighbouring indices of one axis, written with
 * vector extensions. What differs between lanes only in a way memory has no vectors for is left to loops.
 */
import { affineOf, type Affine } from '../affine.ts';
import type { BinaryOp } from '../expr.ts';
import type { Buffer, LExpr } from '../loops.ts';
import { coefficient, localsOf } from './factor.ts';
import type { Axis, Tile } from './types.ts';

/** Vector types, and the larger and smaller of two vectors: NaN where either is. */
export const extremeHelper = ({ type: T, bytes, vectorBytes }: Tile): string =>
  `typedef int${bytes * 8}_t B_${T} __attribute__((vector_size(${vectorBytes}), may_alias));
INLINE V_${T} vmax_${T}(V_${T} a, V_${T} b) { const B_${T} m = (b > a) | (b != b); return (V_${T})((m & (B_${T})b) | (~m & (B_${T})a)); }
INLINE V_${T} vmin_${T}(V_${T} a, V_${T} b) { const B_${T} m = (b < a) | (b != b); return (V_${T})((m & (B_${T})b) | (~m & (B_${T})a)); }`;

const infix: Partial<Record<BinaryOp, string>> = { add: '+', sub: '-', mul: '*', div: '/' };

export type Read = Extract<LExpr, { kind: 'read' }>;

export interface VectorScope {
  readonly tile: Tile;
  /** Lanes are neighbours along this axis. */
  readonly axis: Axis;
  /** Address of the first lane of a read that runs along the axis. */
  readonly address: (read: Read, at: Affine) => string;
  /** What all lanes have. */
  readonly even: (e: LExpr) => string;
  /** Names of what is a vector already. */
  readonly vectors: ReadonlyMap<string, string>;
  /** C type of a buffer's elements. */
  readonly storage: (b: Buffer) => string;
}

interface Text {
  readonly text: string;
  readonly isVector: boolean;
}

/** The vector (or the scalar all lanes have), or undefined. */
const write = (e: LExpr, s: VectorScope): Text | undefined => {
  const known = e.kind === 'local' ? s.vectors.get(e.name) : undefined;
  if (known) return { text: known, isVector: true };
  const names = localsOf(e);
  const even = !names.has(s.axis.v.name) && [...names].every((n) => !s.vectors.has(n));
  if (even) return { text: `(${s.tile.type})${s.even(e)}`, isVector: false };
  if (e.kind === 'read') {
    const at = affineOf(e.at);
    if (!at || coefficient(at, s.axis) !== 1 || s.storage(e.buffer) !== s.tile.type) return undefined;
    return { text: `(*(const U_${s.tile.type}*)(${s.address(e, at)}))`, isVector: true };
  }
  if (e.kind === 'cast') return e.type === e.x.type ? write(e.x, s) : undefined;
  if (e.kind !== 'binary') return undefined;
  const [a, b] = [write(e.a, s), write(e.b, s)];
  if (!a || !b) return undefined;
  const symbol = infix[e.op];
  if (symbol) return { text: `(${a.text} ${symbol} ${b.text})`, isVector: true };
  if (e.op !== 'max' && e.op !== 'min') return undefined;
  const spread = (x: Text): string => (x.isVector ? x.text : `((V_${s.tile.type}){0} + ${x.text})`);
  return { text: `v${e.op}_${s.tile.type}(${spread(a)}, ${spread(b)})`, isVector: true };
};

/** The value of an expression in all lanes as C text; undefined if it has none. */
export const vectorText = (e: LExpr, scope: VectorScope): string | undefined => {
  const made = write(e, scope);
  return made && (made.isVector ? made.text : `((V_${scope.tile.type}){0} + ${made.text})`);
};
