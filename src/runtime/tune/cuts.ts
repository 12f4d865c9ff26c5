/**
 * Where a graph can be cut in two with one value passing: the only places at which handing over from one
 * provider to another costs a single hand-over. Between them are blocks (a residual block, an inception
 * module), and times of blocks, measured as compiled regions, do add up, where times of nodes do not.
 */
import { nodeReads } from '../../core/graph.ts';
import type { SpecialNode } from '../../dispatch/specialize.ts';

/** Positions `k` at which a single value made before node `k` is read by node `k` or later. */
export const narrowPlaces = (
  nodes: readonly SpecialNode[],
  outputs: readonly string[],
  isConstant: (name: string) => boolean,
): number[] => {
  const last = new Map<string, number>();
  const first = new Map<string, number>();
  nodes.forEach(({ node }, v) => {
    for (const name of nodeReads(node)) {
      if (isConstant(name)) continue;
      last.set(name, v);
      // What nobody here makes is there from the start.
      if (!first.has(name)) first.set(name, -1);
    }
    for (const name of node.outputs) if (name !== '') first.set(name, v);
  });
  for (const name of outputs) if (first.has(name)) last.set(name, nodes.length);
  const change = new Int32Array(nodes.length + 2);
  for (const [name, from] of first) {
    const to = last.get(name);
    if (to === undefined || to <= from) continue;
    // Alive at the boundaries before nodes from + 1 … to.
    change[from + 1]!++;
    change[Math.min(to, nodes.length) + 1]!--;
  }
  const places: number[] = [];
  let alive = 0;
  for (let k = 0; k < nodes.length; k++) {
    alive += change[k]!;
    if (k > 0 && alive === 1) places.push(k);
  }
  return places;
};

/**
 * Some of the places, so that blocks are of about the same weight.
 * @param weights of each node: the time expected of it. @param most blocks at most.
 */
export const evenCuts = (places: readonly number[], weights: readonly number[], most: number): number[] => {
  const before = [0];
  for (const w of weights) before.push(before.at(-1)! + w);
  const step = before.at(-1)! / most;
  const cuts: number[] = [];
  let from = 0;
  for (const [i, k] of places.entries()) {
    const next = places[i + 1] ?? weights.length;
    // Taken if the next place would overshoot by more than this one falls short.
    const [short, over] = [step - (before[k]! - from), before[next]! - from - step];
    if (cuts.length < most - 1 && over > 0 && over >= short && before[k]! - from > step / 4) {
      cuts.push(k);
      from = before[k]!;
    }
  }
  return cuts;
};
