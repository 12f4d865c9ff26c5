/** Index expressions as sums: constant + Σ coefficient · local. What cannot be written so is not affine. */
import { ix, type LExpr, type Local } from './loops.ts';

export interface Affine {
  readonly constant: number;
  /** Coefficient by local's name; zero coefficients are left out. */
  readonly terms: ReadonlyMap<string, { readonly local: Local; readonly coefficient: number }>;
}

const scaled = (a: Affine, k: number): Affine => ({
  constant: a.constant * k,
  terms: k === 0 ? new Map() : new Map([...a.terms].map(([n, t]) => [n, { local: t.local, coefficient: t.coefficient * k }])),
});

const added = (a: Affine, b: Affine): Affine => {
  const terms = new Map(a.terms);
  for (const [name, t] of b.terms) {
    const coefficient = (terms.get(name)?.coefficient ?? 0) + t.coefficient;
    if (coefficient === 0) terms.delete(name);
    else terms.set(name, { local: t.local, coefficient });
  }
  return { constant: a.constant + b.constant, terms };
};

/** The affine form of an index expression; undefined if it has none. */
export const affineOf = (e: LExpr): Affine | undefined => {
  if (e.type !== 'index') return undefined;
  if (e.kind === 'const') return { constant: Number(e.value), terms: new Map() };
  if (e.kind === 'local') return { constant: 0, terms: new Map([[e.name, { local: e, coefficient: 1 }]]) };
  if (e.kind !== 'binary') return undefined;
  const a = affineOf(e.a);
  const b = affineOf(e.b);
  if (!a || !b) return undefined;
  if (e.op === 'add') return added(a, b);
  if (e.op === 'sub') return added(a, scaled(b, -1));
  if (e.op !== 'mul') return undefined;
  if (a.terms.size === 0) return scaled(b, a.constant);
  return b.terms.size === 0 ? scaled(a, b.constant) : undefined;
};

/** Back to an expression; locals in the order given, so that outer loops' parts stand first and can be hoisted. */
export const fromAffine = ({ constant, terms }: Affine, order: readonly string[] = []): LExpr => {
  const rank = (name: string): number => (order.indexOf(name) < 0 ? order.length : order.indexOf(name));
  const sorted = [...terms].sort(([a], [b]) => rank(a) - rank(b));
  return sorted.reduce<LExpr>((e, [, t]) => ix.add(e, ix.mul(t.local, t.coefficient)), ix.k(constant));
};
