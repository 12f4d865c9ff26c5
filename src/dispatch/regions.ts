/**
 * Regions: nodes that may run as one unit and are connected are gathered wherever the result can
 * still be put in an order (no region may wait for itself), and taken apart again where a chip
 * turns out not to run them together.
 */

export interface RegionGraph {
  /** For each node (in topological order) the positions of the nodes whose outputs it reads. */
  readonly inputs: readonly (readonly number[])[];
}

/** Sets of nodes that merge, and what each set reads. */
class Merging {
  readonly #parent: Int32Array;
  /** Per set: nodes its members read, members among them. Rewritten without repetition whenever a search passes. */
  readonly #reads: number[][];
  /** Search in which a set was last seen. */
  readonly #seen: Int32Array;
  #searches = 0;

  constructor(inputs: RegionGraph['inputs']) {
    this.#parent = Int32Array.from(inputs, (_, i) => i);
    this.#reads = inputs.map((list) => [...list]);
    this.#seen = new Int32Array(inputs.length);
  }

  find(i: number): number {
    const parent = this.#parent;
    while (parent[i] !== i) i = parent[i] = parent[parent[i]!]!;
    return i;
  }

  readsOf(r: number): readonly number[] {
    return (this.#reads[r] = [...new Set(this.#reads[r]!.map((x) => this.find(x)))].filter((x) => x !== r));
  }

  /** Whether something `reader` reads, other than `producer` itself, depends on `producer`. */
  dependsAround(reader: number, producer: number): boolean {
    const search = ++this.#searches;
    const stack = this.readsOf(reader).filter((r) => r !== producer);
    for (const r of stack) this.#seen[r] = search;
    while (stack.length) {
      for (const r of this.readsOf(stack.pop()!)) {
        if (r === producer) return true;
        if (this.#seen[r] === search) continue;
        this.#seen[r] = search;
        stack.push(r);
      }
    }
    return false;
  }

  /** Merges two sets under the name of the one that comes first. */
  merge(a: number, b: number): void {
    const [first, second] = a < b ? [a, b] : [b, a];
    this.#parent[second] = first;
    for (const x of this.#reads[second]!) this.#reads[first]!.push(x);
    this.#reads[second] = [];
  }
}

/** Sets in an order in which each comes after all it reads, otherwise by their first nodes. */
const ordered = (sets: Merging, members: ReadonlyMap<number, number[]>, inputs: RegionGraph['inputs']): number[][] => {
  const order: number[][] = [];
  const state = new Map<number, number[]>();
  for (const start of members.keys()) {
    const stack = state.has(start) ? [] : [start];
    while (stack.length) {
      const r = stack.at(-1)!;
      let waiting = state.get(r);
      if (!waiting) {
        const before = new Set(members.get(r)!.flatMap((v) => inputs[v]!.map((p) => sets.find(p))));
        before.delete(r);
        state.set(r, (waiting = [...before].reverse()));
      }
      const next = waiting.pop();
      if (next === undefined) {
        stack.pop();
        order.push(members.get(r)!);
      } else if (!state.has(next)) stack.push(next);
    }
  }
  return order;
};

/**
 * @param joins whether node `v` may share a region with node `p`, which it reads.
 * @returns regions as ascending lists of node positions, in an order in which they can run.
 */
export const formRegions = ({ inputs }: RegionGraph, joins: (p: number, v: number) => boolean): number[][] => {
  const sets = new Merging(inputs);
  for (let v = 0; v < inputs.length; v++) {
    for (const p of inputs[v]!) {
      const [rp, rv] = [sets.find(p), sets.find(v)];
      // The other way round nothing can depend: then `v` would not have joined what `p` depends on.
      if (rp !== rv && joins(p, v) && !sets.dependsAround(rv, rp)) sets.merge(rp, rv);
    }
  }
  const members = new Map<number, number[]>();
  for (let v = 0; v < inputs.length; v++) {
    const r = sets.find(v);
    const list = members.get(r);
    if (list) list.push(v);
    else members.set(r, [v]);
  }
  return ordered(sets, members, inputs);
};

/** Connected parts of some nodes (ascending), each ascending, by their first node. */
const connectedParts = ({ inputs }: RegionGraph, nodes: readonly number[]): number[][] => {
  const partOf = new Map<number, number[]>();
  for (const v of nodes) {
    let own = [v];
    for (const p of inputs[v]!) {
      const other = partOf.get(p);
      if (!other || other === own) continue;
      const [into, from] = other.length >= own.length ? [other, own] : [own, other];
      for (const x of from) partOf.set(x, into);
      into.push(...from);
      own = into;
    }
    partOf.set(v, own);
  }
  return [...new Set(partOf.values())].map((part) => part.sort((a, b) => a - b)).sort((a, b) => a[0]! - b[0]!);
};

/**
 * Takes a region of at least two nodes apart: the connected parts of its first `k` nodes and of the others.
 * In this order they can stand where the region stood, because a path between two nodes of one side
 * that leaves it would leave the region, too.
 */
export const splitAt = (graph: RegionGraph, members: readonly number[], k: number): number[][] => [
  ...connectedParts(graph, members.slice(0, k)),
  ...connectedParts(graph, members.slice(k)),
];

/** Takes a region of at least two nodes apart in the middle. */
export const splitRegion = (graph: RegionGraph, members: readonly number[]): number[][] =>
  splitAt(graph, members, Math.ceil(members.length / 2));
