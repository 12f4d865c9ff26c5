/** How far two results of one kernel on the same inputs are apart. */
import { precisionOf, spacingAt } from '../accuracy/precision.ts';
import { compareValues } from '../core/compare.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { digestOf } from './alarms.ts';
import type { Oracle } from './oracle.ts';
import type { Spread } from './spread.ts';

export const noSpread: Spread = { maxAbs: 0, rms: 0, relative: 0, classMismatches: 0 };

/** The larger of each. */
export const farther = (a: Spread, b: Spread): Spread => ({
  maxAbs: Math.max(a.maxAbs, b.maxAbs),
  rms: Math.max(a.rms, b.rms),
  relative: Math.max(a.relative, b.relative),
  classMismatches: Math.max(a.classMismatches, b.classMismatches),
});

export const sameBits = (a: Value | undefined, b: Value | undefined): boolean =>
  a instanceof Tensor && b instanceof Tensor && !Array.isArray(a.data)
    ? a.dtype === b.dtype && a.dims.join() === b.dims.join() && digestOf(a) === digestOf(b)
    : compareValues(a, b ?? null, { rtol: 0, atol: 0 }).ok;

/** Largest distance in spacings of the type at the first; 0 for what is no float. */
export const ulpsApart = (a: Value | undefined, first: Value | undefined): number => {
  if (!(a instanceof Tensor) || !(first instanceof Tensor)) return 0;
  const p = precisionOf(first.dtype);
  if (!p) return 0;
  const [x, y] = [a.toNumbers(), first.toNumbers()];
  let most = 0;
  for (let i = 0; i < y.length; i++)
    if (Number.isFinite(x[i]!) && Number.isFinite(y[i]!)) most = Math.max(most, Math.abs(x[i]! - y[i]!) / spacingAt(y[i]!, p));
  return most;
};

/**
 * Largest difference of later results to the first, over what the error model allows one of them; Infinity for
 * what must be exact. Disposes of the oracle.
 */
export const etaApart = async (
  oracle: Oracle,
  inputs: readonly Value[],
  first: readonly (Value | undefined)[],
  others: readonly (readonly Value[])[],
): Promise<number> => {
  try {
    const bounds = await oracle.evaluate(inputs);
    let most = 0;
    for (const made of others)
      made.forEach((v, i) => {
        const f = first[i];
        if (sameBits(v, f)) return;
        const allowed = bounds[i]?.allowed?.standard;
        if (!allowed || !(v instanceof Tensor) || !(f instanceof Tensor)) {
          most = Infinity;
          return;
        }
        const [x, y] = [v.toNumbers(), f.toNumbers()];
        // NaN and infinities are counted as classes.
        for (let k = 0; k < y.length; k++)
          if (x[k] !== y[k] && Number.isFinite(x[k]! - y[k]!)) most = Math.max(most, Math.abs(x[k]! - y[k]!) / allowed[k]!);
      });
    return most;
  } finally {
    await oracle.dispose();
  }
};
