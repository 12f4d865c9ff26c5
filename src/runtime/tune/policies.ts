/** Which single-provider policies are worth measuring for a model, and which are not, with the reason. */
import type { Verdict } from '../../opmanager/decision.ts';
import type { PolicyOverride, Token } from '../../opmanager/policy.ts';
import type { PlannedGraph } from '../../dispatch/planned.ts';

export interface Trial {
  readonly name: string;
  readonly policy: PolicyOverride;
  /** Whether the asked accuracy lets it run; else it only shows what it would buy. */
  readonly admitted: boolean;
}

export interface Skipped {
  readonly name: string;
  readonly why: string;
}

/** A chip that promises no better than this many times what the default took is not measured. */
const HOPELESS = 4;

interface Field {
  readonly nodes: number;
  readonly us: number;
  readonly admitted: boolean;
}

/** Whether a verdict lets a kernel run: chosen, or passed over for another one of the same rank only. */
const could = (v: Verdict): boolean => v.status !== 'rejected' || v.reason === 'SLOWER' || v.reason === 'TRANSFER' || v.reason === 'REGION';

/** Per chip, per variant: what it could run of the plans, and how long that would take by what is known. */
const fields = (plans: readonly PlannedGraph[]): Map<string, Map<string, Field>> => {
  const chips = new Map<string, Map<string, Field>>();
  for (const { decisions } of plans) {
    for (const { verdicts } of decisions.values()) {
      for (const v of verdicts) {
        const unproved = v.reason === 'ACC_UNKNOWN';
        if (v.kind === 'reference' || v.chip === 'host' || v.expectedUs === undefined || !(could(v) || unproved)) continue;
        const variants = chips.get(`${v.provider}/${v.chip}`) ?? new Map<string, Field>();
        chips.set(`${v.provider}/${v.chip}`, variants);
        const known = variants.get(v.variant) ?? { nodes: 0, us: 0, admitted: true };
        variants.set(v.variant, { nodes: known.nodes + 1, us: known.us + v.expectedUs, admitted: known.admitted && !unproved });
      }
    }
  }
  return chips;
};

const preferring = (tokens: readonly Token[]): PolicyOverride => ({ prefer: tokens, perOp: {} });

/**
 * @param plans the default's.
 * @param usualUs what a run of it took, microseconds: what others promise is held against that, not against what is promised of it.
 * @param unproved whether variants of unknown accuracy are to be measured, too.
 */
export const trialsOf = (
  plans: readonly PlannedGraph[],
  usualUs: number,
  unproved: boolean,
): { readonly trials: Trial[]; readonly skipped: Skipped[] } => {
  const trials: Trial[] = [];
  const skipped: Skipped[] = [];
  const chips = fields(plans);
  const total = plans.reduce((n, p) => n + p.decisions.size, 0);
  for (const [chip, variants] of chips) {
    // The variant most nodes have is what the chip does by itself; variants of a few nodes come along where they are faster.
    const usual = [...variants].filter(([, f]) => f.admitted).sort((a, b) => b[1].nodes - a[1].nodes || a[1].us - b[1].us)[0];
    for (const [variant, field] of variants) {
      const name = variant === usual?.[0] ? chip : `${chip} ${variant}`;
      if (variant !== usual?.[0] && field.nodes < (usual?.[1].nodes ?? total) / 2) continue;
      if (field.us > HOPELESS * usualUs)
        skipped.push({ name, why: `expected to take ${(field.us / usualUs).toFixed(0)} times as long as the default took` });
      else if (!field.admitted && !unproved)
        skipped.push({ name, why: 'its accuracy was never measured: flagos verify, or --accuracy loose to see what it buys' });
      else
        trials.push({
          name,
          policy: preferring(variant === usual?.[0] ? [chip] : [`impl:${chip}:*.${variant}`, chip]),
          admitted: field.admitted,
        });
    }
  }
  return { trials, skipped };
};
