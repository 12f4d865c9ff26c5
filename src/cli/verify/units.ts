/** The units of a sweep, and its parts. */
import type { DType } from '../../core/dtype.ts';
import { opName } from '../../core/graph.ts';
import type { OpRecord } from '../../ops/define.ts';
import { hashOf } from '../../opmanager/verify/random.ts';
import { usageError } from '../args/option.ts';
import { dtypesOf, notVerified } from './catalogue.ts';

/** A chip whose kernels are verified. */
export interface OpChip {
  readonly id: string;
  /** What of its provider must stay as it is for rows to count. */
  readonly fingerprint: string;
  /** The chip's own fingerprint. */
  readonly chip: string;
}

export interface Shard {
  /** From 0. */
  readonly index: number;
  readonly of: number;
}

/** `2/4` → the second of four. @throws FLAGOS_E_USAGE */
export const parseShard = (value: string): Shard => {
  const [, i, n] = /^(\d+)\/(\d+)$/.exec(value) ?? [];
  const [index, of] = [Number(i) - 1, Number(n)];
  if (!(index >= 0 && index < of)) throw usageError(`--shard '${value}' is no part`, 'write 1/4 for the first of four');
  return { index, of };
};

/** A part of some units. */
export const shardOf = (units: readonly string[], shard: Shard | undefined): string[] =>
  units.filter((name) => shard === undefined || hashOf(name) % shard.of === shard.index);

/** `<chip> <op>/<type>`; a part is chosen by the hash of that, so that parts never overlap and none is left out. */
export const unitsOf = (
  records: readonly OpRecord[],
  chips: readonly OpChip[],
  dtypes: readonly DType[] | undefined,
  shard: Shard | undefined,
): string[] =>
  shardOf(
    chips.flatMap((chip) =>
      records
        .filter((r) => notVerified(r) === undefined)
        .flatMap((r) =>
          dtypesOf(r)
            .filter((d) => dtypes?.includes(d) ?? true)
            .map((d) => `${chip.id} ${opName(r.domain, r.name)}/${d}`),
        ),
    ),
    shard,
  );
