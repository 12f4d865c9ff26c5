/**
 * What a lock file holds: which kernel runs each signature, and how whole graphs are cut into regions, with the
 * versions and chips it was locked with.
 */
import { FlagosError } from '../core/errors.ts';
import type { Decision } from './decision.ts';
import { chipOf, type ChipIdentity } from './tables/snapshot.ts';

/** Version 1 had no plans. */
export const LOCK_VERSION = 2;

export interface LockedKernel {
  readonly kernel: string;
  /** Of its provider and of its chip, as rows of evidence have them. */
  readonly fingerprint: string;
  readonly chip: string;
}

export interface LockEntry extends LockedKernel {
  /** Nodes of that signature that run by another kernel, because of where their operands are. */
  readonly nodes?: Readonly<Record<string, LockedKernel>>;
}

/** By signature. */
export type LockEntries = Readonly<Record<string, LockEntry>>;

/** Of a chip, as rows of evidence have it. */
export type LockedChip = Pick<LockedKernel, 'fingerprint' | 'chip'>;

/** A region of a locked plan. */
export interface LockedRegion {
  /** Its nodes, as positions in the graph: `0-11,14`. */
  readonly nodes: string;
  /** Of the code that runs it, where its chip says so; see `Prepared.code`. */
  readonly code?: string;
}

/** A graph as it was planned: regions and implementations, so that another process makes the same of it, whatever it knows of times. */
export interface LockedPlan {
  /** Which chip and variant runs each node, as `dispatch/plan-text.ts` writes it. */
  readonly plan: string;
  /** In the order in which they run. */
  readonly regions: readonly LockedRegion[];
  /** By chip id: all of those it uses. */
  readonly chips: Readonly<Record<string, LockedChip>>;
}

/** By signature of the graph. */
export type LockedPlans = Readonly<Record<string, LockedPlan>>;

export interface LockContents {
  readonly kernels: LockEntries;
  readonly plans: LockedPlans;
}

/** What one lock says and what another adds; where both speak, the other counts. */
export const mergeLocks = (a: LockContents, b: LockContents): LockContents => ({
  kernels: { ...a.kernels, ...b.kernels },
  plans: { ...a.plans, ...b.plans },
});

/** Of an empty file. */
export const emptyLock: LockContents = { kernels: {}, plans: {} };

const broken = (name: string, why: string): FlagosError =>
  new FlagosError('FLAGOS_E_LOCK', `${name} is no lock file: ${why}`, { hint: 'write it anew with `flagos lock write <model>`' });

const isRecord = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);
const hasTexts = (v: unknown, fields: readonly string[]): v is Record<string, unknown> =>
  isRecord(v) && fields.every((field) => typeof v[field] === 'string');

const isKernel = (v: unknown): v is LockedKernel => hasTexts(v, ['kernel', 'fingerprint', 'chip']);
const isEntry = (v: unknown): v is LockEntry => {
  if (!isKernel(v)) return false;
  const nodes: unknown = Reflect.get(v, 'nodes');
  return nodes === undefined || (isRecord(nodes) && Object.values(nodes).every(isKernel));
};
const isRegion = (v: unknown): v is LockedRegion =>
  hasTexts(v, ['nodes']) && (v['code'] === undefined || typeof v['code'] === 'string') && positionsOf(String(v['nodes'])) !== undefined;
const isPlan = (v: unknown): v is LockedPlan =>
  hasTexts(v, ['plan']) &&
  Array.isArray(v['regions']) &&
  v['regions'].every(isRegion) &&
  isRecord(v['chips']) &&
  Object.values(v['chips']).every((c) => hasTexts(c, ['fingerprint', 'chip']));

/** Reads the text of a lock file. @throws FLAGOS_E_LOCK */
export const parseLock = (text: string, name: string): LockContents => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw broken(name, error instanceof Error ? error.message : 'it is not JSON');
  }
  const { version, kernels, plans } = isRecord(value) ? value : {};
  if (version !== LOCK_VERSION && version !== 1)
    throw broken(name, `its version is ${String(version)}, this flagos reads version ${LOCK_VERSION}`);
  if (!isRecord(kernels)) throw broken(name, 'it has no kernels');
  const known = version === 1 ? {} : plans;
  if (!isRecord(known)) throw broken(name, 'it has no plans');
  for (const [signature, entry] of Object.entries(kernels))
    if (!isEntry(entry)) throw broken(name, `the entry of '${signature}' is damaged`);
  for (const [signature, plan] of Object.entries(known)) if (!isPlan(plan)) throw broken(name, `the plan of '${signature}' is damaged`);
  return { kernels, plans: known } as unknown as LockContents;
};

