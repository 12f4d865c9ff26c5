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

const count = (into: Record<string, number>, key: string): void => {
  into[key] = (into[key] ?? 0) + 1;
};

export const coverageOf = (decisions: readonly Decision[], plans: readonly PreparedPlan[]): Coverage => {
  const nodes: Record<string, number> = {};
  const regions: Record<string, number> = {};
  for (const d of decisions) count(nodes, d.kernel ? d.kernel.id.slice(0, d.kernel.id.indexOf(':')) : 'nobody');
  for (const p of plans) for (const r of p.planned.regions) count(regions, r.chip?.id ?? 'flagos/host');
  const folded = new Set(plans.flatMap((p) => p.special.folded)).size;
  const parts = Object.entries(nodes).sort((a, b) => b[1] - a[1]).map(([chip, n]) => `${n} on ${chip} (${regions[chip] ?? 0} ${regions[chip] === 1 ? 'region' : 'regions'})`);
  return { nodes, regions, folded, total: decisions.length, line: `${decisions.length} nodes: ${parts.join(', ') || 'nothing to run'}${folded ? `; ${folded} folded` : ''}` };
};
