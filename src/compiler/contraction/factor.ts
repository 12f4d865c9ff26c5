/**
 * Reads one factor of a contraction: a load at an affine position, perhaps only where guards hold and
 * zero elsewhere (padding), perhaps cast on the way. What is none of this is evaluated element by
 * element when it is packed.
 */
import { affineOf, type Affine } from '../affine.ts';
import type { Buffer, LExpr } from '../loops.ts';

export interface Load {
  readonly buffer: Buffer;
  readonly at: Affine;
  /** The load stands where all of these are ≥ 0; elsewhere the factor is zero. */
  readonly guards: readonly Affine[];
  /** The element from the value in memory; undefined where it is that value. */
  readonly convert: ((x: LExpr) => LExpr) | undefined;
}

/** a − b − k as an affine form. */
const difference = (a: LExpr, b: LExpr, k: number): Affine | undefined => {
  const d = affineOf({ kind: 'binary', type: 'index', op: 'sub', a, b });
  return d && { constant: d.constant - k, terms: d.terms };
};

/** A condition as affine forms that must all be ≥ 0; undefined if it is not of that kind. */
export const guardsOf = (e: LExpr): Affine[] | undefined => {
  if (e.kind === 'const') return e.value ? [] : undefined;
  if (e.kind !== 'binary') return undefined;
  if (e.op === 'and') {
    const [a, b] = [guardsOf(e.a), guardsOf(e.b)];
    return a && b && [...a, ...b];
  }
  if (e.a.type !== 'index') return undefined;
  const one = (g: Affine | undefined): Affine[] | undefined => g && [g];
  if (e.op === 'ge') return one(difference(e.a, e.b, 0));
  if (e.op === 'gt') return one(difference(e.a, e.b, 1));
  if (e.op === 'le') return one(difference(e.b, e.a, 0));
  return e.op === 'lt' ? one(difference(e.b, e.a, 1)) : undefined;
};

export const isZero = (e: LExpr): boolean => (e.kind === 'const' && Number(e.value) === 0) || (e.kind === 'cast' && isZero(e.x));

/** The factor as a guarded load; undefined if it is more than that. */
export const loadOf = (e: LExpr): Load | undefined => {
  if (e.kind === 'read') {
    const at = affineOf(e.at);
    return at && { buffer: e.buffer, at, guards: [], convert: undefined };
  }
  if (e.kind === 'cast') {
    const inner = loadOf(e.x);
    return inner && { ...inner, convert: (x) => ({ ...e, x: inner.convert ? inner.convert(x) : x }) };
  }
  if (e.kind === 'select' && isZero(e.b)) {
    const [guards, inner] = [guardsOf(e.cond), loadOf(e.a)];
    return guards && inner && { ...inner, guards: [...guards, ...inner.guards] };
  }
  return undefined;
};

/** Names of locals an expression depends on. */
export const localsOf = (e: LExpr, into = new Set<string>()): Set<string> => {
  switch (e.kind) {
    case 'const':
      break;
    case 'local':
      into.add(e.name);
      break;
    case 'read':
      localsOf(e.at, into);
      break;
    case 'unary':
    case 'cast':
    case 'bitcast':
      localsOf(e.x, into);
      break;
    case 'binary':
      localsOf(e.a, into);
      localsOf(e.b, into);
      break;
    case 'select':
      localsOf(e.cond, into);
      localsOf(e.a, into);
      localsOf(e.b, into);
      break;
  }
  return into;
};

export const coefficient = (a: Affine, axis: { readonly v: { readonly name: string } }): number =>
  a.terms.get(axis.v.name)?.coefficient ?? 0;
