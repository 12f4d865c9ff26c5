/**
 * Assignment: which session runs each node, so that the whole graph is cheapest. Exact search is
 * exponential; this takes several starts and improves them by moves that matter in practice: a whole
 * session's territory at once, connected patches of it, single nodes, neighbours. The number of
 * labellings looked at is bounded, so that planning a large graph takes seconds at the most.
 */
import { allOn, alongTree, cheapestEach, settle } from './assign-starts.ts';
import { costOf, type AssignmentProblem } from './cost.ts';

/** Up to this many nodes every start is improved; beyond, the best one is. */
const SMALL = 24;
/** Nodes looked at in all, over all labellings: each costs a pass over the graph. */
const NODE_BUDGET = 100_000;

/** Connected sets of nodes that session `s` could run and that are not labelled `s` yet, the most promising first. */
const patches = ({ inputs, options }: AssignmentProblem, labels: readonly number[], s: number): number[][] => {
  const component = new Map<number, number[]>();
  for (let v = 0; v < labels.length; v++) {
    if (labels[v] === s || !options[v]!.has(s)) continue;
    let own = [v];
    for (const p of inputs[v]!) {
      const other = component.get(p);
      if (!other || other === own) continue;
      const [into, from] = other.length >= own.length ? [other, own] : [own, other];
      for (const x of from) component.set(x, into);
      into.push(...from);
      own = into;
    }
    component.set(v, own);
  }
  const gain = (patch: readonly number[]): number =>
    patch.reduce((us, v) => us + options[v]!.get(labels[v]!)!.us - options[v]!.get(s)!.us, 0);
  return [...new Set(component.values())]
    .map((patch) => ({ patch, gain: gain(patch) }))
    .sort((a, b) => b.gain - a.gain || a.patch[0]! - b.patch[0]!)
    .map((x) => x.patch);
};

/** A labelling under improvement. */
class Search {
  readonly #problem: AssignmentProblem;
  labels: number[];
  cost: number;
  #left: number;

  constructor(problem: AssignmentProblem, start: number[], passes: number) {
    this.#problem = problem;
    this.labels = start;
    this.cost = costOf(problem, start);
    this.#left = passes;
  }

  /** Labels nodes `s` if that makes the whole cheaper. */
  #try(nodes: readonly number[], s: number): boolean {
    if (this.#left-- <= 0) return false;
    const labels = [...this.labels];
    for (const v of nodes) labels[v] = s;
    const cost = costOf(this.#problem, labels);
    if (cost >= this.cost) return false;
    this.labels = labels;
    this.cost = cost;
    return true;
  }

  #territories(s: number): boolean {
    const movable = this.labels.flatMap((l, v) => (l !== s && this.#problem.options[v]!.has(s) ? [v] : []));
    if (movable.length === 0) return false;
    let moved = this.#try(movable, s);
    for (const patch of patches(this.#problem, this.labels, s)) moved = this.#try(patch, s) || moved;
    return moved;
  }

  #neighbours(v: number, s: number): boolean {
    const { inputs, options } = this.#problem;
    let moved = this.labels[v] !== s && this.#try([v], s);
    for (const p of inputs[v]!)
      if (options[p]!.has(s) && (this.labels[p] !== s || this.labels[v] !== s)) moved = this.#try([p, v], s) || moved;
    return moved;
  }

  improve(): this {
    const { options, sessions } = this.#problem;
    for (let moved = true; moved && this.#left > 0;) {
      moved = false;
      for (let s = 0; s < sessions.length; s++) moved = this.#territories(s) || moved;
      for (let v = 0; v < this.labels.length && this.#left > 0; v++)
        for (const s of options[v]!.keys()) moved = this.#neighbours(v, s) || moved;
    }
    return this;
  }
}

/** A good labelling (session per node). Deterministic. Every node must have an option. */
export const assign = (problem: AssignmentProblem): number[] => {
  const n = problem.inputs.length;
  const cheapest = cheapestEach(problem);
  // Nothing to choose: by far the most common case.
  if (problem.options.every((of) => of.size === 1)) return cheapest;
  const tree = alongTree(problem);
  const starts = [cheapest, tree, settle(problem, tree), ...problem.sessions.map((_, s) => allOn(problem, cheapest, s))];
  const passes = Math.max(16, Math.floor(NODE_BUDGET / n / (n <= SMALL ? starts.length : 1)));
  const better = (a: Search, b: Search): Search => (b.cost < a.cost ? b : a);
  const searches = starts.map((start) => new Search(problem, start, passes));
  return n <= SMALL ? searches.map((s) => s.improve()).reduce(better).labels : searches.reduce(better).improve().labels;
};
