/**
 * Assignment: which session runs each node, so that the whole graph is cheapest: node times, the
 * start of each region, and copies between memories. Exact search is exponential; this starts from
 * the cheapest session per node and improves by moves that matter in practice: a whole session's
 * territory at once, then connected patches of it, then single nodes.
 */
import { formRegions, type RegionGraph } from './regions.ts';

/** A node on a session: its cost in microseconds, and whether it must be a region of its own there. */
export interface Option {
  readonly us: number;
  readonly alone: boolean;
}

export interface AssignmentProblem extends RegionGraph {
  /** Per node: the sessions that may run it. */
  readonly options: readonly ReadonlyMap<number, Option>[];
  /** Per session: start of a region (µs), whether it takes regions of several nodes, and its memory. */
  readonly sessions: readonly { readonly overheadUs: number; readonly grows: boolean; readonly space: string }[];
  /** Microseconds to move what node `from` hands to `to` between two spaces. */
  readonly transferUs: (from: number, to: number, spaceFrom: string, spaceTo: string) => number;
}

/** Whether a node may share a region, under a labelling. */
export const growing = (problem: Pick<AssignmentProblem, 'options' | 'sessions'>, labels: readonly number[]) => (v: number): boolean =>
  problem.sessions[labels[v]!]!.grows && !problem.options[v]!.get(labels[v]!)!.alone;

/** Cost of a labelling, microseconds. */
export const costOf = (problem: AssignmentProblem, labels: readonly number[]): number => {
  let cost = 0;
  for (const region of formRegions(problem, labels, growing(problem, labels))) cost += problem.sessions[labels[region[0]!]!]!.overheadUs;
  for (let v = 0; v < labels.length; v++) {
    cost += problem.options[v]!.get(labels[v]!)!.us;
    const space = problem.sessions[labels[v]!]!.space;
    for (const p of problem.inputs[v]!) {
      const from = problem.sessions[labels[p]!]!.space;
      if (from !== space) cost += problem.transferUs(p, v, from, space);
    }
  }
  return cost;
};

/** Connected sets of nodes that session `s` could run and that are not labelled `s` yet. */
const patches = (problem: AssignmentProblem, labels: readonly number[], s: number): number[][] => {
  const component = new Map<number, number[]>();
  for (let v = 0; v < labels.length; v++) {
    if (labels[v] === s || !problem.options[v]!.has(s)) continue;
    let own = [v];
    for (const p of problem.inputs[v]!) {
      const other = component.get(p);
      if (other && other !== own) {
        other.push(...own);
        for (const x of own) component.set(x, other);
        own = other;
      }
    }
    component.set(v, own);
  }
  return [...new Set(component.values())];
};

/** Above this many nodes single-node moves are not tried: each costs a pass over the graph. */
const SINGLE_MOVES = 96;

/** A good labelling (session per node). Deterministic. Every node must have an option. */
export const assign = (problem: AssignmentProblem): number[] => {
  const cheapest = (options: ReadonlyMap<number, Option>): number =>
    [...options].reduce((best, o) => (o[1].us + problem.sessions[o[0]]!.overheadUs < best[1].us + problem.sessions[best[0]]!.overheadUs ? o : best))[0];
  let labels = problem.options.map(cheapest);
  let cost = costOf(problem, labels);
  const consider = (move: readonly number[], s: number): boolean => {
    const proposal = [...labels];
    for (const v of move) proposal[v] = s;
    const c = costOf(problem, proposal);
    if (c >= cost) return false;
    labels = proposal;
    cost = c;
    return true;
  };
  for (let improved = true; improved; ) {
    improved = false;
    for (let s = 0; s < problem.sessions.length; s++) {
      const all = labels.flatMap((l, v) => (l !== s && problem.options[v]!.has(s) ? [v] : []));
      if (all.length === 0) continue;
      if (consider(all, s)) improved = true;
      for (const patch of patches(problem, labels, s)) if (consider(patch, s)) improved = true;
    }
    if (labels.length <= SINGLE_MOVES) {
      for (let v = 0; v < labels.length; v++) for (const s of problem.options[v]!.keys()) if (s !== labels[v] && consider([v], s)) improved = true;
    }
  }
  return labels;
};
