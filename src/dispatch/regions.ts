/**
 * Regions from labels: nodes that run on the same session and are connected are gathered into one
 * region wherever the result can still be put in an order (no region may wait for itself).
 */

export interface RegionGraph {
  /** For each node (in topological order) the positions of the nodes whose outputs it reads. */
  readonly inputs: readonly (readonly number[])[];
}

/**
 * @param labels session of each node; nodes of different labels never share a region.
 * @param grows whether a node, on the session it is labelled with, may share a region.
 * @returns regions as lists of node positions, in an order in which they can run.
 */
export const formRegions = (graph: RegionGraph, labels: readonly number[], grows: (node: number) => boolean): number[][] => {
  const n = labels.length;
  /** Union-find over regions. */
  const parent = Array.from({ length: n }, (_, i) => i);
  const find = (i: number): number => {
    while (parent[i] !== i) i = parent[i] = parent[parent[i]!]!;
    return i;
  };
  const outs = new Map<number, Set<number>>();
  const edges = (r: number): Set<number> => {
    let set = outs.get(r);
    if (!set) outs.set(r, (set = new Set()));
    return set;
  };
  /** Whether `to` can be reached from `from` through at least one other region. */
  const reachesAround = (from: number, to: number): boolean => {
    const stack = [...edges(from)].map(find).filter((r) => r !== to && r !== from);
    const seen = new Set(stack);
    while (stack.length) {
      for (const next of edges(stack.pop()!)) {
        const r = find(next);
        if (r === to) return true;
        if (r !== from && !seen.has(r)) {
          seen.add(r);
          stack.push(r);
        }
      }
    }
    return false;
  };
  const merge = (a: number, b: number): void => {
    parent[b] = a;
    for (const e of edges(b)) edges(a).add(e);
    outs.delete(b);
  };

  for (let v = 0; v < n; v++) {
    for (const p of graph.inputs[v]!) edges(find(p)).add(v);
    if (!grows(v)) continue;
    for (const p of graph.inputs[v]!) {
      const [rp, rv] = [find(p), find(v)];
      if (rp === rv || labels[p] !== labels[v] || !grows(p)) continue;
      if (!reachesAround(rp, rv) && !reachesAround(rv, rp)) merge(Math.min(rp, rv), Math.max(rp, rv));
    }
  }

  const members = new Map<number, number[]>();
  for (let v = 0; v < n; v++) {
    const r = find(v);
    members.set(r, [...(members.get(r) ?? []), v]);
  }
  // Order of regions: all their inputs first; among ready ones, the one whose first node comes first.
  const order: number[][] = [];
  const state = new Map<number, 'open' | 'done'>();
  const visit = (r: number): void => {
    if (state.has(r)) return;
    state.set(r, 'open');
    for (const v of members.get(r)!) for (const p of graph.inputs[v]!) if (find(p) !== r) visit(find(p));
    state.set(r, 'done');
    order.push(members.get(r)!);
  };
  for (let v = 0; v < n; v++) visit(find(v));
  return order;
};
