/**
 * Op dispatch, the second level: within the op a provider supplies, which chip and which kernel
 * variant? One kernel per chip survives (the cheapest variant there); between chips the planner
 * decides, because it knows where the operands are.
 */
import type { Verdict } from '../opmanager/decision.ts';
import type { LanguageChoice } from './language.ts';

export const dispatchOp = (choice: LanguageChoice): Verdict[] => {
  const perChip = new Map<string, Verdict>();
  // Kernels come best first.
  for (const v of choice.kernels) if (!perChip.has(v.chip)) perChip.set(v.chip, v);
  return [...perChip.values()];
};
