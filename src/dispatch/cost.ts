/**
 * What an assignment of nodes to sessions costs, in microseconds: node times, the start of each
 * region, and copies between memories, each value copied once to each memory it is read in.
 */
import { formRegions, type RegionGraph } from './regions.ts';

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
}

/** Whether two neighbours may share a region, under a labelling (a session for each node). */
export const joinsUnder =
  ({ options, sessions }: AssignmentProblem, labels: readonly number[]) =>
  (p: number, v: number): boolean => {
    const label = labels[v]!;
    if (labels[p] !== label || !sessions[label]!.grows) return false;
    const [a, b] = [options[p]!.get(label)!, options[v]!.get(label)!];
    return !a.alone && !b.alone && a.variant === b.variant;
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

/** Cost of a labelling. Infinite where a node has no such option. */
export const costOf = (problem: AssignmentProblem, labels: readonly number[]): number => {
  const { options, sessions, values } = problem;
  let cost = 0;
  for (let v = 0; v < labels.length; v++) cost += options[v]!.get(labels[v]!)?.us ?? Infinity;
  for (const value of values) cost += copyUsOf(problem, value, labels);
  for (const region of formRegions(problem, joinsUnder(problem, labels))) cost += sessions[labels[region[0]!]!]!.overheadUs;
  return cost;
};
