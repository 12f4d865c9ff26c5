/** Guards: conditions on loop counters under which something is read, and zero (or another value) stands in its place elsewhere. */
import { mapChildren, type LExpr } from '../loops.ts';
import { at, k } from './ir.ts';

/** A condition as `slack ≥ 0`, slack being an index expression; undefined if it is not of that kind. */
export const slackOf = (e: LExpr): LExpr | undefined => {
  if (e.kind !== 'binary' || e.a.type !== 'index') return undefined;
  switch (e.op) {
    case 'ge':
      return at.sub(e.a, e.b);
    case 'le':
      return at.sub(e.b, e.a);
    case 'gt':
      return at.sub(at.sub(e.a, e.b), k(1));
    case 'lt':
      return at.sub(at.sub(e.b, e.a), k(1));
    default:
      return undefined;
  }
};

export const conjuncts = (e: LExpr): LExpr[] => (e.kind === 'binary' && e.op === 'and' ? [...conjuncts(e.a), ...conjuncts(e.b)] : [e]);
export const conjunction = (list: readonly LExpr[]): LExpr | undefined =>
  list.length === 0 ? undefined : list.reduce((a, b) => ({ kind: 'binary', type: 'bool', op: 'and', a, b }));

/** Conditions under which an expression is what {@link unguarded} says: those of all `select`s in it. */
export const guardsOf = (e: LExpr): LExpr[] => {
  const found: LExpr[] = [];
  const visit = (x: LExpr): LExpr => {
    if (x.kind === 'select') found.push(...conjuncts(x.cond));
    if (x.kind === 'select') visit(x.a);
    else mapChildren(x, visit);
    return x;
  };
  visit(e);
  return found;
};

/** An expression where all of its guards hold. */
export const unguarded = (e: LExpr): LExpr => (e.kind === 'select' ? unguarded(e.a) : mapChildren(e, unguarded));
