/**
 * Tiers of a single call: what to run on while the kernel that was chosen is still being compiled.
 * Calls start on kernels with nothing to compile and move when the other is ready, so nobody waits for
 * a compiler by accident. A policy's order is obeyed: a kernel it ranks lower is no help in waiting, and
 * where running meanwhile would take longer than compiling, waiting is the better way.
 */
import { FlagosError } from '../core/errors.ts';
import type { Decision, Tier, Verdict } from '../opmanager/decision.ts';
import type { PlannedGraph } from './planned.ts';
import { planGraph, type PlanContext } from './planner.ts';
import type { Specialized } from './specialize.ts';

/** Assumed of chips that do not say how long they take to make a kernel, microseconds. */
const UNKNOWN_PREPARE_US = 100_000;

/** For each node of a graph: the kernel it starts on, and the one it moves to. */
export type Start = ReadonlyMap<string, Pick<Tier, 'startedOn' | 'movesTo'>>;

const chosenIn = (d: Decision): Verdict => d.verdicts.find((v) => v.status === 'chosen')!;
const timeOf = ({ decisions }: PlannedGraph): number =>
  [...decisions.values()].reduce((us, d) => us + chosenIn(d).expectedUs! + chosenIn(d).overheadUs, 0);
const prepareUsOf = ({ regions }: PlannedGraph): number =>
  regions.reduce((us, { chip }) => (chip && !chip.session.instant ? us + (chip.session.prior.prepareUs ?? UNKNOWN_PREPARE_US) : us), 0);

const planOrNone = (special: Specialized, context: PlanContext): PlannedGraph | undefined => {
  try {
    return planGraph(special, context);
  } catch (e) {
    if (e instanceof FlagosError && e.code === 'FLAGOS_E_NO_KERNEL') return undefined;
    throw e;
  }
};

/** How a graph starts without waiting; undefined if there is nothing to wait for, or waiting is right. */
export const startOf = (special: Specialized, context: PlanContext): Start | undefined => {
  const best = planOrNone(special, context);
  if (!best || [...best.decisions.values()].every((d) => chosenIn(d).instant)) return undefined;
  const meanwhile = planOrNone(special, { ...context, instantOnly: true });
  if (!meanwhile || timeOf(meanwhile) > timeOf(best) + prepareUsOf(best)) return undefined;
  const start = new Map<string, { startedOn: string; movesTo: string }>();
  for (const [node, decision] of best.decisions) {
    const now = meanwhile.decisions.get(node);
    if (!now || chosenIn(now).tier !== chosenIn(decision).tier) return undefined;
    start.set(node, { startedOn: chosenIn(now).kernel, movesTo: chosenIn(decision).kernel });
  }
  return start;
};

/** Why a kernel that was to be moved to is not in use, as the decision made without it knows. */
const whyNot = (kernel: string, decision: Decision): string =>
  `${kernel} could not be made: ${decision.verdicts.find((v) => v.kernel === kernel)?.detail ?? 'it is not chosen any more'}`;

/** The decision behind a plan that runs while a better one is made. */
export const whileCompiling = (decision: Decision, start: Start): Decision => {
  const from = start.get(decision.node);
  if (!from || from.startedOn === from.movesTo) return decision;
  return {
    ...decision,
    tier: { ...from, state: 'compiling', why: `started on ${from.startedOn}, moves to ${from.movesTo} when it is compiled` },
  };
};

/** The decision behind a plan that nothing better can be made for. */
export const whereItStays = (decision: Decision, start: Start, reason: string): Decision => {
  const from = start.get(decision.node);
  if (!from || from.startedOn === from.movesTo) return decision;
  return { ...decision, tier: { ...from, state: 'stays', why: `stays on ${from.startedOn}: ${reason}` } };
};

/** The decision behind the plan that was made meanwhile; where what was chosen failed, it may be on the kernel it started on. */
export const afterMoving = (decision: Decision, start: Start): Decision => {
  const from = start.get(decision.node);
  const kernel = decision.kernel?.id;
  if (!from || from.startedOn === from.movesTo || kernel === undefined) return decision;
  if (kernel === from.startedOn) return whereItStays(decision, start, whyNot(from.movesTo, decision));
  const why =
    kernel === from.movesTo
      ? `started on ${from.startedOn}, moved to ${kernel} when it was compiled`
      : `started on ${from.startedOn}, moved to ${kernel}; ${whyNot(from.movesTo, decision)}`;
  return { ...decision, tier: { startedOn: from.startedOn, movesTo: kernel, state: 'moved', why } };
};
