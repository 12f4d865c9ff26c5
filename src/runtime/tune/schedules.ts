/**
 * Other schedules of what runs a model: the plan that was the fastest of those whose kernels have some, under each of them.
 * All of its nodes change together, because regions hold together only where nodes run by variants of one name.
 */
import type { Result } from '../../opmanager/measure.ts';
import { chipOfLabel, planLabel, type PlanLabel } from '../../dispatch/plan-text.ts';
import type { Proposal } from './blocks.ts';
import { choicesOf, type Contender } from './contender.ts';

/** No schedule makes up for being this many times slower than the fastest: cutting the work otherwise moves times by parts of them. */
const FAR = 1.5;

/** Per chip: names of the schedules its kernels in the plans have, and the labels they could stand in for. */
const schedulesOf = ({ model }: Contender): Map<string, { readonly names: Set<string>; readonly labels: Set<PlanLabel> }> => {
  const chips = new Map<string, { names: Set<string>; labels: Set<PlanLabel> }>();
  for (const { planned } of model.plans)
    for (const { verdicts } of planned.decisions.values()) {
      const chosen = verdicts.find((v) => v.status === 'chosen');
      if (!chosen?.schedules?.length) continue;
      const label = planLabel(chosen);
      const known = chips.get(chipOfLabel(label)) ?? { names: new Set(), labels: new Set() };
      chips.set(chipOfLabel(label), known);
      known.labels.add(label);
      for (const name of chosen.schedules) known.names.add(name);
    }
  return chips;
};

/** @param timings of the contenders among others, by name. */
export const proposeSchedules = (contenders: readonly Contender[], timings: readonly Result[]): Proposal[] => {
  const time = (c: Contender): number => timings.find((r) => r.name === c.name)!.timing.medianUs;
  const [best, ...slower] = contenders.toSorted((a, b) => time(a) - time(b));
  const leader = best && [best, ...slower].find((c) => time(c) <= FAR * time(best) && schedulesOf(c).size > 0);
  if (!leader) return [];
  const choices = choicesOf(leader);
  return [...schedulesOf(leader)].flatMap(([chip, { names, labels }]) =>
    [...names].map((name) => ({
      name: `${leader.name}, ${name}`,
      planFor: (signature: string) => {
        const choice = choices.get(signature);
        return choice && { cuts: choice.cuts, labels: choice.labels.map((l) => (labels.has(l) ? `${chip}.${name}` : l)) };
      },
    })),
  );
};
