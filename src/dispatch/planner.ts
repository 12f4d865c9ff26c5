/**
 * The planner: a specialized graph → regions with a kernel each, and a decision for every node.
 * Selection and the two dispatch levels judge every candidate, nodes are assigned to chips for the
 * cheapest whole, regions are grown. That every node can run is proved here, before anything runs:
 * what nobody can run is one error that says who refused and why.
 */
import { nodeReads } from '../core/graph.ts';
import type { Decision, Verdict } from '../opmanager/decision.ts';
import type { SelectionContext } from '../opmanager/select.ts';
import { assign } from './assign.ts';
import { Candidates, supportOf } from './candidates.ts';
import { copyUsOf, regionsOf, type AssignmentProblem } from './cost.ts';
import { explainChoice, noKernel, type ChoiceFacts } from './explain.ts';
import { fitPlan, measuredPlan, type WholePlan } from './measured-plan.ts';
import { fitLocked } from './plan-lock.ts';
import { planLabel, type PlanLabel, type PlanText } from './plan-text.ts';
import { regionKey, signatureOf, type KernelUse, type OpenChip, type PlannedGraph, type PlannedRegion } from './planned.ts';
import { assignmentProblem, labelling } from './problem.ts';
import { regionTimes } from './region-times.ts';
import { splitRegion } from './regions.ts';
import type { SpecialNode, Specialized } from './specialize.ts';

export { regionKey, signatureOf, type OpenChip, type PlannedGraph, type PlannedRegion } from './planned.ts';

export interface PlanContext extends SelectionContext {
  readonly chips: readonly OpenChip[];
  /** Regions (see {@link regionKey}) that turned out not to work as a whole. */
  readonly unmergeable?: ReadonlySet<string>;
  /** The plan to make for a graph of this signature, where its kernels may run it: for measuring plans against each other. */
  readonly planFor?: ((signature: string) => PlanText | undefined) | undefined;
}

interface Sources extends PlanContext {
  readonly candidates: Candidates;
  readonly special: Specialized;
}

/** Who runs each node, before regions are made. */
interface Draft {
  readonly problem: AssignmentProblem;
  readonly labels: readonly number[];
  readonly chosen: readonly Verdict[];
  /** Where it was measured as a whole. */
  readonly whole: WholePlan | undefined;
  /** Where they are given; else they are grown. */
  readonly regions?: readonly (readonly number[])[];
}

/** Nodes from the first one that waits on, everything that depends on it included. */
const splitTail = (nodes: readonly SpecialNode[], candidates: Candidates): { now: SpecialNode[]; tail: SpecialNode[] } => {
  const late = new Set<string>();
  const now: SpecialNode[] = [];
  const tail: SpecialNode[] = [];
  for (const n of nodes) {
    if (nodeReads(n.node).some((name) => late.has(name)) || candidates.deferred(n)) {
      tail.push(n);
      for (const o of n.node.outputs) late.add(o);
    } else now.push(n);
  }
  return { now, tail };
};

/** The best plan by cost: nodes on chips by a search, regions as grown as pays. */
const byCost = (now: readonly SpecialNode[], tail: readonly SpecialNode[], sources: Sources): Draft => {
  const { candidates, special, chips, evidence } = sources;
  const fields = now.map((n) => candidates.field(n));
  const regionUs =
    evidence.kernels &&
    regionTimes(
      evidence,
      (members) => candidates.signature(members.map((i) => now[i]!)),
      (session) => chips[session] && { provider: chips[session].provider.name, chip: chips[session].chip.id },
    );
  const problem = assignmentProblem(now, tail, fields, special, chips, { regionUs });
  const labels = assign(problem);
  const label = labelling(chips);
  return { problem, labels, chosen: fields.map((field, i) => field.find((v) => label(v) === labels[i])!), whole: undefined };
};

/** The plan that was measured as a whole, or that the tuner asks for. */
const byMeasurement = (now: readonly SpecialNode[], tail: readonly SpecialNode[], sources: Sources): Draft | undefined => {
  const { candidates, special, chips, evidence, planFor } = sources;
  if (now.length === 0 || (!evidence.kernels && !planFor)) return undefined;
  const signature = candidates.signature(now);
  const named = now.map((n) => (label: PlanLabel) => candidates.named(n, label));
  const asked = planFor?.(signature);
  const verdicts = asked && fitPlan(asked, named);
  const whole =
    asked && verdicts
      ? { ...asked, verdicts, medianUs: undefined }
      : measuredPlan(signature, named, evidence, chips, () => choiceOf(byCost(now, tail, sources)));
  if (!whole) return undefined;
  const fields = whole.verdicts.map((v) => [v]);
  const label = labelling(chips);
  const problem = assignmentProblem(now, tail, fields, special, chips, { cuts: whole.cuts });
  return { problem, labels: whole.verdicts.map(label), chosen: whole.verdicts, whole };
};

