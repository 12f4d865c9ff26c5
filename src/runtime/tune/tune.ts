/**
 * Tuning a model: what it could run on is measured, whole and in blocks, and what is fastest end to end is
 * settled on. Four things are measured, because times of single nodes do not add up to compiled regions:
 * the model under the default policy and under each single provider; each of these cut into blocks where one value
 * passes, timed inside of a run; the mixed assignments the blocks' times propose; and the best plan whose kernels have other
 * schedules, under each of them. What was measured end to
 * end decides, with hysteresis: the incumbent is what would run without tuning, or what was settled on before.
 */
import { asError } from '../../core/errors.ts';
import type { Model } from '../../core/graph.ts';
import type { Value } from '../../core/tensor.ts';
import { noEvidence } from '../../opmanager/evidence.ts';
import { measure, type Result } from '../../opmanager/measure.ts';
import type { PolicyOverride } from '../../opmanager/policy.ts';
import type { PerformanceRow } from '../../opmanager/tables/rows.ts';
import { clearlyFaster, fasterInTurns, ratioInTurns, type Timing } from '../../opmanager/timing.ts';
import type { Runtime } from '../runtime.ts';
import { proposeBlocks } from './blocks.ts';
import { choiceKey, openContender, rotating, watchSteps, type Contender } from './contender.ts';
import { differenceOf, type Difference } from './difference.ts';
import { trialsOf, type Skipped } from './policies.ts';
import { planRow, regionRow } from './rows.ts';
import { proposeSchedules } from './schedules.ts';

export interface TuneOptions {
  /** Milliseconds of measuring; planning and compiling come on top. */
  readonly budgetMs?: number;
  /** Whether what is exact to `loose` may be chosen, and variants nobody verified are measured to show what they buy. */
  readonly loose?: boolean;
  /** Changes to the runtime's policy that the model runs under. */
  readonly policy?: PolicyOverride | undefined;
  /** For rows: the machine's name. */
  readonly host: string;
  /** Awaited before each turn: until threads of whoever ran before are idle. @returns whether the machine was quiet. */
  readonly quiet?: (() => Promise<boolean>) | undefined;
  readonly onProgress?: ((what: string) => void) | undefined;
  /** Milliseconds; replaced in tests. */
  readonly clock?: () => number;
  readonly now?: () => Date;
}

export interface TunedContender {
  readonly name: string;
  /** End to end, microseconds. */
  readonly timing: Timing;
  readonly dropped: boolean;
  readonly coldMs: number;
  readonly admitted: boolean;
  /** To the default's results. */
  readonly difference: Difference;
  /** Nodes per chip. */
  readonly nodes: Readonly<Record<string, number>>;
  readonly chosen: boolean;
}

export interface TuneResult {
  readonly contenders: readonly TunedContender[];
  readonly chosen: string;
  readonly skipped: readonly Skipped[];
  /** To be appended to the tables. */
  readonly rows: readonly PerformanceRow[];
  /** Milliseconds the whole took, and those that were spent measuring. */
  readonly tookMs: number;
}

const BUDGET_MS = 10_000;
/** Milliseconds of a turn. In shorter ones, libraries whose threads went to sleep since their last turn look slower than they are in a program that calls them all the time. */
const SLICE_MS = 15;
/** Of the budget, what blocks get. */
const FOR_BLOCKS = 0.25;
/** Results further apart than this are not those of the same model: such a contender is never chosen. */
const SAME = 1e-3;
const LOOSELY_SAME = 0.1;

/** Whether what a contender runs on was settled on in the tables, by an earlier tuning. */
const settledBefore = (runtime: Runtime, { model }: Contender): boolean =>
  model.plans.some(({ planned }) => {
    const { evidence } = runtime.dispatcher();
    const signature = planned.signature();
    return evidence.kernels?.(signature).some((kernel) => evidence.performance(kernel, signature).chosenAt !== undefined) ?? false;
  });

/**
 * The one to settle on: of those that are faster than the incumbent beyond doubt the fastest, else the incumbent. All were
 * measured in turns, so their times are held against each other round by round. What was settled on before stays unless
 * one is faster by a margin, too.
 */
const fastest = (field: readonly Result[], incumbent: Result, settled: boolean): Result => {
  const ratio = (r: Result): number => ratioInTurns(r.samplesUs, incumbent.samplesUs);
  const beats = (r: Result): boolean =>
    clearlyFaster(r.timing, incumbent.timing) || (!settled && fasterInTurns(r.samplesUs, incumbent.samplesUs));
  return field
    .filter((r) => r !== incumbent && beats(r))
    .reduce((best, r) => (best === incumbent || ratio(r) < ratio(best) ? r : best), incumbent);
};

