/** How positions depend on loop counters. */
import { mapChildren, type LExpr } from '../loops.ts';
import { at, constantOf, k } from './ir.ts';

/** Names of locals whose values change with a counter (or other local): itself, and what is computed from it. */
export type Varying = ReadonlySet<string>;

export const mentions = (e: LExpr, names: ReadonlySet<string>): boolean => {
  if (e.kind === 'const') return false;
  if (e.kind === 'local') return names.has(e.name);
  let found = false;
  mapChildren(e, (c) => {
    found ||= mentions(c, names);
    return c;
  });
  return found;
};

/**
 * e = coefficient · v + rest, with a coefficient that is a number; undefined if it is not of that form.
 * @param varying what changes with v: without it, v alone.
 */
export const coefficientOf = (e: LExpr, v: string, varying: Varying = new Set([v])): number | undefined => {
  if (e.kind === 'local' && e.name === v) return 1;
  if (!mentions(e, varying)) return 0;
  if (e.kind !== 'binary' || e.type !== 'index') return undefined;
  if (e.op === 'add' || e.op === 'sub') {
    const [a, b] = [coefficientOf(e.a, v, varying), coefficientOf(e.b, v, varying)];
    return a === undefined || b === undefined ? undefined : e.op === 'add' ? a + b : a - b;
  }
  if (e.op !== 'mul') return undefined;
  const [x, y] = [constantOf(e.a), constantOf(e.b)];
  if (y !== undefined) return scaled(coefficientOf(e.a, v, varying), y);
  return x === undefined ? undefined : scaled(coefficientOf(e.b, v, varying), x);
};

const scaled = (c: number | undefined, n: number): number | undefined => (c === undefined ? undefined : c * n);

/** e with a local set to 0; only for expressions in which {@link coefficientOf} finds a coefficient. */
export const without = (e: LExpr, v: string): LExpr => {
  if (e.kind === 'local') return e.name === v ? k(0) : e;
  if (e.kind !== 'binary' || e.type !== 'index') return e;
  const [a, b] = [without(e.a, v), without(e.b, v)];
  if (e.op === 'add') return at.add(a, b);
  if (e.op === 'sub') return at.sub(a, b);
  if (e.op !== 'mul') return e;
  const n = constantOf(b);
  return n === undefined ? at.mul(b, constantOf(a)!) : at.mul(a, n);
};