/** The plan a lock has for the graph. @throws FLAGOS_E_LOCK */
const byLock = (now: readonly SpecialNode[], tail: readonly SpecialNode[], sources: Sources): Draft | undefined => {
  const { candidates, special, chips, lock, unmergeable } = sources;
  if (!lock || now.length === 0) return undefined;
  const signature = candidates.signature(now);
  const locked = lock.plan(signature);
  if (!locked) return undefined;
  const misfit = (at: number | undefined, why: string): undefined => {
    lock.broken(signature, at === undefined ? undefined : now[at]!.node.name, why);
  };
  const maker = new Map(now.flatMap((n, i) => n.node.outputs.map((name) => [name, i] as const)));
  const inputs = now.map((n) => nodeReads(n.node).flatMap((name) => maker.get(name) ?? []));
  const fitted = fitLocked(
    locked,
    now.map((n) => candidates.all(n)),
    { inputs },
  );
  if ('why' in fitted) return misfit(fitted.at, fitted.why);
  const label = labelling(chips);
  const labels = fitted.verdicts.map(label);
  for (const members of fitted.regions) {
    const chip = chips[labels[members[0]!]!];
    const region = candidates.region(members.map((i) => now[i]!));
    if (!chip || members.length === 1) continue;
    if (unmergeable?.has(regionKey(region))) return misfit(members[0], `its ${members.length} nodes did not work as one region`);
    const support = supportOf(chip.session, region);
    if (!support.ok) return misfit(members[0], `${chip.id} does not run its ${members.length} nodes as one region: ${support.detail}`);
  }
  now.forEach((n, i) => candidates.pin(n, fitted.verdicts[i]!, lock.name));
  const problem = assignmentProblem(
    now,
    tail,
    fitted.verdicts.map((v) => [v]),
    special,
    chips,
    { cuts: fitted.cuts },
  );
  return { problem, labels, chosen: fitted.verdicts, whole: undefined, regions: fitted.regions };
};

const choiceOf = ({ chosen, problem }: Draft): PlanText => ({ labels: chosen.map(planLabel), cuts: problem.cuts ?? new Set() });

/** Plans a specialized graph. @throws FLAGOS_E_NO_KERNEL */
export const planGraph = (special: Specialized, context: PlanContext): PlannedGraph => {
  const { chips } = context;
  const candidates = new Candidates(special, context);
  const { now, tail } = splitTail(special.nodes, candidates);
  const sources: Sources = { ...context, candidates, special };
  const locked = byLock(now, tail, sources);
  const stuck = now.flatMap((node) => (candidates.field(node).length === 0 ? [{ node, verdicts: candidates.verdicts(node) }] : []));
  if (stuck.length) throw noKernel(stuck);

  const draft = locked ?? byMeasurement(now, tail, sources) ?? byCost(now, tail, sources);
  const { problem, labels, chosen, whole } = draft;
  const label = labelling(chips);

  const regions: PlannedRegion[] = [];
  const memberLists: (readonly number[])[] = [];
  const add = (members: readonly number[]): void => {
    const nodes = members.map((i) => now[i]!);
    const region = candidates.region(nodes);
    const chip = chips[labels[members[0]!]!];
    if (chip && members.length > 1 && (context.unmergeable?.has(regionKey(region)) || !supportOf(chip.session, region).ok)) {
      for (const part of splitRegion(problem, members)) add(part);
      return;
    }
    const uses = members.map((i): KernelUse => ({ kernel: chosen[i]!.kernel, signature: signatureOf(now[i]!) }));
    memberLists.push(members);
    regions.push({
      id: regions.length,
      chip,
      kernel: uses[0]!.kernel,
      variant: chosen[members[0]!]!.variant,
      signature: uses[0]!.signature,
      region,
      nodes,
      uses,
    });
  };
  for (const members of draft.regions ?? regionsOf(problem, labels)) add(members);

  const copiesTouching = (i: number, at: readonly number[]): number =>
    problem.values.reduce((us, x) => (x.from === i || x.readers.includes(i) ? us + copyUsOf(problem, x, at) : us), 0);
  const moreCopiesUs =
    (i: number) =>
    (v: Verdict): number =>
      copiesTouching(i, labels.with(i, label(v))) - copiesTouching(i, labels);
  const copiesIn =
    (i: number) =>
    (v: Verdict): ReturnType<ChoiceFacts['copiesIn']> => {
      const at = labels.with(i, label(v));
      const inputs = problem.values.flatMap((x) => {
        const more = x.readers.includes(i) ? copyUsOf(problem, x, at) - copyUsOf(problem, x, labels) : 0;
        return more > 0 && x.name !== undefined ? [{ name: x.name, us: more }] : [];
      });
      return { memory: chips[label(v)]?.session.memory?.id ?? 'the host', inputs };
    };
  const decisions = new Map<string, Decision>();
  const position = new Map(now.map((n, i) => [n, i]));
  for (const { id, nodes } of regions) {
    for (const n of nodes) {
      const i = position.get(n)!;
      decisions.set(
        n.node.name,
        explainChoice(n, chosen[i]!, candidates.considered(n, chosen[i]!), {
          region: { id, nodes: nodes.length },
          moreCopiesUs: moreCopiesUs(i),
          copiesIn: copiesIn(i),
          wholeUs: whole?.medianUs,
        }),
      );
    }
  }
  const waitedFor = now.flatMap((n) =>
    candidates
      .verdicts(n)
      .flatMap((v): KernelUse[] => (v.reason === 'QUARANTINED' ? [{ kernel: v.kernel, signature: signatureOf(n) }] : [])),
  );
  return {
    regions,
    members: memberLists,
    tail,
    decisions,
    waitedFor,
    choice: choiceOf(draft),
    signature: () => candidates.signature(now),
  };
};
