/**
 * Plans and the lock: what of a plan is written down, and how one is made again from what was. Another process has no
 * tables, or others; so the regions are in the lock too, not only who runs each node.
 */
import { opName } from '../core/graph.ts';
import { positionsOf, positionsText, type LockedChip, type LockedPlan } from '../opmanager/lock-entries.ts';
import type { Verdict } from '../opmanager/decision.ts';
import type { SelectionLock } from '../opmanager/lock.ts';
import type { ChipIdentity } from '../opmanager/tables/snapshot.ts';
import type { Prepared } from '../plugins/contract.ts';
import { chipOfLabel, planLabel, readPlan, writePlan, type PlanText } from './plan-text.ts';
import type { PlannedGraph } from './planned.ts';
import type { PreparedPlan } from './prepare.ts';
import type { RegionGraph } from './regions.ts';

/** Signature of a plan's graph, and the plan as a lock holds it. */
export const lockedPlanOf = (
  { planned, steps }: Pick<PreparedPlan, 'planned' | 'steps'>,
  identities: ReadonlyMap<string, ChipIdentity>,
): [signature: string, plan: LockedPlan] => {
  const kernels = new Map(steps.flatMap((s) => (s.planned ? [[s.planned, s.prepared] as const] : [])));
  const used = [...new Set(planned.choice.labels.map(chipOfLabel))];
  return [
    planned.signature(),
    {
      plan: writePlan(planned.choice),
      regions: planned.regions.map((region, i) => {
        const code = kernels.get(region)?.code;
        return { nodes: positionsText(planned.members[i]!), ...(code === undefined ? {} : { code }) };
      }),
      // Control flow is run by the runtime itself, which is no chip.
      chips: Object.fromEntries(
        used.flatMap((id): [string, LockedChip][] => {
          const now = identities.get(id);
          return now ? [[id, { fingerprint: now.fingerprint, chip: now.chip }]] : [];
        }),
      ),
    },
  ];
};

/** A locked plan, made out for a graph at hand. */
export interface FittedPlan extends PlanText {
  readonly verdicts: readonly Verdict[];
  readonly regions: readonly (readonly number[])[];
}

/** Why regions are no order in which nodes can run; undefined if they are. */
const disorder = (
  regions: readonly (readonly number[] | undefined)[],
  labels: PlanText['labels'],
  graph: RegionGraph,
): string | undefined => {
  const regionOf = new Int32Array(labels.length).fill(-1);
  for (const [r, members] of regions.entries())
    for (const i of members ?? []) {
      if (i >= labels.length || regionOf[i] !== -1) return 'its regions are not those of its nodes';
      regionOf[i] = r;
    }
  if (regionOf.includes(-1)) return 'its regions are not those of its nodes';
  if (regions.some((members) => members!.some((i) => labels[i] !== labels[members![0]!]))) return 'a region of it is on several chips';
  return labels.some((_, i) => graph.inputs[i]!.some((from) => regionOf[from]! > regionOf[i]!))
    ? 'its regions cannot run in that order'
    : undefined;
};

/** What keeps a plan from being made: where, and why. */
interface Misfit {
  readonly at: number | undefined;
  readonly why: string;
}

/**
 * @param verdicts per node: every candidate, before the lock was asked.
 * @param graph what each node reads.
 */
export const fitLocked = (
  { plan: text, regions: locked }: LockedPlan,
  verdicts: readonly (readonly Verdict[])[],
  graph: RegionGraph,
): FittedPlan | Misfit => {
  const plan = readPlan(text);
  if (!plan || plan.labels.length !== verdicts.length) return { at: undefined, why: 'it is not a plan of this graph' };
  const chosen: Verdict[] = [];
  for (const [i, label] of plan.labels.entries()) {
    const found = verdicts[i]!.find((v) => planLabel(v) === label);
    // One that must be compiled first is waited for.
    if (!found || (found.status !== 'eligible' && found.reason !== 'COMPILING'))
      return { at: i, why: `${label} ${found ? `cannot be used: ${found.detail ?? found.reason ?? ''}` : 'is not there'}` };
    chosen.push(found);
  }
  const regions = locked.map((r) => positionsOf(r.nodes));
  const why = disorder(regions, plan.labels, graph);
  return why === undefined ? { ...plan, verdicts: chosen, regions: regions as number[][] } : { at: undefined, why };
};

/** Says where code that was prepared is not what was locked. @returns whether the plan no longer counts. @throws FLAGOS_E_LOCK */
export const checkCode = (lock: SelectionLock, planned: PlannedGraph, kernels: readonly Prepared[]): boolean => {
  const signature = planned.signature();
  const locked = lock.plan(signature);
  return planned.regions.some(({ nodes, kernel }, i) => {
    const { code } = locked?.regions[i] ?? {};
    const now = kernels[i]!.code;
    if (code === undefined || code === now) return false;
    const { node } = nodes[0]!;
    const what = nodes.length === 1 ? opName(node.domain, node.op) : `${nodes.length} nodes from ${node.name}`;
    return lock.differs(signature, node.name, `the code of ${kernel} (${what}) was ${code}, here it is ${now ?? 'not known'}`);
  });
};
