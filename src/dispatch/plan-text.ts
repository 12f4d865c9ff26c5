/**
 * Whole assignments as text, so that they can stand in the performance table as kernels do: which chip and
 * variant runs each node of a graph, in the order of its nodes: `onnxruntime/cpu.default*12,flagos/cpu.fp32*54`.
 * A bar in place of a comma is a boundary that regions do not grow over.
 *
 * The id of a plan as a kernel, `<chip>:Graph.<text>@<hash>`, begins with its first chip, and ends in a hash of
 * what all of its chips are (version, processor, threads): when one of them changes, it is another plan.
 */
import { hashOf } from '../core/hash.ts';
import { fingerprintOf } from '../opmanager/tables/snapshot.ts';
import type { OpenChip } from './planned.ts';

/** What runs a node: `flagos/cpu.fp32`. */
export type PlanLabel = string;

export interface PlanText {
  /** Per node. */
  readonly labels: readonly PlanLabel[];
  /** Positions (after the first) at which no region may reach over from before. */
  readonly cuts: ReadonlySet<number>;
}

export const planLabel = (v: { readonly provider: string; readonly chip: string; readonly variant: string }): PlanLabel =>
  `${v.provider}/${v.chip}.${v.variant}`;

/** Id of the chip. */
export const chipOfLabel = (label: PlanLabel): string => label.slice(0, label.indexOf('.', label.indexOf('/')));

const forbidden = /[*,|@\s]/;
/** Whether a label can stand in a plan's text. Names of variants are the provider's own. */
export const canBeWritten = (label: PlanLabel): boolean => !forbidden.test(label);

export const writePlan = ({ labels, cuts }: PlanText): string => {
  let text = '';
  for (let i = 0; i < labels.length;) {
    let end = i + 1;
    while (end < labels.length && labels[end] === labels[i] && !cuts.has(end)) end++;
    text += `${i === 0 ? '' : cuts.has(i) ? '|' : ','}${labels[i]}*${end - i}`;
    i = end;
  }
  return text;
};

/** @returns undefined for what is no plan. */
export const readPlan = (text: string): PlanText | undefined => {
  const labels: PlanLabel[] = [];
  const cuts = new Set<number>();
  for (const [, bar, label, times] of text.matchAll(/([,|]|^)([^*,|]+)\*(\d+)/g)) {
    if (bar === '|') cuts.add(labels.length);
    const count = Number(times);
    if (count > 1e6) return undefined;
    for (let i = 0; i < count; i++) labels.push(label!);
  }
  const plan = { labels, cuts };
  return labels.length > 0 && writePlan(plan) === text ? plan : undefined;
};

const identity = (plan: PlanText, chips: readonly OpenChip[]): string => {
  const used = [...new Set(plan.labels.map(chipOfLabel))].sort();
  return hashOf(
    used
      .map((id) => {
        const open = chips.find((c) => c.id === id);
        return `${id} ${open ? fingerprintOf(open.provider) : ''} ${open?.chip.fingerprint ?? ''}`;
      })
      .join('\n'),
  );
};

/** First chip of a plan that is open: what a row about it is filed under. */
export const homeOf = (plan: PlanText, chips: readonly OpenChip[]): OpenChip | undefined => {
  const used = new Set(plan.labels.map(chipOfLabel));
  return chips.find((c) => used.has(c.id));
};

export const planKernel = (plan: PlanText, chips: readonly OpenChip[]): string =>
  `${homeOf(plan, chips)?.id ?? 'flagos/host'}:Graph.${writePlan(plan)}@${identity(plan, chips)}`;

/** The plan a kernel id stands for; undefined if it stands for none, or for one of other chips than are open now. */
export const planOfKernel = (kernel: string, chips: readonly OpenChip[]): PlanText | undefined => {
  const [, text, hash] = /^[^:]+:Graph\.(.*)@([0-9a-f]+)$/.exec(kernel) ?? [];
  const plan = text === undefined ? undefined : readPlan(text);
  return plan && identity(plan, chips) === hash ? plan : undefined;
};
