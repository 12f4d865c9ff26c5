/**
 * The lock: which kernel runs each signature, written down, so that every start makes the same choice and
 * gives the same bits, whatever has been measured meanwhile. What it holds of a kernel includes the version
 * and the chip it was locked with; where they are not what they were, `onMismatch` says what happens.
 */
import { FlagosError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Decision, Verdict } from './decision.ts';
import type { EvidenceSnapshot } from './evidence.ts';
import { chipOf, type ChipIdentity } from './tables/snapshot.ts';

export const LOCK_VERSION = 1;

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

export type OnMismatch = 'error' | 'warn' | 'retune';

/** What selection asks of a lock. */
export interface SelectionLock {
  /**
   * Leaves of a node's candidates the locked one.
   * @throws FLAGOS_E_LOCK where the lock does not fit and that is to be an error.
   */
  apply(node: string, signature: string, verdicts: readonly Verdict[]): readonly Verdict[];
}

const broken = (name: string, why: string): FlagosError =>
  new FlagosError('FLAGOS_E_LOCK', `${name} is no lock file: ${why}`, { hint: 'write it anew with `flagos lock write <model>`' });

const isKernel = (v: unknown): v is LockedKernel =>
  typeof v === 'object' && v !== null && ['kernel', 'fingerprint', 'chip'].every((field) => typeof Reflect.get(v, field) === 'string');

/** Reads the text of a lock file. @throws FLAGOS_E_LOCK */
export const parseLock = (text: string, name: string): LockEntries => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw broken(name, error instanceof Error ? error.message : 'it is not JSON');
  }
  const { version, kernels } = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  if (version !== LOCK_VERSION) throw broken(name, `its version is ${String(version)}, this flagos reads version ${LOCK_VERSION}`);
  if (typeof kernels !== 'object' || kernels === null) throw broken(name, 'it has no kernels');
  for (const [signature, entry] of Object.entries(kernels)) {
    const nodes: unknown = isKernel(entry) ? Reflect.get(entry, 'nodes') : undefined;
    const inner = nodes === undefined ? [] : typeof nodes === 'object' && nodes !== null ? Object.values(nodes) : [nodes];
    if (!isKernel(entry) || !inner.every(isKernel)) throw broken(name, `the entry of '${signature}' is damaged`);
  }
  return kernels as LockEntries;
};

const sortedEntries = <T>(of: Readonly<Record<string, T>>): [string, T][] => Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1));

/** The text of a lock file: sorted, so that it can be compared and merged by ordinary tools. */
export const lockText = (entries: LockEntries): string => {
  const plain = ({ kernel, fingerprint, chip }: LockedKernel): LockedKernel => ({ kernel, fingerprint, chip });
  const kernels = sortedEntries(entries).map(([signature, entry]) => [
    signature,
    {
      ...plain(entry),
      ...(entry.nodes ? { nodes: Object.fromEntries(sortedEntries(entry.nodes).map(([node, k]) => [node, plain(k)])) } : {}),
    },
  ]);
  return `${JSON.stringify({ version: LOCK_VERSION, kernels: Object.fromEntries(kernels) }, undefined, 2)}\n`;
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

/** Why an entry does not describe what is here; undefined if it does. */
export const staleness = (entry: LockedKernel, identities: ReadonlyMap<string, ChipIdentity>): string | undefined => {
  const now = asNow(entry.kernel, identities);
  if (now.fingerprint !== entry.fingerprint)
    return `it was locked as version ${entry.fingerprint || 'unknown'}, here it is ${now.fingerprint || 'not there'}`;
  return now.chip === entry.chip ? undefined : `it was locked on another chip (${entry.chip}), here it is ${now.chip}`;
};

/** Messages about one lock: each is said once. */
const SAID_LIMIT = 1000;

export class Lock implements SelectionLock {
  readonly #entries: LockEntries;
  readonly #identities: ReadonlyMap<string, ChipIdentity>;
  readonly #onMismatch: OnMismatch;
  readonly #logger: Logger;
  /** For messages: its path. */
  readonly #name: string;
  readonly #said = new Set<string>();

  constructor(name: string, entries: LockEntries, onMismatch: OnMismatch, identities: ReadonlyMap<string, ChipIdentity>, logger: Logger) {
    this.#name = name;
    this.#entries = entries;
    this.#onMismatch = onMismatch;
    this.#identities = identities;
    this.#logger = logger;
  }

  /** What is locked for a node. */
  entry(node: string, signature: string): LockedKernel | undefined {
    if (!Object.hasOwn(this.#entries, signature)) return undefined;
    const entry = this.#entries[signature]!;
    return entry.nodes && Object.hasOwn(entry.nodes, node) ? entry.nodes[node] : entry;
  }

  apply(node: string, signature: string, verdicts: readonly Verdict[]): readonly Verdict[] {
    const entry = this.entry(node, signature);
    if (!entry) return this.#mismatch(node, signature, 'it locks no kernel for this signature', verdicts);
    const locked = verdicts.find((v) => v.kernel === entry.kernel);
    const stale = staleness(entry, this.#identities);
    if (stale !== undefined) {
      const free = this.#mismatch(node, signature, `${entry.kernel}: ${stale}`, verdicts);
      if (this.#onMismatch === 'retune') return free;
    }
    if (!locked) return this.#mismatch(node, signature, `${entry.kernel} is not there`, verdicts);
    // One that must be compiled first is waited for.
    if (locked.status !== 'eligible' && locked.reason !== 'COMPILING')
      return this.#mismatch(node, signature, `${entry.kernel} cannot be used: ${locked.detail ?? locked.reason ?? ''}`, verdicts);
    return verdicts.map((v): Verdict =>
      v === locked || v.status !== 'eligible'
        ? v
        : { ...v, status: 'rejected', reason: 'LOCKED', detail: `${this.#name} locks ${entry.kernel}` },
    );
  }

  #mismatch(node: string, signature: string, why: string, verdicts: readonly Verdict[]): readonly Verdict[] {
    if (this.#onMismatch === 'error')
      throw new FlagosError('FLAGOS_E_LOCK', `${this.#name} cannot be obeyed: ${why}`, {
        trace: { node },
        hint: 'see `flagos lock check <model>`; lock anew with `flagos lock write <model>`, or set onMismatch',
        details: { lock: this.#name, signature },
      });
    if (!this.#said.has(signature) && this.#said.size < SAID_LIMIT) {
      this.#said.add(signature);
      this.#logger.log(this.#onMismatch === 'warn' ? 'warn' : 'info', 'a lock does not fit', {
        lock: this.#name,
        node,
        signature,
        reason: why,
      });
    }
    return verdicts;
  }
}

/** Evidence for planning under a lock: times are left out, so that nothing measured later changes how nodes are grouped into regions. */
export const withoutTimes = (evidence: EvidenceSnapshot): EvidenceSnapshot => {
  const none = {};
  return { accuracy: (kernel, signature) => evidence.accuracy(kernel, signature), performance: () => none };
};
