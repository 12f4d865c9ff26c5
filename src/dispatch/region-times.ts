/**
 * What was measured of whole regions, for the planner: medians of nodes do not add up to what a fused or
 * compiled region takes, so where the region itself was measured, that counts; and where parts of it were
 * not, what is expected of nodes is scaled so that it adds up to what was measured of the whole.
 */
import { kernelId } from '../opmanager/decision.ts';
import type { EvidenceSnapshot } from '../opmanager/evidence.ts';
import { PRIOR_DOUBT } from '../opmanager/timing.ts';
import { allOn, cheapestEach } from './assign-starts.ts';
import { joinsUnder, type AssignmentProblem } from './cost.ts';
import { formRegions } from './regions.ts';

export type RegionTimes = (members: readonly number[], session: number, variant: string) => number | undefined;

/** The kernel a region of several nodes is measured as. */
export const regionKernel = (provider: string, chip: string, variant: string): string => kernelId(provider, chip, 'Graph', variant);

/** @param signatureAt of the region of these nodes. @param chipAt provider and chip of a session; undefined for the runtime itself. */
export const regionTimes = (
  evidence: EvidenceSnapshot,
  signatureAt: (members: readonly number[]) => string,
  chipAt: (session: number) => { readonly provider: string; readonly chip: string } | undefined,
): RegionTimes => {
  const signatures = new Map<string, string>();
  return (members, session, variant) => {
    const chip = chipAt(session);
    if (!chip || members.length < 2) return undefined;
    const key = members.join();
    let signature = signatures.get(key);
    if (signature === undefined) signatures.set(key, (signature = signatureAt(members)));
    return evidence.performance(regionKernel(chip.provider, chip.chip, variant), signature).medianUs;
  };
};

/**
 * The problem with what was measured of regions in it. Of each session, its whole territory is looked up; where
 * that was measured, its nodes are scaled to it. Sessions of which nothing was measured, beside ones that
 * were, have to promise more.
 */
export const calibrated = (problem: AssignmentProblem, times: RegionTimes): AssignmentProblem => {
  const { options, sessions } = problem;
  const regionUs = (members: readonly number[], s: number): number | undefined => {
    const variant = options[members[0]!]!.get(s)?.variant;
    return variant === undefined ? undefined : times(members, s, variant);
  };
  const cheapest = cheapestEach(problem);
  const factors = sessions.map((_, s) => {
    const labels = allOn(problem, cheapest, s);
    let [measured, expected] = [0, 0];
    for (const region of formRegions(problem, joinsUnder(problem, labels))) {
      if (labels[region[0]!] !== s) continue;
      const us = regionUs(region, s);
      if (us === undefined) continue;
      measured += us;
      expected += region.reduce((sum, v) => sum + options[v]!.get(s)!.us, 0);
    }
    return expected > 0 ? measured / expected : undefined;
  });
  if (factors.every((f) => f === undefined)) return problem;
  return {
    ...problem,
    regionUs,
    options: options.map((of) => new Map([...of].map(([s, o]) => [s, { ...o, us: o.us * (factors[s] ?? PRIOR_DOUBT) }]))),
  };
};
