/** One comparison of a model, from the options of a command line to a {@link DiffReport}. */
import { isPromise } from '../../core/async.ts';
import { FlagosError } from '../../core/errors.ts';
import { Tensor, type Value } from '../../core/tensor.ts';
import { Attribution, type Mode, type RegionDiff, type RegionTensors } from '../../diff/attribute.ts';
import type { Gate } from '../../diff/gates.ts';
import { WIDE_FROM } from '../../diff/oracle.ts';
import { SCHEMA, type DiffReport, type FinalDiff } from '../../diff/report.ts';
import { cutChips, type Cut } from '../../diff/split.ts';
import { spreadOf } from '../../diff/spread.ts';
import { witnessOf } from '../../diff/witness.ts';
import type { Flagos } from '../../host/flagos.ts';
import type { Model } from '../../core/graph.ts';
import { parseToken, tokenMatches, type PolicyOverride } from '../../opmanager/policy.ts';
import type { PlannedRegion } from '../../dispatch/planner.ts';
import type { Dispatcher } from '../../dispatch/runner.ts';
import { FlagosModel } from '../../runtime/model.ts';
import { makeProgress, watchPreparing, withProgress, type Progress } from '../progress.ts';
import { measure } from './measure.ts';

export interface Comparison {
  readonly flagos: Flagos;
  readonly model: Model;
  readonly path: string;
  readonly feeds: Readonly<Record<string, Value>>;
  readonly golden: string;
  readonly mode: Mode;
  readonly gate: Gate | undefined;
  readonly repeats: number;
  readonly pictures: boolean;
  /** Chips asked for: nothing may run elsewhere unnoticed. */
  readonly chips: readonly string[];
  readonly notes: readonly string[];
  readonly command: string;
  readonly progress: Progress;
  readonly policy?: PolicyOverride;
  readonly cut: Cut;
  /** Elements at which large sums of products are looked at; undefined: all. */
  readonly sample?: number | undefined;
  /** Which regions are compared; default all. */
  readonly only?: (planned: PlannedRegion) => boolean;
  /** In place of the runtime's own. */
  readonly dispatcher?: Dispatcher;
  /** Told of every region with its tensors, while they are valid. */
  readonly watch?: (region: RegionDiff, tensors: RegionTensors) => void;
}

/** Every node by itself on its own inputs, for those who only watch: nobody reads a report. */
export const callByCall = {
  golden: 'reference',
  mode: 'local',
  cut: 'node',
  gate: undefined,
  repeats: 1,
  pictures: false,
  chips: [],
  notes: [],
  command: '',
} as const satisfies Partial<Comparison>;

/** Whether a kernel is one that was asked for; undefined where nothing was. */
export const askedFor = ({ flagos, chips }: Comparison): ((kernel: string) => boolean) | undefined => {
  if (chips.length === 0) return undefined;
  return (kernel) => {
    const [id = ''] = kernel.split(':');
    const chip = flagos.runtime.chips.find((c) => c.id === id);
    if (!chip) return true;
    return chips.some((token) => {
      const parsed = parseToken(token);
      return parsed.type === 'kernel'
        ? tokenMatches(token, { provider: chip.provider.name, kind: chip.provider.kind, chip: chip.chip.id, kernel })
        : tokenMatches(token, { provider: chip.provider.name, kind: chip.provider.kind, chip: chip.chip.id, kernel });
    });
  };
};

const finalOf = (name: string, actual: Value, golden: Value | undefined, gate: Gate | undefined, failed: boolean): FinalDiff => {
  if (golden === undefined)
    return { output: name, ok: true, maxAbs: 0, maxRel: 0, worst: undefined, accumulated: undefined, problem: 'not compared' };
  const d = measure(actual, golden, { rtol: undefined, atol: undefined });
  const tensors = actual instanceof Tensor && golden instanceof Tensor;
  const accumulated = spreadOf(actual, golden);
  const ok = (gate && tensors ? gate.judge(actual, golden).ok : undefined) ?? (!failed || (d.maxAbs === 0 && d.ok));
  return { output: name, ok, maxAbs: d.maxAbs, maxRel: d.maxRel, worst: d.worst, accumulated, problem: d.problem };
};

