/** Axes of loop nests, and what expressions depend on. */
import { mapChildren, type LExpr, type Local } from '../loops.ts';

/** A counter with a known extent. */
export interface Axis {
  readonly v: Local;
  readonly extent: number;
}

export const extentOf = (axes: readonly Axis[]): number => axes.reduce((n, a) => n * a.extent, 1);

/** Positions in several axes from one number that counts through all of them, the last one fastest. */
export const unravel = (
  axes: readonly Axis[],
  position: LExpr,
  div: (e: LExpr, n: number) => LExpr,
  mod: (e: LExpr, n: number) => LExpr,
): Map<string, LExpr> => {
  const values = new Map<string, LExpr>();
  let rest = position;
  for (let i = axes.length - 1; i >= 0; i--) {
    const { v, extent } = axes[i]!;
    values.set(v.name, i === 0 ? rest : mod(rest, extent));
    rest = div(rest, extent);
  }
  return values;
};

/** Names of the locals an expression uses. */
export const localsOf = (e: LExpr, into = new Set<string>()): Set<string> => {
  if (e.kind === 'local') into.add(e.name);
  else
    mapChildren(e, (c) => {
      localsOf(c, into);
      return c;
    });
  return into;
};
