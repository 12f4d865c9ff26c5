/**
 * The way on when a kernel fails while running. Only what failed is blamed: a region of several nodes
 * is taken apart first, until it is one node's kernel, which is set aside for that signature. A chip
 * that fails again and again in one run loses all it was to do there. Errors that are the caller's
 * never lead on, and what kernels were blamed for because of one is taken back.
 */
import { FlagosError, type ErrorCode } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Policy } from '../opmanager/policy.ts';
import { StepFailure } from './execute.ts';
import { regionKey, type PlannedGraph } from './planned.ts';

export interface Blame {
  readonly policy: Policy;
  readonly logger: Logger;
  /** Sets a kernel aside for a signature. `lasting`: for the whole process, not only where it failed. @returns what takes that back. */
  setAside(kernel: string, signature: string, reason: string, lasting: boolean): () => void;
}

/** Failures of one chip in one run after which it gets no further chance in it. */
const PATIENCE = 8;

/** Errors that show that the request was wrong, whoever runs it. */
const requestErrors: readonly ErrorCode[] = [
  'FLAGOS_E_SHAPE',
  'FLAGOS_E_DTYPE',
  'FLAGOS_E_ATTRIBUTE',
  'FLAGOS_E_VALUE',
  'FLAGOS_E_INPUT',
  'FLAGOS_E_MODEL_INVALID',
];

/** When nothing else can run it, the first failure is what the reader needs to see. */
export const orFirst = (later: unknown, first: FlagosError | undefined): unknown =>
  first && later instanceof FlagosError && later.code === 'FLAGOS_E_NO_KERNEL' ? first : later;

/** One run's failures. */
export class Recovery {
  readonly #blame: Blame;
  readonly #parted: Set<string>;
  readonly #failures = new Map<string, number>();
  readonly #undo: (() => void)[] = [];
  #first: FlagosError | undefined;
  /** Whether kernels that were set aside in this run have their places back. */
  takenBack = false;

  /** @param parted regions not to be formed again; added to. */
  constructor(blame: Blame, parted: Set<string>) {
    this.#blame = blame;
    this.#parted = parted;
  }

  /** Draws the conclusions from a failure, so that another plan can be tried. @throws what the caller gets, if there is none to try. */
  note(thrown: unknown, plan: PlannedGraph | undefined): void {
    if (!(thrown instanceof StepFailure)) throw this.#final(thrown);
    const { error, step } = thrown;
    const { policy, logger } = this.#blame;
    const region = step.serves;
    if (error.kind === 'user' || policy.onFailure === 'error' || !region?.chip || !plan) throw this.#final(error);
    this.#first ??= error;
    const { chip } = region;
    const count = (this.#failures.get(chip.id) ?? 0) + 1;
    this.#failures.set(chip.id, count);
    const fields = { node: step.label, reason: error.reason };
    if (count > PATIENCE) {
      logger.log('warn', `${chip.id} failed ${count} times in one run, all it was to do is given to others`, fields);
      for (const r of plan.regions) if (r.chip === chip) this.#setAside(r.uses, error);
    } else if (region.nodes.length > 1 && step.planned) {
      logger.log('warn', `${step.kernel} failed, its region is taken apart`, fields);
      this.#parted.add(regionKey(region.region));
    } else {
      logger.log('warn', `${step.kernel} failed, trying the next candidate`, fields);
      this.#setAside(region.uses, error);
    }
  }

  #setAside(uses: readonly { readonly kernel: string; readonly signature: string }[], error: FlagosError): void {
    const lasting = this.#blame.policy.onFailure === 'quarantine';
    for (const { kernel, signature } of uses) this.#undo.push(this.#blame.setAside(kernel, signature, error.reason, lasting));
  }

  #final(thrown: unknown): unknown {
    if (thrown instanceof FlagosError && requestErrors.includes(thrown.code)) {
      this.takenBack = this.#undo.length > 0;
      for (const undo of this.#undo.splice(0)) undo();
    }
    return orFirst(thrown, this.#first);
  }
}