const sortedEntries = <T>(of: Readonly<Record<string, T>>): [string, T][] => Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1));
const mapped = <T, R>(of: Readonly<Record<string, T>>, map: (value: T) => R): Record<string, R> =>
  Object.fromEntries(sortedEntries(of).map(([key, value]) => [key, map(value)]));

/** The text of a lock file: sorted, so that it can be compared and merged by ordinary tools. */
export const lockText = ({ kernels, plans }: LockContents): string => {
  const plain = ({ kernel, fingerprint, chip }: LockedKernel): LockedKernel => ({ kernel, fingerprint, chip });
  const contents = {
    version: LOCK_VERSION,
    kernels: mapped(kernels, (entry) => ({ ...plain(entry), ...(entry.nodes ? { nodes: mapped(entry.nodes, plain) } : {}) })),
    plans: mapped(plans, ({ plan, regions, chips }) => ({
      plan,
      regions: regions.map(({ nodes, code }) => ({ nodes, ...(code === undefined ? {} : { code }) })),
      chips: mapped(chips, ({ fingerprint, chip }) => ({ fingerprint, chip })),
    })),
  };
  return `${JSON.stringify(contents, undefined, 2)}\n`;
};

/** Ascending positions as text: `0-11,14`. */
export const positionsText = (positions: readonly number[]): string => {
  const runs: string[] = [];
  for (let i = 0; i < positions.length;) {
    let end = i;
    while (positions[end + 1] === positions[end]! + 1) end++;
    runs.push(end === i ? `${positions[i]}` : `${positions[i]}-${positions[end]}`);
    i = end + 1;
  }
  return runs.join(',');
};

/** More nodes than any graph has: what is larger was never written by {@link positionsText}. */
const MOST_NODES = 1e6;

/** @returns undefined for what is no such text. */
export const positionsOf = (text: string): number[] | undefined => {
  const positions: number[] = [];
  for (const run of text.split(',')) {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(run) ?? [];
    if (first === undefined || Number(last) > MOST_NODES || Number(last) < Number(first)) return undefined;
    for (let i = Number(first); i <= Number(last); i++) positions.push(i);
  }
  return positions.every((p, i) => i === 0 || p > positions[i - 1]!) ? positions : undefined;
};

/** A kernel as it is now; its version and chip are unknown if it is not here. */
const asNow = (kernel: string, identities: ReadonlyMap<string, ChipIdentity>): LockedKernel => {
  const { fingerprint = '', chip = '' } = identities.get(chipOf(kernel)) ?? {};
  return { kernel, fingerprint, chip };
};

/** What decisions chose, as entries: the most frequent kernel of a signature for all, others by node. */
export const lockOf = (decisions: Iterable<Decision>, identities: ReadonlyMap<string, ChipIdentity>): LockEntries => {
  const uses = new Map<string, Map<string, string[]>>();
  for (const { signature, kernel, node } of decisions) {
    if (!kernel) continue;
    const kernels = uses.get(signature) ?? new Map<string, string[]>();
    uses.set(signature, kernels);
    kernels.set(kernel.id, [...(kernels.get(kernel.id) ?? []), node]);
  }
  return Object.fromEntries(
    [...uses].map(([signature, kernels]) => {
      const [[most], ...others] = [...kernels].sort(([a, x], [b, y]) => y.length - x.length || (a < b ? -1 : 1)) as [
        [string, string[]],
        ...[string, string[]][],
      ];
      const nodes = others.flatMap(([kernel, names]) => names.map((n) => [n, asNow(kernel, identities)] as const));
      return [signature, { ...asNow(most, identities), ...(nodes.length > 0 ? { nodes: Object.fromEntries(nodes) } : {}) }];
    }),
  );
};

const differenceOf = (locked: LockedChip, now: LockedChip): string | undefined => {
  if (now.fingerprint !== locked.fingerprint)
    return `it was locked as version ${locked.fingerprint || 'unknown'}, here it is ${now.fingerprint || 'not there'}`;
  return now.chip === locked.chip ? undefined : `it was locked on another chip (${locked.chip}), here it is ${now.chip}`;
};

/** Why an entry does not describe what is here; undefined if it does. */
export const staleness = (entry: LockedKernel, identities: ReadonlyMap<string, ChipIdentity>): string | undefined =>
  differenceOf(entry, asNow(entry.kernel, identities));

/** Which chips of a plan are not what they were, and why; empty if it describes what is here. */
export const stalePlan = ({ chips }: LockedPlan, identities: ReadonlyMap<string, ChipIdentity>): string[] =>
  sortedEntries(chips).flatMap(([id, locked]) => {
    const now = identities.get(id);
    if (!now) return [`the chip ${id} is not there`];
    const why = differenceOf(locked, now);
    return why === undefined ? [] : [`${id}: ${why}`];
  });
