/**
 * Language dispatch, the first level: for a node, FlagOS-native op, vendor op, or reference? It
 * filters by policy and accuracy evidence (through selection) and keeps the providers of the best
 * policy tier; which of them is cheapest for the whole graph is the planner's question.
 */
import type { ProviderKind } from '../plugins/contract.ts';
import type { Verdict } from '../opmanager/decision.ts';
import { byPreference } from '../opmanager/select.ts';

export interface LanguageChoice {
  readonly provider: string;
  readonly kind: ProviderKind;
  /** Its eligible kernels, best first: the field of op dispatch. */
  readonly kernels: readonly Verdict[];
}

/** Providers in the best tier that has any eligible kernel, the cheapest first; empty if nobody can. */
export const dispatchLanguage = (verdicts: readonly Verdict[]): LanguageChoice[] => {
  const eligible = verdicts.filter((v) => v.status === 'eligible').sort(byPreference);
  const tier = eligible[0]?.tier;
  const groups = new Map<string, Verdict[]>();
  for (const v of eligible) {
    if (v.tier !== tier) break;
    groups.set(v.provider, [...(groups.get(v.provider) ?? []), v]);
  }
  return [...groups].map(([provider, kernels]) => ({ provider, kind: kernels[0]!.kind, kernels }));
};
