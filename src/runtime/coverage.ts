/** Coverage: which provider ran how many nodes. Falling back is never silent: this line is printed by every session that asks. */
import type { Decision } from '../opmanager/decision.ts';
import type { PreparedPlan } from '../dispatch/prepare.ts';

export interface Coverage {
  /** Nodes per chip (`provider/chip`). */
  readonly nodes: Readonly<Record<string, number>>;
  /** Regions (units that run) per chip. */
  readonly regions: Readonly<Record<string, number>>;
  readonly folded: number;
  readonly total: number;
  /** For people. */
  readonly line: string;
}

/** The newest decision for each node, with the plan it belongs to. */
export type Decisions = ReadonlyMap<string, { readonly decision: Decision; readonly plan: PreparedPlan }>;

const count = (into: Record<string, number>, key: string): void => {
  into[key] = (into[key] ?? 0) + 1;
};

export const coverageOf = (decisions: Decisions, plans: readonly PreparedPlan[]): Coverage => {
  const nodes: Record<string, number> = {};
  const regions: Record<string, number> = {};
  const seen = new Map<PreparedPlan, Set<number>>();
  for (const { decision, plan } of decisions.values()) {
    const chip = decision.kernel ? decision.kernel.id.slice(0, decision.kernel.id.indexOf(':')) : 'nobody';
    count(nodes, chip);
    const counted = seen.get(plan) ?? new Set();
    seen.set(plan, counted);
    if (!decision.region || counted.has(decision.region.id)) continue;
    counted.add(decision.region.id);
    count(regions, chip);
  }
  const folded = new Set(plans.flatMap((p) => p.special.folded).filter((name) => !decisions.has(name))).size;
  const parts = Object.entries(nodes)
    .sort((a, b) => b[1] - a[1])
    .map(([chip, n]) => `${n} on ${chip} (${regions[chip] ?? 0} ${regions[chip] === 1 ? 'region' : 'regions'})`);
  return {
    nodes,
    regions,
    folded,
    total: decisions.size,
    line: `${decisions.size} ${decisions.size === 1 ? 'node' : 'nodes'}: ${parts.join(', ') || 'nothing to run'}${folded ? `; ${folded} folded` : ''}`,
  };
};
