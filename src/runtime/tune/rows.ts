/** What was measured, as rows of the performance table. */
import { typeBytes } from '../../core/graph.ts';
import { kernelId } from '../../opmanager/decision.ts';
import { performanceRowOf, type Session } from '../../opmanager/tables/performance-row.ts';
import type { PerformanceRow } from '../../opmanager/tables/rows.ts';
import type { ChipIdentity } from '../../opmanager/tables/snapshot.ts';
import { graphSignature } from '../../dispatch/graph-signature.ts';
import { canBeWritten, homeOf, planKernel } from '../../dispatch/plan-text.ts';
import type { OpenChip, PlannedRegion } from '../../dispatch/planned.ts';
import type { PreparedPlan } from '../../dispatch/prepare.ts';

/** Where and how a session measured, and what chips were open. */
export interface Circumstances extends Session {
  /** By chip id, see `Runtime.identities`. */
  readonly identities: ReadonlyMap<string, ChipIdentity>;
}

/** A plan as a whole. @returns undefined for one that cannot be written down. */
export const planRow = (
  { planned, special }: PreparedPlan,
  chips: readonly OpenChip[],
  samplesUs: readonly number[],
  around: Circumstances,
  more: { readonly chosen: boolean; readonly coldUs?: number },
): PerformanceRow | undefined => {
  const { choice, regions } = planned;
  const home = homeOf(choice, chips);
  if (!home || samplesUs.length === 0 || !choice.labels.every(canBeWritten)) return undefined;
  const made = new Set(regions.flatMap((r) => r.region.outputs.map((o) => o.name)));
  const ends = regions.flatMap((r) => [
    ...r.region.inputs.filter((i) => !made.has(i.name)),
    ...r.region.outputs.filter((o) => special.outputs.includes(o.name)),
  ]);
  const bytes = ends.reduce((n, v) => n + (typeBytes(v.type) ?? 0), 0);
  // A chip that is open has an identity.
  const identity = around.identities.get(home.id)!;
  return performanceRowOf({ signature: planned.signature(), kernel: planKernel(choice, chips) }, identity, samplesUs, bytes, around, more);
};

/** A region, as it was timed inside of a run. Of a single node: its kernel, on its own signature. */
export const regionRow = (
  region: PlannedRegion,
  { special }: PreparedPlan,
  samplesUs: readonly number[],
  around: Circumstances,
): PerformanceRow | undefined => {
  const { chip, nodes, variant } = region;
  if (!chip || samplesUs.length === 0) return undefined;
  const bytes = [...region.region.inputs, ...region.region.outputs].reduce((n, v) => n + (typeBytes(v.type) ?? 0), 0);
  const handed = new Set(region.region.outputs.map((o) => o.name));
  const key =
    nodes.length === 1
      ? { signature: region.signature, kernel: region.kernel }
      : {
          signature: graphSignature(nodes, special.constants, (name) => handed.has(name)),
          kernel: kernelId(chip.provider.name, chip.chip.id, 'Graph', variant),
        };
  return performanceRowOf(key, around.identities.get(chip.id)!, samplesUs, bytes, around);
};
