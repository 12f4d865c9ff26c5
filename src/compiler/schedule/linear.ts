/** How positions depend on loop counters. */
import { mapChildren, type LExpr } from '../loops.ts';
import { at, constantOf, k, keyOf } from './ir.ts';

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

/** A sum: constant + Σ coefficient · atom, where an atom is a counter or something that is no sum itself. */
export interface Linear {
  readonly constant: number;
  readonly terms: readonly { readonly coefficient: number; readonly atom: LExpr }[];
}

export const linearOf = (e: LExpr): Linear => {
  const terms = new Map<string, { coefficient: number; atom: LExpr }>();
  let constant = 0;
  const add = (x: LExpr, factor: number): void => {
    const n = constantOf(x);
    if (n !== undefined) constant += n * factor;
    else if (x.kind === 'binary' && x.type === 'index' && (x.op === 'add' || x.op === 'sub')) {
      add(x.a, factor);
      add(x.b, x.op === 'add' ? factor : -factor);
    } else if (x.kind === 'binary' && x.type === 'index' && x.op === 'mul' && constantOf(x.b) !== undefined)
      add(x.a, factor * constantOf(x.b)!);
    else if (x.kind === 'binary' && x.type === 'index' && x.op === 'mul' && constantOf(x.a) !== undefined)
      add(x.b, factor * constantOf(x.a)!);
    else {
      const key = keyOf(x);
      const known = terms.get(key);
      if (known) known.coefficient += factor;
      else terms.set(key, { coefficient: factor, atom: x });
    }
  };
  add(e, 1);
  return { constant, terms: [...terms.values()].filter((t) => t.coefficient !== 0) };
};
