/**
 * Merges loops: where every index moves through two nested loops as through one (rows that follow one
 * another in memory), they become one loop. An element-wise op over any rank becomes a single long
 * loop, which is what vector units and schedulers of threads like.
 */
import { affineOf, fromAffine } from './affine.ts';
import { mapChildren, type LExpr, type Local, type Stmt } from './loops.ts';

type For = Extract<Stmt, { kind: 'for' }>;

/** Visits every expression of a statement list; `f` returns what stands in its place. */
export const mapExpressions = (stmts: readonly Stmt[], f: (e: LExpr) => LExpr): Stmt[] =>
  stmts.map((s): Stmt => {
    switch (s.kind) {
      case 'for':
        return { ...s, body: mapExpressions(s.body, f) };
      case 'let':
      case 'set':
        return { ...s, value: f(s.value) };
      case 'var':
        return { ...s, value: s.value && f(s.value) };
      case 'store':
        return { ...s, at: f(s.at), value: f(s.value) };
      case 'if':
        return { ...s, cond: f(s.cond), then: mapExpressions(s.then, f), otherwise: mapExpressions(s.otherwise, f) };
      case 'call':
        return s;
    }
  });

const mentions = (e: LExpr, names: readonly string[]): boolean => {
  if (e.kind === 'local') return names.includes(e.name);
  let found = false;
  mapChildren(e, (c) => {
    found ||= mentions(c, names);
    return c;
  });
  return found;
};

/** One loop in place of `outer` over `inner`, or undefined if some index does not allow it. */
export const mergeLoops = (outer: For, inner: For): For | undefined => {
  const names = [outer.v.name, inner.v.name];
  const v: Local = { kind: 'local', type: 'index', name: `${outer.v.name}_` };
  let fits = true;
  const replace = (e: LExpr): LExpr => {
    if (!fits || !mentions(e, names)) return e;
    const affine = affineOf(e);
    if (!affine) {
      if (e.kind === 'local') fits = false;
      return mapChildren(e, replace);
    }
    const a = affine.terms.get(outer.v.name)?.coefficient ?? 0;
    const b = affine.terms.get(inner.v.name)?.coefficient ?? 0;
    if (a !== b * inner.extent) {
      fits = false;
      return e;
    }
    const terms = new Map(affine.terms);
    terms.delete(outer.v.name);
    terms.delete(inner.v.name);
    terms.set(v.name, { local: v, coefficient: b });
    return fromAffine({ constant: affine.constant, terms });
  };
  const body = mapExpressions(inner.body, replace);
  if (!fits) return undefined;
  const parallel = Math.min(outer.grain ?? Infinity, inner.grain ?? Infinity);
  return {
    kind: 'for',
    v,
    extent: outer.extent * inner.extent,
    parallel: outer.parallel,
    body,
    ...(outer.unroll && inner.unroll ? { unroll: true } : {}),
    ...(parallel < Infinity ? { grain: parallel } : {}),
    ...(outer.fixed ? { fixed: true } : {}),
  };
};

export const flattenLoops = (stmts: readonly Stmt[]): Stmt[] =>
  stmts.map((s): Stmt => {
    if (s.kind === 'if') return { ...s, then: flattenLoops(s.then), otherwise: flattenLoops(s.otherwise) };
    if (s.kind !== 'for') return s;
    const body = flattenLoops(s.body);
    const [only] = body;
    const loop: For = { ...s, body };
    if (body.length !== 1 || only?.kind !== 'for' || only.parallel !== s.parallel) return loop;
    return mergeLoops(loop, only) ?? loop;
  });