/** @throws FLAGOS_E_NO_KERNEL and whatever else keeps the model from running by default. */
export const tuneModel = async (
  runtime: Runtime,
  model: Model,
  inputs: readonly (Value | undefined)[],
  options: TuneOptions,
): Promise<TuneResult> => {
  const { budgetMs = BUDGET_MS, loose = false, host, quiet, onProgress, clock, now = () => new Date() } = options;
  const start = performance.now();
  const sets = rotating(inputs);
  const accuracy: PolicyOverride = loose
    ? { ...options.policy, accuracy: { ...options.policy?.accuracy, min: 'loose' } }
    : { ...options.policy };
  const open: Contender[] = [];
  const skipped: Skipped[] = [];
  let calm = true;
  const settle = quiet && (async (): Promise<void> => void ((await quiet()) || (calm = false)));
  const measured = (list: readonly Contender[], ms: number): Promise<Result[]> =>
    measure(list, { budgetMs: ms, sliceMs: SLICE_MS, settle, ...(clock ? { clock } : {}) });
  const keys = new Map<string, string>();
  /** Adds a contender, unless another one is the same. */
  const enter = async (name: string, more: Parameters<typeof openContender>[3], tell = true): Promise<Contender | undefined> => {
    onProgress?.(`preparing ${name}`);
    await settle?.();
    try {
      const contender = await openContender(runtime, model, sets, more);
      const key = choiceKey(contender);
      const same = keys.get(key);
      if (same === undefined) {
        keys.set(key, name);
        open.push(contender);
        return contender;
      }
      if (tell) skipped.push({ name, why: `plans the same as ${same}` });
      await contender.model.dispose();
    } catch (e) {
      skipped.push({ name, why: asError(e).message.split('\n')[0]! });
    }
    return undefined;
  };

  try {
    await settle?.();
    const usual = await openContender(runtime, model, sets, { name: 'default', policy: accuracy });
    open.push(usual);
    keys.set(choiceKey(usual), 'default');
    const warm = performance.now();
    await usual.run(1);
    const usualUs = (performance.now() - warm) * 1e3;
    const { trials, skipped: hopeless } = trialsOf(
      usual.model.plans.map((p) => p.planned),
      usualUs,
      loose,
    );
    skipped.push(...hopeless);
    // What was settled on before may not be what would run without it.
    await enter('untuned', { name: 'untuned', policy: accuracy, evidence: noEvidence }, false);
    for (const { name, policy, admitted } of trials) await enter(name, { name, policy: { ...accuracy, ...policy }, admitted });

    onProgress?.('measuring whole plans');
    const first = await measured(open, budgetMs * (1 - 2 * FOR_BLOCKS));
    const differences = new Map(open.map((c) => [c, differenceOf(c.results, usual.results)]));
    const allowed = (c: Contender): boolean => c.admitted && differences.get(c)!.relative <= (loose ? LOOSELY_SAME : SAME);

    const rows: PerformanceRow[] = [];
    const around = { date: now().toISOString(), host, threads: runtime.host.threads, quiet: calm, identities: runtime.identities };
    const proposals = await proposeBlocks(runtime, model, sets, {
      contenders: open.filter(allowed),
      timings: first,
      policy: accuracy,
      budgetMs: budgetMs * FOR_BLOCKS,
      settle,
      around,
      onProgress,
    });
    rows.push(...proposals.rows);
    const schedules = proposeSchedules(open.filter(allowed), first);
    const late: Contender[] = [];
    for (const [proposed, tell] of [
      [proposals.mixes, true],
      [schedules, false],
    ] as const)
      for (const { name, planFor } of proposed) {
        const made = await enter(name, { name, policy: accuracy, planFor }, tell);
        if (made) late.push(made);
      }
    for (const c of late) differences.set(c, differenceOf(c.results, usual.results));

    // They run against those that were not beaten, all of them anew: times of different minutes are not compared.
    onProgress?.('measuring the best against each other');
    const close = open.filter((c) => late.includes(c) || !first.find((r) => r.name === c.name)!.dropped || c === usual);
    const last = late.length > 0 ? await measured(close, budgetMs * FOR_BLOCKS) : first;
    const resultOf = (c: Contender): Result => last.find((r) => r.name === c.name) ?? first.find((r) => r.name === c.name)!;
    const field = open.filter((c) => allowed(c) && last.some((r) => r.name === c.name));
    const chosen = fastest(field.map(resultOf), resultOf(usual), settledBefore(runtime, usual)).name;

    for (const c of open) {
      const result = resultOf(c);
      await settle?.();
      const steps = await watchSteps(c, 3);
      const [outer] = c.model.plans;
      for (const plan of c.model.plans) {
        const samples = plan === outer ? result.samplesUs : (steps.plans.get(plan) ?? []);
        const row = c.admitted
          ? planRow(plan, runtime.chips, samples, around, { chosen: c.name === chosen, coldUs: plan === outer ? c.coldMs * 1e3 : 0 })
          : undefined;
        if (row) rows.push(row);
        for (const region of plan.planned.regions) {
          const made = regionRow(region, plan, steps.regions.get(region) ?? [], around);
          if (made) rows.push(made);
        }
      }
    }
    return {
      contenders: open.map((c) => ({
        name: c.name,
        timing: resultOf(c).timing,
        dropped: resultOf(c).dropped,
        coldMs: c.coldMs,
        admitted: c.admitted,
        difference: differences.get(c)!,
        nodes: c.model.coverage().nodes,
        chosen: c.name === chosen,
      })),
      chosen,
      skipped,
      rows,
      tookMs: performance.now() - start,
    };
  } finally {
    for (const c of open) await c.model.dispose();
  }
};
