/**
 * Straight-line statements as one expression: names are replaced by what they stand for, branches
 * become `select`. It undoes what lowering does for speed, so that index arithmetic and guards can be
 * read off; what is rendered from it is computed once per packed element, not once per use.
 */
import { mapChildren, type LExpr, type Stmt } from '../loops.ts';

/** What names stand for. */
export type Meanings = Map<string, LExpr>;

export const substitute = (e: LExpr, meanings: ReadonlyMap<string, LExpr>): LExpr =>
  e.kind === 'local' ? (meanings.get(e.name) ?? e) : mapChildren(e, (c) => substitute(c, meanings));

const truth = (e: LExpr): boolean | undefined => (e.kind === 'const' && typeof e.value === 'boolean' ? e.value : undefined);

const choose = (cond: LExpr, a: LExpr, b: LExpr): LExpr => {
  const known = truth(cond);
  if (known !== undefined) return known ? a : b;
  if (truth(b) === false) return truth(a) ? cond : { kind: 'binary', type: 'bool', op: 'and', a: cond, b: a };
  if (truth(a)) return { kind: 'binary', type: 'bool', op: 'or', a: cond, b };
  return { kind: 'select', type: a.type, cond, a, b };
};

/**
 * Adds to `meanings` what statements assign.
 * @returns whether the statements are straight-line: no loops, no stores.
 */
export const purify = (stmts: readonly Stmt[], meanings: Meanings): boolean => {
  for (const s of stmts) {
    if (s.kind === 'let' || s.kind === 'set') meanings.set(s.local.name, substitute(s.value, meanings));
    else if (s.kind === 'var') {
      if (s.value) meanings.set(s.local.name, substitute(s.value, meanings));
    } else if (s.kind === 'if') {
      const cond = substitute(s.cond, meanings);
      const [then, otherwise] = [new Map(meanings), new Map(meanings)];
      if (!purify(s.then, then) || !purify(s.otherwise, otherwise)) return false;
      for (const [name, a] of then) {
        const b = otherwise.get(name);
        if (b && a !== b) meanings.set(name, choose(cond, a, b));
      }
    } else return false;
  }
  return true;
};