/** Runs the model once, and every region as often as the mode needs. */
export const compareModel = async (c: Comparison): Promise<DiffReport> => {
  const { flagos, model, feeds, mode, gate, progress } = c;
  const { runtime } = flagos;
  const start = performance.now();
  const regions: RegionDiff[] = [];
  const whole = c.dispatcher ?? runtime.dispatcher(c.policy);
  const dispatcher = { ...whole, chips: cutChips(whole.chips, c.cut) };
  const loaded = new FlagosModel(model, { ...dispatcher, preparing: watchPreparing(progress) }, () => {});
  const inputs = model.graph.inputs.map((i) => feeds[i.name]);
  const named = new Map(Object.entries(feeds));
  for (const [name, t] of model.graph.initializers) if (!named.has(name)) named.set(name, t);
  const observer = new Attribution(
    {
      ops: runtime.ops,
      wide: runtime.chips.find((x) => x.id === 'flagos/cpu')?.session,
      wideFrom: WIDE_FROM,
      sample: c.sample,
      mode,
      gate,
      only: c.only,
      repeats: c.repeats,
      asked: askedFor(c),
      pictures: c.pictures,
      witness: c.golden === 'reference' ? undefined : witnessOf(runtime, c.golden),
      plans: () => loaded.plans,
      before: (label) => progress.update(`region ${regions.length + 1}: ${label}`),
      done: (region, parts) => {
        regions.push(region);
        c.watch?.(region, parts);
      },
    },
    named,
  );
  try {
    const actual = await withProgress(progress, 'planning and preparing', async () => {
      const made = loaded.runPositional(inputs, { observer });
      return isPromise(made) ? await made : made;
    });
    const failing = new Set(regions.filter((r) => !r.ok && r.outputs.length > 0).flatMap((r) => r.outputs.map((o) => o.output)));
    for (const r of regions) if (r.reads.some((v) => failing.has(v))) r.outputs.forEach((o) => failing.add(o.output));
    const plan = loaded.plans.at(-1);
    const names = plan?.special.outputs ?? [];
    const endToEnd = model.graph.outputs.flatMap((o, i): FinalDiff[] => {
      const inner = names[i] ?? o.name;
      const direct = regions.flatMap((r) => r.outputs).find((x) => x.output === inner);
      // Without following golden values, the end is known only where one region makes it from the inputs.
      const golden = mode === 'local' ? undefined : (observer.golden.get(inner) ?? observer.golden.get(o.name));
      if (golden === undefined && !direct) return [];
      return golden === undefined ? [] : [finalOf(o.name, actual[i]!, golden, gate, failing.has(inner))];
    });
    return {
      schema: SCHEMA,
      model: c.path,
      chips: c.chips,
      golden: c.golden,
      mode,
      gate: gate?.name ?? 'flagos',
      notes: c.notes,
      regions,
      endToEnd,
      unable:
        endToEnd.length === 0
          ? mode === 'local'
            ? 'golden values are not followed in mode local'
            : 'golden values did not reach the outputs'
          : undefined,
      coverage: loaded.coverage(),
      suspects: regions.filter((r) => r.suspect).map((r) => r.region),
      regressions: [],
      seconds: (performance.now() - start) / 1000,
      peakBytes: process.resourceUsage().maxRSS * 1024,
      command: c.command,
    };
  } finally {
    await observer.dispose();
    await loaded.dispose();
  }
};

/** The exit code for what stopped a comparison; undefined: none of ours. */
export const codeOfFailure = (thrown: unknown): 3 | 4 | 5 | undefined => {
  if (thrown instanceof RangeError && /allocation|memory/i.test(thrown.message)) return 5;
  if (!(thrown instanceof FlagosError)) return undefined;
  if (thrown.kind === 'kernel') return 3;
  if (thrown.code === 'FLAGOS_E_LIMIT') return 5;
  return undefined;
};

export { makeProgress };
