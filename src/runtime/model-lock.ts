/** What locks a model: the kernels and plans it runs by now. */
import { lockedPlanOf } from '../dispatch/plan-lock.ts';
import { lockOf, type LockContents } from '../opmanager/lock-entries.ts';
import type { ChipIdentity } from '../opmanager/tables/snapshot.ts';
import type { FlagosModel } from './model.ts';

/** @param identities of the runtime it is loaded in. Only what has been planned is locked: parts that wait for values are once it has run. */
export const lockOfModel = (model: FlagosModel, identities: ReadonlyMap<string, ChipIdentity>): LockContents => ({
  kernels: lockOf(
    model.placement().map(({ node }) => model.explain(node)),
    identities,
  ),
  plans: Object.fromEntries(model.plans.map((plan) => lockedPlanOf(plan, identities))),
});
