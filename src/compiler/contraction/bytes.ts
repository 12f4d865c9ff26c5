/**
 * Exact integer contractions whose factors are bytes less a zero point. Bytes are multiplied as they
 * lie in memory, four at a time, and zero points come in afterwards:
 * Σ (a − zₐ)(b − z_b) = Σ ab − z_b Σa − zₐ Σb + K zₐ z_b, all in 32 bits, where what overflows on the
 * way comes back in the end. Padding adds nothing, so as a byte it is the zero point.
 */
import type { Buffer, LExpr } from '../loops.ts';
import { guardsOf, isZero, loadOf, localsOf } from './factor.ts';
import { FEW_ROWS } from './few-rows.ts';
import { planContraction, type Plan, type Surroundings } from './plan.ts';
import { sizeOfAxes, type Contraction, type Tile } from './types.ts';

/** One factor: bytes, read as they are, and what is taken off each of them. */
export interface ByteFactor {
  /** A read of bytes, or 0 outside of an image, typed as what is in memory. */
  readonly raw: LExpr;
  readonly signed: boolean;
  /** In int32. */
  readonly zero: LExpr | undefined;
  readonly guarded: boolean;
}

const isByte = (b: Buffer): boolean => b.dtype === 'uint8' || b.dtype === 'int8';

/** A byte in 32 bits: a zero point, of the same type as what it is taken from, so that it is one of its values. */
const zeroOf = (e: LExpr, dtype: string): LExpr | undefined =>
  e.kind === 'cast' && e.type === 'int32' && e.x.kind === 'read' && e.x.buffer.dtype === dtype ? e : undefined;

/** Reads a factor as bytes less a zero point; undefined if it is something else. */
export const byteFactor = (e: LExpr): ByteFactor | undefined => {
  if (e.kind === 'select' && isZero(e.b) && guardsOf(e.cond)) {
    const inner = byteFactor(e.a);
    if (!inner) return undefined;
    const nothing: LExpr = { kind: 'const', type: inner.raw.type as 'uint8', value: 0 };
    return { ...inner, guarded: true, raw: { kind: 'select', type: inner.raw.type, cond: e.cond, a: inner.raw, b: nothing } };
  }
  if (e.kind === 'binary' && e.op === 'sub' && e.type === 'int32') {
    const inner = byteFactor(e.a);
    const load = inner && loadOf(inner.raw);
    const zero = load && zeroOf(e.b, load.buffer.dtype);
    return inner && zero && !inner.zero && !inner.guarded ? { ...inner, zero } : undefined;
  }
  if (e.kind !== 'cast' || e.type !== 'int32' || e.x.kind !== 'read' || !isByte(e.x.buffer)) return undefined;
  return { raw: e.x, signed: e.x.buffer.dtype === 'int8', zero: undefined, guarded: false };
};

/** The two factors of a plan of bytes. */
export interface ByteSides {
  readonly rows: ByteFactor;
  readonly columns: ByteFactor;
}

const names = (e: LExpr | undefined): ReadonlySet<string> => (e ? localsOf(e) : new Set());

/** Whether a zero point is known where its side is packed, and one number where padding is made of it. */
const isKnown = (f: ByteFactor, moving: readonly { readonly v: { readonly name: string } }[]): boolean => {
  const own = new Set(moving.map((a) => a.v.name));
  return [...names(f.zero)].every((name) => !f.guarded && own.has(name));
};

/** Plans a contraction of bytes; undefined if it is none, or would be no faster. `tile`: rows and columns of 32-bit sums. */
export const planBytes = (c: Contraction, tile: Tile, around: Surroundings): Plan | undefined => {
  const [a, b] = [byteFactor(c.a), byteFactor(c.b)];
  if (c.type !== 'int32' || !a || !b) return undefined;
  // Signs are settled when bytes are packed, so in memory both sides are one type.
  const storage = (x: Buffer): string => (isByte(x) ? tile.type : around.storage(x));
  const plan = planContraction({ ...c, a: a.raw, b: b.raw }, tile, { ...around, storage });
  const sides = plan.columnFactor === b.raw ? { rows: a, columns: b } : { rows: b, columns: a };
  if (plan.a.kind !== 'runs' || plan.b.kind === 'evaluated' || plan.packing === 'within') return undefined;
  if (plan.packing !== 'once' && sizeOfAxes(plan.rows) <= FEW_ROWS) return undefined;
  if (!isKnown(sides.rows, [...plan.rows, ...plan.batch]) || !isKnown(sides.columns, [...plan.columns, ...plan.columnBatch]))
    return undefined;
  return { ...plan, bytes: sides };
};
