/** Puts the question of assignment: nodes with the kernels dispatch left each of them, chips with their memories, values that may have to be copied. */
import { nodeReads, typeBytes } from '../core/graph.ts';
import type { Verdict } from '../opmanager/decision.ts';
import { CONTROL, CONTROL_OVERHEAD_US, startUsOf } from './candidates.ts';
import type { AssignmentProblem, Passed } from './cost.ts';
import type { OpenChip } from './planned.ts';
import { calibrated, type RegionTimes } from './region-times.ts';
import type { SpecialNode, Specialized } from './specialize.ts';

/** Session of a verdict: the position of its chip, or, after the last one, the runtime itself. */
export const labelling = (chips: readonly OpenChip[]): ((v: Verdict) => number) => {
  const labels = new Map(chips.map((c, i) => [c.id, i]));
  return (v) => labels.get(`${v.provider}/${v.chip}`) ?? (`${v.provider}/${v.chip}` === CONTROL ? chips.length : -1);
};

/** Values a plan might copy. Without a chip that has its own memory there are none. */
const passedValues = (
  nodes: readonly SpecialNode[],
  tail: readonly SpecialNode[],
  special: Specialized,
  copies: (bytes: number) => readonly number[],
): Passed[] => {
  const readers = new Map<string, number[]>();
  nodes.forEach((n, v) => {
    for (const name of nodeReads(n.node)) {
      if (special.constants.has(name)) continue;
      const list = readers.get(name);
      if (!list) readers.set(name, [v]);
      else if (list.at(-1) !== v) list.push(v);
    }
  });
  const kept = new Set([...special.outputs, ...tail.flatMap((n) => nodeReads(n.node))]);
  const made = new Set<string>();
  const values: Passed[] = [];
  nodes.forEach((n, from) =>
    n.node.outputs.forEach((name, i) => {
      if (name === '') return;
      made.add(name);
      if (readers.has(name) || kept.has(name))
        values.push({ name, from, readers: readers.get(name) ?? [], kept: kept.has(name), copyUs: copies(typeBytes(n.outputs[i]) ?? 0) });
    }),
  );
  for (const [name, list] of readers) {
    if (!made.has(name))
      values.push({ name, from: -1, readers: list, kept: false, copyUs: copies(typeBytes(special.types.get(name)) ?? 0) });
  }
  return values;
};

/**
 * @param nodes what is planned now, in order; `tail`, what comes later.
 * @param fields per node: one eligible verdict per chip.
 */
export const assignmentProblem = (
  nodes: readonly SpecialNode[],
  tail: readonly SpecialNode[],
  fields: readonly (readonly Verdict[])[],
  special: Specialized,
  chips: readonly OpenChip[],
  { cuts, regionUs }: { readonly cuts?: ReadonlySet<number> | undefined; readonly regionUs?: RegionTimes | undefined } = {},
): AssignmentProblem => {
  const maker = new Map<string, number>();
  nodes.forEach((n, i) => n.node.outputs.forEach((o) => o !== '' && maker.set(o, i)));
  const inputs = nodes.map((n) => [...new Set(nodeReads(n.node).flatMap((name) => maker.get(name) ?? []))]);
  const spaces = ['host', ...new Set(chips.flatMap(({ session }) => session.memory?.id ?? []))];
  const transfers = spaces.map((id) => chips.find(({ session }) => session.memory?.id === id)?.session.memory?.transfer);
  const copies = (bytes: number): number[] => transfers.map((t) => (t ? t.latencyUs + bytes / (t.gbps * 1e3) : 0));
  const label = labelling(chips);
  const problem: AssignmentProblem = {
    inputs,
    options: fields.map((field) => new Map(field.map((v) => [label(v), { us: v.expectedUs!, alone: v.alone, variant: v.variant }]))),
    sessions: [
      ...chips.map(({ session }) => ({
        overheadUs: startUsOf(session.prior),
        grows: session.regions === 'connected',
        space: spaces.indexOf(session.memory?.id ?? 'host'),
      })),
      { overheadUs: CONTROL_OVERHEAD_US, grows: false, space: 0 },
    ],
    values: spaces.length === 1 ? [] : passedValues(nodes, tail, special, copies),
    cuts,
  };
  const known = regionUs ? calibrated(problem, regionUs) : problem;
  const measured = known !== problem || fields.some((field) => field.some((v) => v.measured));
  const least = measured ? LEAST_GAIN : LEAST_GAIN_GUESSED;
  return { ...known, boundaryUs: Math.max(LEAST_GAIN_US, least * smallest(known)) };
};

/** What a boundary between regions has to gain, as a part of what the graph takes, and in microseconds. */
const LEAST_GAIN = 0.002;
/** The same where all is by declared priors: these say who is faster, not by how little, and two libraries' threads get in each other's way. */
const LEAST_GAIN_GUESSED = 0.05;
const LEAST_GAIN_US = 0.2;

/** Microseconds of the graph where each node is where it is fastest: no plan takes less by much. */
const smallest = ({ options }: AssignmentProblem): number =>
  options.reduce((sum, of) => sum + Math.min(...[...of.values()].map((o) => o.us)), 0);
