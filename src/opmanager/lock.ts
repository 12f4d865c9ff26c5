/**
 * The lock: which kernel runs each signature and how whole graphs are planned, written down, so that every start
 * makes the same choice and gives the same bits, whatever has been measured meanwhile. What it holds of a kernel
 * includes the version and the chip it was locked with; where they are not what they were, `onMismatch` says what happens.
 */
import { FlagosError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Verdict } from './decision.ts';
import type { EvidenceSnapshot } from './evidence.ts';
import { stalePlan, staleness, type LockContents, type LockedKernel, type LockedPlan } from './lock-entries.ts';
import type { ChipIdentity } from './tables/snapshot.ts';

export type OnMismatch = 'error' | 'warn' | 'retune';

/** What selection and planning ask of a lock. */
export interface SelectionLock {
  /** For messages: its path. */
  readonly name: string;
  /** Kernels it holds for a signature. */
  kernels(signature: string): readonly string[];
  /**
   * Leaves of a node's candidates the locked one.
   * @throws FLAGOS_E_LOCK where the lock does not fit and that is to be an error.
   */
  apply(node: string, signature: string, verdicts: readonly Verdict[]): readonly Verdict[];
  /** The plan to make of a graph; undefined where none is locked, or it does not count here. @throws FLAGOS_E_LOCK as above. */
  plan(signature: string): LockedPlan | undefined;
  /** Says that a locked plan cannot be made here: it does not count from then on. @param node where. @throws FLAGOS_E_LOCK as above. */
  broken(signature: string, node: string | undefined, why: string): void;
  /** Says that a locked plan is made of something else than it was. @returns whether it does not count from then on. @throws FLAGOS_E_LOCK as above. */
  differs(signature: string, node: string | undefined, why: string): boolean;
}

/** Messages about one lock: each is said once. */
const SAID_LIMIT = 1000;

export class Lock implements SelectionLock {
  readonly name: string;
  readonly #contents: LockContents;
  readonly #identities: ReadonlyMap<string, ChipIdentity>;
  readonly #onMismatch: OnMismatch;
  readonly #logger: Logger;
  readonly #said = new Set<string>();
  /** Plans that turned out not to fit. */
  readonly #void = new Set<string>();

  constructor(name: string, contents: LockContents, onMismatch: OnMismatch, identities: ReadonlyMap<string, ChipIdentity>, logger: Logger) {
    this.name = name;
    this.#contents = contents;
    this.#onMismatch = onMismatch;
    this.#identities = identities;
    this.#logger = logger;
  }

  /** What is locked for a node. */
  entry(node: string, signature: string): LockedKernel | undefined {
    const { kernels } = this.#contents;
    if (!Object.hasOwn(kernels, signature)) return undefined;
    const entry = kernels[signature]!;
    return entry.nodes && Object.hasOwn(entry.nodes, node) ? entry.nodes[node] : entry;
  }

  kernels(signature: string): readonly string[] {
    const { kernels } = this.#contents;
    if (!Object.hasOwn(kernels, signature)) return [];
    const { kernel, nodes = {} } = kernels[signature]!;
    return [kernel, ...Object.values(nodes).map((entry) => entry.kernel)];
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
        : { ...v, status: 'rejected', reason: 'LOCKED', detail: `${this.name} locks ${entry.kernel}` },
    );
  }

  plan(signature: string): LockedPlan | undefined {
    const { plans } = this.#contents;
    if (this.#void.has(signature) || !Object.hasOwn(plans, signature)) return undefined;
    const stale = stalePlan(plans[signature]!, this.#identities);
    return stale.length > 0 && this.differs(signature, undefined, stale.join('; ')) ? undefined : plans[signature];
  }

  differs(signature: string, node: string | undefined, why: string): boolean {
    this.#mismatch(node, signature, `the plan of ${signature} is not what it was: ${why}`, []);
    if (this.#onMismatch === 'retune') this.#void.add(signature);
    return this.#void.has(signature);
  }

  broken(signature: string, node: string | undefined, why: string): void {
    this.#mismatch(node, signature, `the plan of ${signature} cannot be made: ${why}`, []);
    this.#void.add(signature);
  }

  #mismatch(node: string | undefined, signature: string, why: string, verdicts: readonly Verdict[]): readonly Verdict[] {
    if (this.#onMismatch === 'error')
      throw new FlagosError('FLAGOS_E_LOCK', `${this.name} cannot be obeyed: ${why}`, {
        trace: node === undefined ? {} : { node },
        hint: 'see `flagos lock check <model>`; lock anew with `flagos lock write <model>`, or set onMismatch',
        details: { lock: this.name, signature },
      });
    if (!this.#said.has(signature) && this.#said.size < SAID_LIMIT) {
      this.#said.add(signature);
      this.#logger.log(this.#onMismatch === 'warn' ? 'warn' : 'info', 'a lock does not fit', {
        lock: this.name,
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
