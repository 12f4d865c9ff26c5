/**
 * Selection, as a pure function of candidates, policy, evidence and quarantine. Each candidate goes
 * through the same stages: policy → what the chip supports → quarantine → accuracy gate → expected
 * cost. Nothing here measures, loads or remembers.
 */
import { coarserIn } from '../core/numerics.ts';
import { levelFor, namesKernel, tierOf, type Policy } from './policy.ts';
import { satisfies, type EvidenceSnapshot } from './evidence.ts';
import type { SelectionLock } from './lock.ts';
import type { Candidate, Verdict } from './decision.ts';
import type { ReasonCode } from '../plugins/contract.ts';

export interface SelectionContext {
  readonly policy: Policy;
  readonly evidence: EvidenceSnapshot;
  /** Why a kernel may not be used for a signature at the moment, if so. */
  readonly quarantined: (kernel: string, signature: string) => string | undefined;
  /** Which kernels are to be used whatever else is known; absent: none. */
  readonly lock?: SelectionLock | undefined;
  /** Kernels that have something to compile are out of the question at the moment. */
  readonly instantOnly?: boolean;
}

/** Judges one candidate for a node of the given op name and signature. */
export const judge = (
  candidate: Candidate,
  op: string,
  signature: string,
  { policy, evidence, quarantined, instantOnly }: SelectionContext,
): Verdict => {
  const own = evidence.accuracy(candidate.kernel, signature);
  // A schedule does the same operations on the same elements: unless it was looked at itself, it is as exact as the kernel it is one of.
  const accuracy = own.level === 'unknown' && candidate.scheduleOf !== undefined ? evidence.accuracy(candidate.scheduleOf, signature) : own;
  const performance = evidence.performance(candidate.kernel, signature);
  const tier = tierOf(candidate, op, policy);
  const measured = performance.medianUs !== undefined;
  const base = {
    ...candidate,
    tier,
    accuracy,
    performance,
    measured,
    expectedUs: performance.medianUs ?? performance.shippedUs ?? candidate.priorUs,
  };
  const rejected = (reason: ReasonCode, detail: string): Verdict => ({ ...base, status: 'rejected', reason, detail });
  if (tier === undefined) return rejected('POLICY', 'policy does not allow it here');
  if (candidate.refusal) return rejected(candidate.refusal.reason, candidate.refusal.detail);
  const quarantine = quarantined(candidate.kernel, signature);
  if (quarantine) return rejected('QUARANTINED', quarantine);
  // The reference defines what is right; asking it for evidence would be circular.
  if (candidate.kind !== 'reference') {
    if (accuracy.level === 'unknown') {
      const coarser = candidate.numerics && coarserIn(candidate.numerics);
      if (coarser !== undefined && !namesKernel(candidate, op, policy))
        return rejected('ACC_UNKNOWN', `it ${coarser} and its accuracy was never measured; only its name (impl:…) lets it in`);
      if (policy.accuracy.unknown === 'deny')
        return rejected('ACC_UNKNOWN', 'its accuracy was never measured and policy asks for evidence');
    } else if (!satisfies(accuracy.level, levelFor(op, policy))) {
      return rejected('ACC_FAIL', `measured ${accuracy.level}, policy asks for ${levelFor(op, policy)}`);
    }
  }
  if (instantOnly && !candidate.instant) return rejected('COMPILING', 'it has to be compiled first; nobody waits for that');
  return { ...base, status: 'eligible', reason: undefined, detail: undefined };
};

/** Total order of eligible candidates: policy first, then expected time, then id, so that equals are broken the same way every time. */
export const byPreference = (a: Verdict, b: Verdict): number =>
  a.tier! - b.tier! ||
  a.expectedUs! + a.overheadUs - (b.expectedUs! + b.overheadUs) ||
  (a.kernel < b.kernel ? -1 : a.kernel > b.kernel ? 1 : 0);
