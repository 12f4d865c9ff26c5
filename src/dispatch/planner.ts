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
import { copyUsOf, joinsUnder } from './cost.ts';
import { explainChoice, noKernel, type ChoiceFacts } from './explain.ts';
import { regionKey, signatureOf, type KernelUse, type OpenChip, type PlannedGraph, type PlannedRegion } from './planned.ts';
import { assignmentProblem, labelling } from './problem.ts';
import { formRegions, splitRegion } from './regions.ts';
import type { SpecialNode, Specialized } from './specialize.ts';

export { regionKey, signatureOf, type OpenChip, type PlannedGraph, type PlannedRegion } from './planned.ts';

export interface PlanContext extends SelectionContext {
  readonly chips: readonly OpenChip[];
  /** Regions (see {@link regionKey}) that turned out not to work as a whole. */
  readonly unmergeable?: ReadonlySet<string>;
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

/** Plans a specialized graph. @throws FLAGOS_E_NO_KERNEL */
export const planGraph = (special: Specialized, context: PlanContext): PlannedGraph => {
  const { chips } = context;
  const candidates = new Candidates(special, context);
  const { now, tail } = splitTail(special.nodes, candidates);
  const fields = now.map((n) => candidates.field(n));
  const stuck = now.flatMap((node, i) => (fields[i]!.length === 0 ? [{ node, verdicts: candidates.verdicts(node) }] : []));
  if (stuck.length) throw noKernel(stuck);

  const problem = assignmentProblem(now, tail, fields, special, chips);
  const labels = assign(problem);
  const label = labelling(chips);
  const chosen = fields.map((field, i) => field.find((v) => label(v) === labels[i])!);

  const regions: PlannedRegion[] = [];
  const add = (members: readonly number[]): void => {
    const nodes = members.map((i) => now[i]!);
    const region = candidates.region(nodes);
    const chip = chips[labels[members[0]!]!];
    if (chip && members.length > 1 && (context.unmergeable?.has(regionKey(region)) || !supportOf(chip.session, region).ok)) {
      for (const part of splitRegion(problem, members)) add(part);
      return;
    }
    const uses = members.map((i): KernelUse => ({ kernel: chosen[i]!.kernel, signature: signatureOf(now[i]!) }));
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
  for (const members of formRegions(problem, joinsUnder(problem, labels))) add(members);

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
        explainChoice(n, chosen[i]!, candidates.verdicts(n), {
          region: { id, nodes: nodes.length },
          moreCopiesUs: moreCopiesUs(i),
          copiesIn: copiesIn(i),
        }),
      );
    }
  }
  const waitedFor = now.flatMap((n) =>
    candidates
      .verdicts(n)
      .flatMap((v): KernelUse[] => (v.reason === 'QUARANTINED' ? [{ kernel: v.kernel, signature: signatureOf(n) }] : [])),
  );
  return { regions, tail, decisions, waitedFor };
};
