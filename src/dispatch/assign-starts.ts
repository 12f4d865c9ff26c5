/**
 * Where the search for an assignment starts: labellings found without forming regions, by an
 * estimate in which a node starts a region unless it joins one of the nodes it reads.
 */
import { copyUsOf, joinsUnder, type AssignmentProblem, type Passed } from './cost.ts';

/** Every node on the session that would be cheapest if it were alone. */
export const cheapestEach = ({ options, sessions }: AssignmentProblem): number[] =>
  options.map((of) => {
    const total = ([s, o]: readonly [number, { readonly us: number }]): number => o.us + sessions[s]!.overheadUs;
    return [...of].reduce((best, o) => (total(o) < total(best) ? o : best))[0];
  });

/** Everything a session can run on it, the rest as it was. */
export const allOn = ({ options }: AssignmentProblem, labels: readonly number[], s: number): number[] =>
  labels.map((l, v) => (options[v]!.has(s) ? s : l));

/**
 * Exact where each node reads at most one other and is read by any number: dynamic programming over
 * the tree in which a node hangs on the last one it reads, from the leaves up.
 */
export const alongTree = (problem: AssignmentProblem): number[] => {
  const { inputs, options, sessions, values } = problem;
  const n = inputs.length;
  const made = new Map(values.flatMap((x) => (x.from < 0 ? [] : [[x.from, x] as const])));
  const parent = inputs.map((list) => (list.length ? Math.max(...list) : -1));
  /** Per node and session: cost of the subtree, and the labels of the node's children that give it. */
  const own = ownCopies(problem);
  const best: Map<number, number>[] = options.map((of, v) => new Map([...of].map(([s, o]) => [s, o.us + own(v, sessions[s]!.space)])));
  const choice: Map<number, number>[] = options.map(() => new Map());
  const edge = (p: number, a: number, v: number, b: number): number => {
    const [from, to] = [sessions[a]!, sessions[b]!];
    const [x, y] = [options[p]!.get(a)!, options[v]!.get(b)!];
    if (a === b && to.grows && !x.alone && !y.alone && x.variant === y.variant) return 0;
    const copyUs = from.space === to.space ? undefined : made.get(p)?.copyUs;
    return to.overheadUs + (copyUs ? copyUs[from.space]! + copyUs[to.space]! : 0);
  };
  for (let v = n - 1; v >= 0; v--) {
    const p = parent[v]!;
    if (p < 0) continue;
    for (const [a, cost] of best[p]!) {
      let least = Infinity;
      for (const [b, below] of best[v]!) {
        const total = below + edge(p, a, v, b);
        if (total < least) {
          least = total;
          choice[v]!.set(a, b);
        }
      }
      best[p]!.set(a, cost + least);
    }
  }
  const labels = new Array<number>(n);
  for (let v = 0; v < n; v++) {
    labels[v] =
      parent[v]! >= 0
        ? choice[v]!.get(labels[parent[v]!]!)!
        : [...best[v]!].reduce((x, y) => (y[1] + sessions[y[0]]!.overheadUs < x[1] + sessions[x[0]]!.overheadUs ? y : x))[0];
  }
  return labels;
};

/** Microseconds of the copies that one node alone decides: of what is given and only it reads, and of its result if it is handed out. */
const ownCopies = ({ inputs, values }: AssignmentProblem): ((v: number, space: number) => number) => {
  const copied = inputs.map((): Passed[] => []);
  for (const x of values) {
    if (x.from >= 0 && x.kept) copied[x.from]!.push(x);
    if (x.from < 0 && x.readers.length === 1) copied[x.readers[0]!]!.push(x);
  }
  return (v, space) => (space === 0 ? 0 : copied[v]!.reduce((us, x) => us + x.copyUs[space]!, 0));
};

/** Passes over the nodes at most. */
const SWEEPS = 20;

/** Moves single nodes as long as the estimate gets better, in time proportional to the edges. */
export const settle = (problem: AssignmentProblem, start: readonly number[]): number[] => {
  const { inputs, options, sessions, values } = problem;
  const labels = [...start];
  const joins = joinsUnder(problem, labels);
  const readers: number[][] = inputs.map(() => []);
  inputs.forEach((list, v) => list.forEach((p) => readers[p]!.push(v)));
  const touching = inputs.map((): (typeof values)[number][] => []);
  for (const x of values) for (const v of new Set([...(x.from < 0 ? [] : [x.from]), ...x.readers])) touching[v]!.push(x);
  const startUs = (v: number): number => (inputs[v]!.some((p) => joins(p, v)) ? 0 : sessions[labels[v]!]!.overheadUs);
  const around = (v: number): number => {
    let us = options[v]!.get(labels[v]!)!.us + startUs(v);
    for (const r of readers[v]!) us += startUs(r);
    for (const x of touching[v]!) us += copyUsOf(problem, x, labels);
    return us;
  };
  for (let sweep = 0, moved = true; moved && sweep < SWEEPS; sweep++) {
    moved = false;
    for (let v = 0; v < labels.length; v++) {
      if (options[v]!.size < 2) continue;
      const before = labels[v]!;
      let [best, least] = [before, around(v)];
      for (const s of options[v]!.keys()) {
        labels[v] = s;
        const us = around(v);
        if (us < least) [best, least] = [s, us];
      }
      labels[v] = best;
      if (best !== before) moved = true;
    }
  }
  return labels;
};
