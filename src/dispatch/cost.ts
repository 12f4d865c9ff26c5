/**
 * What an assignment of nodes to sessions costs, in microseconds: node times, the start of each
 * region, and copies between memories, each value copied once to each memory it is read in.
 */
import { formRegions, splitAt, type RegionGraph } from './regions.ts';

/** A node on a session. */
export interface Option {
  /** Microseconds, the start of its region not counted. */
  readonly us: number;
  /** Whether it must be a region of its own there. */
  readonly alone: boolean;
  /** Nodes share a region only where they run by variants of the same name. */
  readonly variant: string;
}

/** A value that may have to be copied. */
export interface Passed {
  /** For messages. */
  readonly name?: string;
  /** The node that makes it; −1: it is given, on the host. */
  readonly from: number;
  readonly readers: readonly number[];
  /** Whether it is needed on the host in the end: an output of the graph, or read by its tail. */
  readonly kept: boolean;
  /** Per space: microseconds of one copy between it and the host. */
  readonly copyUs: readonly number[];
}

export interface AssignmentProblem extends RegionGraph {
  /** Per node: the sessions that may run it. */
  readonly options: readonly ReadonlyMap<number, Option>[];
  /** Per session: start of a region (µs), whether it takes regions of several nodes, and its memory: a space, 0 is the host's. */
  readonly sessions: readonly { readonly overheadUs: number; readonly grows: boolean; readonly space: number }[];
  /** Values that can cross from one space to another. */
  readonly values: readonly Passed[];
  /** Microseconds a region of these nodes (ascending) takes on a session, its start counted, where that was measured as a whole. */
  readonly regionUs?: ((members: readonly number[], session: number) => number | undefined) | undefined;
  /** What each boundary between regions has to gain at least, microseconds: predictions are not exact, and what is whole is easier to run. */
  readonly boundaryUs?: number;
  /** Nodes that no region reaches over to from before. */
  readonly cuts?: ReadonlySet<number> | undefined;
}

/** Whether two neighbours may share a region, under a labelling (a session for each node). */
export const joinsUnder = ({ options, sessions, cuts }: AssignmentProblem, labels: readonly number[]) => {
  const part = cuts && cuts.size > 0 ? partsOf(cuts, labels.length) : undefined;
  return (p: number, v: number): boolean => {
    const label = labels[v]!;
    if (labels[p] !== label || !sessions[label]!.grows || (part && part[p] !== part[v])) return false;
    const [a, b] = [options[p]!.get(label)!, options[v]!.get(label)!];
    return !a.alone && !b.alone && a.variant === b.variant;
  };
};

/** Per node: how many cuts are before it. */
const partsOf = (cuts: ReadonlySet<number>, n: number): Int32Array => {
  const part = new Int32Array(n);
  for (let v = 1; v < n; v++) part[v] = part[v - 1]! + (cuts.has(v) ? 1 : 0);
  return part;
};

/** Microseconds of copying one value. Between two chips it goes through the host. */
export const copyUsOf = ({ sessions }: AssignmentProblem, { from, readers, kept, copyUs }: Passed, labels: readonly number[]): number => {
  const home = from < 0 ? 0 : sessions[labels[from]!]!.space;
  let cost = 0;
  let leaves = kept;
  for (let i = 0; i < readers.length; i++) {
    const space = sessions[labels[readers[i]!]!]!.space;
    if (space === home) continue;
    leaves = true;
    let again = space === 0;
    for (let k = 0; k < i && !again; k++) again = sessions[labels[readers[k]!]!]!.space === space;
    if (!again) cost += copyUs[space]!;
  }
  return leaves && home !== 0 ? cost + copyUs[home]! : cost;
};

/** Microseconds of one region, what each of its boundaries must gain included. */
const regionCost = (problem: AssignmentProblem, region: readonly number[], session: number): number => {
  const { options, sessions, regionUs, boundaryUs = 0 } = problem;
  const whole = regionUs?.(region, session);
  if (whole !== undefined) return whole + boundaryUs;
  let us = sessions[session]!.overheadUs + boundaryUs;
  for (const v of region) us += options[v]!.get(session)?.us ?? Infinity;
  return us;
};

/** A region taken apart where parts of it were measured to take less than the whole was: guesses are no ground for it. */
const apart = (problem: AssignmentProblem, region: readonly number[], session: number): readonly (readonly number[])[] => {
  const measured = (members: readonly number[]): boolean => problem.regionUs?.(members, session) !== undefined;
  if (region.length < 2 || !measured(region)) return [region];
  const whole = regionCost(problem, region, session);
  let best: readonly (readonly number[])[] = [region];
  let least = whole;
  for (let k = 1; k < region.length; k++) {
    const parts = splitAt(problem, region, k);
    if (!parts.every(measured)) continue;
    const us = parts.reduce((sum, part) => sum + regionCost(problem, part, session), 0);
    if (us < least) [best, least] = [parts, us];
  }
  return best.length === 1 ? best : best.flatMap((part) => apart(problem, part, session));
};

/** The regions of a labelling, in an order in which they can run: grown as far as they can be, and taken apart where that was measured to be cheaper. */
export const regionsOf = (problem: AssignmentProblem, labels: readonly number[]): (readonly number[])[] => {
  const grown = formRegions(problem, joinsUnder(problem, labels));
  return problem.regionUs ? grown.flatMap((region) => apart(problem, region, labels[region[0]!]!)) : grown;
};

/** Cost of a labelling. Infinite where a node has no such option. */
export const costOf = (problem: AssignmentProblem, labels: readonly number[]): number => {
  let cost = 0;
  for (const value of problem.values) cost += copyUsOf(problem, value, labels);
  for (const region of regionsOf(problem, labels)) cost += regionCost(problem, region, labels[region[0]!]!);
  return cost;
};
