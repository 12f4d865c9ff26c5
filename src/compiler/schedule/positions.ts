/**
 * Positions in terms of one counter over several axes. Where an expression moves through all of them
 * as through one row (a store to a dense tensor), it becomes a plain multiple of that counter;
 * elsewhere each axis is divided out of it.
 */
import type { LExpr } from '../loops.ts';
import { mapChildren } from '../loops.ts';
import { at } from './ir.ts';
import { coefficientOf, mentions, without } from './linear.ts';
import { unravel, type Axis } from './nests.ts';

/** Rewrites expressions over `axes` into expressions over one `position`. */
export const alongOne = (axes: readonly Axis[], position: LExpr): ((e: LExpr) => LExpr) => {
  const names = new Set(axes.map((a) => a.v.name));
  const values = unravel(axes, position, at.div, at.mod);
  const rewrite = (e: LExpr): LExpr => {
    if (e.kind === 'const' || !mentions(e, names)) return e;
    if (e.type === 'index' && e.kind === 'binary') {
      const stride = commonStride(e, axes);
      if (stride !== undefined)
        return at.add(
          axes.reduce<LExpr>((rest, a) => without(rest, a.v.name), e),
          at.mul(position, stride),
        );
    }
    if (e.kind === 'local') return values.get(e.name) ?? e;
    return mapChildren(e, rewrite);
  };
  return rewrite;
};

/** The number s with e = s · position + rest, where there is one. */
const commonStride = (e: LExpr, axes: readonly Axis[]): number | undefined => {
  const strides = axes.map((a) => coefficientOf(e, a.v.name));
  const innermost = strides.at(-1);
  let expected = innermost;
  for (let i = axes.length - 1; i >= 0; i--) {
    if (expected === undefined || strides[i] !== expected) return undefined;
    expected *= axes[i]!.extent;
  }
  return innermost;
};
