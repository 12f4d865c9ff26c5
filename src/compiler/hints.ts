/**
 * Hints: what an op's author knows of a tensor and no chip can see. A chip may use them or leave them;
 * whatever it does, the same is calculated. They are given for an op (`hints` of its record: its outputs)
 * or for a tensor inside of it (`hinted`).
 *
 * | hint | used by |
 * |---|---|
 * | `unroll` | every chip with a schedule: flagos/cpu, flagos/wasm, flagos/js |
 * | `materialize` | every chip, the reference too: it is decided before there are loops |
 * | `parallel` | flagos/cpu; flagos/wasm shares out by operations alone, the others run on one thread |
 */
import { FlagosError } from '../core/errors.ts';
import type { TensorExpr } from './tensor-expr.ts';

export interface Hints {
  /**
   * Reductions of at most so many terms (a window, the neighbours of a place) are written out term by
   * term. Their extents then are part of the kernel: another extent is another kernel.
   */
  readonly unroll?: number;
  /**
   * True: an element is dear although it looks like plain data movement (its place takes arithmetic), so where
   * elements are read more than once the tensor is kept in memory. False: it is cheap, and calculated wherever it is read.
   */
  readonly materialize?: boolean;
  /** Elements a thread should get at least: few if each is dear. Below, one thread does it all. */
  readonly parallel?: number;
}

const whole = (name: string, n: number | undefined): void => {
  if (n !== undefined && (!Number.isInteger(n) || n < 1))
    throw new FlagosError('FLAGOS_E_SCHEDULE', `hint '${name}' is ${n}, it must be a whole number from 1`);
};

/** Gives a tensor hints, over those it has. @returns the tensor. @throws FLAGOS_E_SCHEDULE */
export const hinted = <T extends TensorExpr>(t: T, hints: Hints): T => {
  whole('unroll', hints.unroll);
  whole('parallel', hints.parallel);
  t.hints = { ...t.hints, ...hints };
  return t;
};

/** Hints for loops that calculate both tensors: of each the one that is asked for most. */
export const together = (a: Hints, b: Hints | undefined): Hints => {
  if (!b) return a;
  const unroll = Math.max(a.unroll ?? 0, b.unroll ?? 0);
  const parallel = Math.min(a.parallel ?? Infinity, b.parallel ?? Infinity);
  return { ...(unroll > 0 ? { unroll } : {}), ...(parallel < Infinity ? { parallel } : {}) };
};
