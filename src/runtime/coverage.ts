/** Coverage: which provider ran how many nodes. Falling back is never silent: this line is printed by every session that asks. */
import type { Decision } from '../opmanager/decision.ts';
import type { ReasonCode } from '../plugins/contract.ts';
import type { PreparedPlan } from '../dispatch/prepare.ts';

/** What there is of one chip, and what became of it. */
export interface ChipCoverage {
  /** Nodes it has a kernel for that nothing speaks against, whether or not it was chosen. */
  readonly able: number;
  /** Nodes given to it. */
  readonly routed: number;
  /** Nodes of those that ran, at least once. */
  readonly executed: number;
}

export interface Coverage {
  /** By chip, those that run nothing included. */
  readonly chips: Readonly<Record<string, ChipCoverage>>;
  /** Nodes that ran at least once, of all. */
  readonly executed: number;
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

/** Reasons that speak of the choice, not of the kernel. */
const passedOver: readonly (ReasonCode | undefined)[] = ['POLICY', 'SLOWER', 'TRANSFER', 'REGION', 'LOCKED', 'COMPILING', undefined];

const chipsOf = (decisions: Decisions, hasRun: (plan: PreparedPlan) => boolean): Record<string, ChipCoverage> => {
  const chips: Record<string, { able: number; routed: number; executed: number }> = {};
  for (const { decision, plan } of decisions.values()) {
    const able = new Set<string>();
    for (const v of decision.verdicts) {
      const chip = `${v.provider}/${v.chip}`;
      chips[chip] ??= { able: 0, routed: 0, executed: 0 };
      if (v.refusal === undefined && passedOver.includes(v.reason)) able.add(chip);
      if (v.status !== 'chosen') continue;
      chips[chip].routed++;
      if (hasRun(plan)) chips[chip].executed++;
    }
    for (const chip of able) chips[chip]!.able++;
  }
  return chips;
};

const count = (into: Record<string, number>, key: string): void => {
  into[key] = (into[key] ?? 0) + 1;
};

/** @param hasRun whether a plan ran from its first step to its last. */
export const coverageOf = (decisions: Decisions, plans: readonly PreparedPlan[], hasRun: (plan: PreparedPlan) => boolean): Coverage => {
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
    chips: chipsOf(decisions, hasRun),
    executed: [...decisions.values()].filter(({ plan }) => hasRun(plan)).length,
    nodes,
    regions,
    folded,
    total: decisions.size,
    line: `${decisions.size} ${decisions.size === 1 ? 'node' : 'nodes'}: ${parts.join(', ') || 'nothing to run'}${folded ? `; ${folded} folded` : ''}`,
  };
};
