/**
 * Plans that were measured as a whole, end to end: where the tuner settled on one for a graph like this, and
 * every kernel of it may still run there, it is taken instead of searching. Predictions of single nodes are
 * never as good as a measurement of the thing itself.
 */
import type { Verdict } from '../opmanager/decision.ts';
import type { EvidenceSnapshot } from '../opmanager/evidence.ts';
import { incumbentOf, settle, timingOfEvidence, type Measured } from '../opmanager/timing.ts';
import { planKernel, planOfKernel, type PlanLabel, type PlanText } from './plan-text.ts';
import type { OpenChip } from './planned.ts';

/** A plan with the verdict for each node, and what was measured of it. */
export interface WholePlan extends PlanText {
  readonly verdicts: readonly Verdict[];
  /** Microseconds of the whole graph; undefined where it was not measured but asked for. */
  readonly medianUs: number | undefined;
}

/** Per node: the kernel of a label, if it may run there and policy ranks none before it. */
export type Named = readonly ((label: PlanLabel) => Verdict | undefined)[];

/** The verdicts a plan asks for, if there is one for each node. */
export const fitPlan = (plan: PlanText, named: Named): readonly Verdict[] | undefined => {
  if (plan.labels.length !== named.length) return undefined;
  const verdicts = named.map((find, i) => find(plan.labels[i]!));
  return verdicts.every((v) => v !== undefined) ? verdicts : undefined;
};

/**
 * @param otherwise what would be planned without measurements: the incumbent where the tuner settled on nothing.
 */
export const measuredPlan = (
  signature: string,
  named: Named,
  evidence: EvidenceSnapshot,
  chips: readonly OpenChip[],
  otherwise: () => PlanText,
): WholePlan | undefined => {
  const found = new Map<string, { plan: PlanText; verdicts: readonly Verdict[]; measured: Measured }>();
  for (const kernel of evidence.kernels?.(signature) ?? []) {
    const plan = planOfKernel(kernel, chips);
    const verdicts = plan && fitPlan(plan, named);
    const known = evidence.performance(kernel, signature);
    const timing = timingOfEvidence(known);
    if (plan && verdicts && timing) found.set(kernel, { plan, verdicts, measured: { kernel, timing, chosenAt: known.chosenAt } });
  }
  if (found.size === 0) return undefined;
  const all = [...found.values()].map((f) => f.measured);
  // What the tuner settled on stays: it compared them in one session, rows of several days compare days.
  const chosen = incumbentOf(all) ?? settle(all, planKernel(otherwise(), chips));
  const best = chosen && found.get(chosen.kernel);
  return best && { ...best.plan, verdicts: best.verdicts, medianUs: best.measured.timing.medianUs };
};
