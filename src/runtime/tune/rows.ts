/** What was measured, as rows of the performance table. */
import { hashOf } from '../../core/hash.ts';
import { typeBytes } from '../../core/graph.ts';
import { kernelId } from '../../opmanager/decision.ts';
import type { PerformanceRow } from '../../opmanager/tables/rows.ts';
import { bucketOf, opOf } from '../../opmanager/tables/signature.ts';
import type { ChipIdentity } from '../../opmanager/tables/snapshot.ts';
import { quantile, timingOf } from '../../opmanager/timing.ts';
import { graphSignature } from '../../dispatch/graph-signature.ts';
import { canBeWritten, homeOf, planKernel } from '../../dispatch/plan-text.ts';
import type { OpenChip, PlannedRegion } from '../../dispatch/planned.ts';
import type { PreparedPlan } from '../../dispatch/prepare.ts';

/** Where and how it was measured: the same for all rows of a session. */
export interface Circumstances {
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly host: string;
  readonly threads: number;
  readonly quiet: boolean;
  /** By chip id, see `Runtime.identities`. */
  readonly identities: ReadonlyMap<string, ChipIdentity>;
}

/** Samples kept in a row. */
const KEPT = 64;

const rowOf = (
  key: Pick<PerformanceRow, 'op' | 'signature' | 'kernel'>,
  chip: OpenChip,
  samplesUs: readonly number[],
  bytes: number,
  { date, host, threads, quiet, identities }: Circumstances,
  more: Partial<Pick<PerformanceRow, 'coldUs' | 'chosen'>> = {},
): PerformanceRow => {
  const { medianUs, madUs } = timingOf(samplesUs);
  const round = (us: number): number => Number(us.toPrecision(6));
  return {
    schema: 1,
    table: 'performance',
    id: hashOf(JSON.stringify([key.signature, key.kernel, date, host, samplesUs])),
    date,
    host,
    ...key,
    bucket: bucketOf(key.signature),
    // A chip that is open has an identity.
    ...identities.get(chip.id)!,
    samplesUs: samplesUs.slice(0, KEPT).map(round),
    medianUs: round(medianUs),
    madUs: round(madUs),
    p95Us: round(quantile(samplesUs, 0.95)),
    coldUs: round(more.coldUs ?? 0),
    bytes,
    threads,
    quiet,
    ...(more.chosen ? { chosen: true } : {}),
  };
};

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
  return rowOf({ op: 'Graph', signature: planned.signature(), kernel: planKernel(choice, chips) }, home, samplesUs, bytes, around, more);
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
      ? { op: opOf(region.signature), signature: region.signature, kernel: region.kernel }
      : {
          op: 'Graph',
          signature: graphSignature(nodes, special.constants, (name) => handed.has(name)),
          kernel: kernelId(chip.provider.name, chip.chip.id, 'Graph', variant),
        };
  return rowOf(key, chip, samplesUs, bytes, around);
};
