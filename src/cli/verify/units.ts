/** The units of a sweep, and its parts. */
import type { DType } from '../../core/dtype.ts';
import { opName } from '../../core/graph.ts';
import type { OpRecord } from '../../ops/define.ts';
import { hashOf } from '../../opmanager/verify/random.ts';
import { usageError } from '../args/option.ts';
import { opSet } from '../../ops/index.ts';
import { callsOf, dtypesOf, idsOf, notVerified } from './catalogue.ts';
import type { UnitResult } from './unit.ts';

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

/** `<chip> <op>/<type>`; a part is chosen by the hash of that, so that parts never overlap and none is left out. */
export const unitsOf = (
  records: readonly OpRecord[],
  chips: readonly OpChip[],
  dtypes: readonly DType[] | undefined,
  shard: Shard | undefined,
): string[] =>
  chips
    .flatMap((chip) =>
      records
        .filter((r) => notVerified(r) === undefined)
        .flatMap((r) =>
          dtypesOf(r)
            .filter((d) => dtypes?.includes(d) ?? true)
            .map((d) => `${chip.id} ${opName(r.domain, r.name)}/${d}`),
        ),
    )
    .filter((name) => shard === undefined || hashOf(name) % shard.of === shard.index);

/** The cases of a unit, each a unit by itself. */
export const casesOfUnit = (name: string): string[] => {
  const space = name.indexOf(' ');
  const slash = name.lastIndexOf('/');
  const [chip, op, dtype] = [name.slice(0, space), name.slice(space + 1, slash), name.slice(slash + 1) as DType];
  const record = opSet.records.find((r) => opName(r.domain, r.name) === op);
  return record ? callsOf(record, opSet, dtype).flatMap((call) => idsOf(call, dtype).map((id) => `${chip} ${id}`)) : [];
};

/** One result of the parts of a unit that was lost as a whole; lost again only if one of them was. */
export const joinParts = (unit: UnitResult, parts: readonly UnitResult[]): UnitResult => {
  const again = parts.find((p) => p.lost);
  const refused: Record<string, number> = {};
  for (const p of parts) for (const [reason, n] of Object.entries(p.refused)) refused[reason] = (refused[reason] ?? 0) + n;
  return {
    name: unit.name,
    verdicts: parts.flatMap((p) => p.verdicts),
    refused,
    notAllowed: Math.max(0, ...parts.map((p) => p.notAllowed)),
    ms: unit.ms,
    ...(again ? { lost: { status: again.lost!.status, reason: `${again.name}: ${again.lost!.reason}` } } : {}),
  };
};
