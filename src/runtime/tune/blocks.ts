/**
 * Blocks: the model cut where one value passes, each block timed on each contender inside of a run, with the
 * data and the caches it has there. From their times come mixed assignments worth measuring as a whole.
 */
import { isPromise } from '../../core/async.ts';
import type { Model } from '../../core/graph.ts';
import type { Value } from '../../core/tensor.ts';
import { medianOf } from '../../opmanager/timing.ts';
import type { Result } from '../../opmanager/measure.ts';
import type { PolicyOverride } from '../../opmanager/policy.ts';
import type { PerformanceRow } from '../../opmanager/tables/rows.ts';
import type { PlanText } from '../../dispatch/plan-text.ts';
import type { PreparedPlan } from '../../dispatch/prepare.ts';
import type { LoadOptions, Runtime } from '../runtime.ts';
import { openContender, watchSteps, type Contender } from './contender.ts';
import { evenCuts, narrowPlaces } from './cuts.ts';
import { proposeMixes } from './mixes.ts';
import { regionRow, type Circumstances } from './rows.ts';

/** Blocks at most: each is compiled by itself. */
const BLOCKS = 10;
/** Contenders that take part, the fastest ones. */
const FIELD = 3;
/** A contender this many times slower than the fastest has no block worth having. */
const FAR = 2.5;
/** Watched runs at least, and at most. */
const RUNS = [4, 24] as const;

export interface BlockOptions {
  readonly contenders: readonly Contender[];
  /** Of the contenders among others, by name. */
  readonly timings: readonly Result[];
  readonly policy: PolicyOverride;
  readonly budgetMs: number;
  readonly settle: (() => Promise<void>) | undefined;
  readonly around: Circumstances;
  readonly onProgress: ((what: string) => void) | undefined;
}

/** Plans worth measuring, by the signatures of their graphs. */
export interface Proposal {
  readonly name: string;
  readonly planFor: NonNullable<LoadOptions['planFor']>;
}

export interface Proposals {
  readonly mixes: readonly Proposal[];
  readonly rows: readonly PerformanceRow[];
}

const none: Proposals = { mixes: [], rows: [] };

/** The plan that takes most of the time: of a model whose work is inside of a branch, that of the branch. */
const heaviest = async (contender: Contender): Promise<PreparedPlan | undefined> => {
  const { plans } = contender.model;
  if (plans.length === 1) return plans[0];
  const { regions } = await watchSteps(contender, 1);
  const own = (plan: PreparedPlan): number =>
    plan.planned.regions.reduce((us, r) => us + (r.chip ? medianOf(regions.get(r) ?? [0]) : 0), 0);
  return [...plans].sort((a, b) => own(b) - own(a))[0];
};

/** The plan of a contender for the graph of a signature. */
const planIn = (contender: Contender, signature: string): PreparedPlan | undefined =>
  contender.model.plans.find((p) => p.planned.signature() === signature);

export const proposeBlocks = async (
  runtime: Runtime,
  model: Model,
  sets: readonly (readonly (Value | undefined)[])[],
  { contenders, timings, policy, budgetMs, settle, around, onProgress }: BlockOptions,
): Promise<Proposals> => {
  const time = (c: Contender): number => timings.find((r) => r.name === c.name)!.timing.medianUs;
  const [best] = [...contenders].sort((a, b) => time(a) - time(b));
  const plan = best && (await heaviest(best));
  if (!best || !plan) return none;
  const signature = plan.planned.signature();
  const field = contenders
    .filter((c) => time(c) <= FAR * time(best) && planIn(c, signature))
    .sort((a, b) => time(a) - time(b))
    .slice(0, FIELD);
  const nodes = plan.planned.regions.flatMap((r) => r.nodes);
  const order = new Map(plan.special.nodes.map((n, i) => [n, i]));
  nodes.sort((a, b) => order.get(a)! - order.get(b)!);
  if (field.length < 2 || nodes.length < 2) return none;
  const weights = nodes.map(({ node }) => {
    const verdicts = plan.planned.decisions.get(node.name)?.verdicts ?? [];
    return verdicts.find((v) => v.status === 'chosen')?.expectedUs ?? 0;
  });
  const places = narrowPlaces(nodes, plan.special.outputs, (name) => plan.special.constants.has(name));
  const cuts = new Set(evenCuts(places, weights, BLOCKS));
  if (cuts.size === 0) return none;

  const starts = [0, ...cuts, nodes.length];
  const blockOf = new Int32Array(nodes.length);
  nodes.forEach((_, v) => (blockOf[v] = starts.findLastIndex((from) => from <= v)));
  const position = new Map(nodes.map(({ node }, v) => [node.name, v]));
  const choices: PlanText[] = [];
  const blockUs: number[][] = [];
  const wholeUs: number[] = [];
  const rows: PerformanceRow[] = [];
  for (const contender of field) {
    const { choice } = planIn(contender, signature)!.planned;
    onProgress?.(`measuring blocks on ${contender.name}`);
    const cut = await openContender(runtime, model, sets, {
      name: contender.name,
      policy,
      planFor: (s) => (s === signature ? { labels: choice.labels, cuts } : planIn(contender, s)?.planned.choice),
    });
    try {
      const made = planIn(cut, signature);
      if (!made) continue;
      await settle?.();
      const runs = Math.round(Math.min(RUNS[1], Math.max(RUNS[0], (budgetMs * 1e3) / field.length / time(contender))));
      const steps = await watchSteps(cut, runs);
      const us = new Array<number>(starts.length - 1).fill(0);
      for (const region of made.planned.regions) {
        const samples = steps.regions.get(region) ?? [];
        if (samples.length === 0) continue;
        us[blockOf[position.get(region.nodes[0]!.node.name)!]!]! += medianOf(samples);
        const row = regionRow(region, made, samples, around);
        if (row) rows.push(row);
      }
      // In one piece, watched the same way: what is measured from outside has the model's own overhead in it.
      const whole = await watchSteps(contender, runs);
      choices.push(choice);
      blockUs.push(us);
      wholeUs.push(medianOf(whole.plans.get(planIn(contender, signature)!) ?? [time(contender)]));
    } finally {
      const closed = cut.model.dispose();
      if (isPromise(closed)) await closed;
    }
  }
  const mixes = proposeMixes({ blockUs, wholeUs }).map((path) => {
    const labels = nodes.map((_, v) => choices[path[blockOf[v]!]!]!.labels[v]!);
    const runsOf = path.map((c, b) => (b > 0 && path[b - 1] === c ? '' : field[c]!.name)).filter((name) => name !== '');
    const others = field[path[0]!]!;
    return {
      name: `mix ${runsOf.join(' → ')}`,
      planFor: (s: string): PlanText | undefined =>
        s === signature ? { labels, cuts: new Set<number>() } : planIn(others, s)?.planned.choice,
    };
  });
  const distinct = new Map(mixes.map((m, i) => [i === 0 ? m.name : `${m.name} (${i + 1})`, m]));
  return { mixes: [...distinct].map(([name, m]) => ({ name, planFor: m.planFor })), rows };
};
