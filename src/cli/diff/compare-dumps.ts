/** A comparison of which a side, or both, were written down by another program. */
import { isPromise } from '../../core/async.ts';
import type { ValueType } from '../../core/graph.ts';
import { Tensor, type Value } from '../../core/tensor.ts';
import type { RegionDiff } from '../../diff/attribute.ts';
import { DumpComparison } from '../../diff/dumped.ts';
import type { Gate } from '../../diff/gates.ts';
import { WIDE_FROM } from '../../diff/oracle.ts';
import { SCHEMA, type DiffReport, type FinalDiff } from '../../diff/report.ts';
import { cutChips } from '../../diff/split.ts';
import { spreadOf } from '../../diff/spread.ts';
import { FlagosModel } from '../../runtime/model.ts';
import type { DumpSides } from '../dump/sides.ts';
import { watchPreparing, withProgress } from '../progress.ts';
import { askedFor, type Comparison } from './compare.ts';
import { measure } from './measure.ts';

/** Both sides of a value without what it was made from: by the gate, or by numbers alone. */
const apartOf = (output: string, actual: Value, golden: Value, gate: Gate | undefined): FinalDiff => {
  const d = measure(actual, golden, { rtol: undefined, atol: undefined });
  const tensors = actual instanceof Tensor && golden instanceof Tensor;
  const ok = (gate && tensors ? gate.judge(actual, golden).ok : undefined) ?? d.ok;
  return { output, ok, maxAbs: d.maxAbs, maxRel: d.maxRel, worst: d.worst, accumulated: spreadOf(actual, golden), problem: d.problem };
};

/** @param c its golden is a token: who runs here what no dump of the golden has. */
export const compareDumps = async (c: Comparison, sides: DumpSides): Promise<DiffReport> => {
  const { flagos, model, feeds, gate, progress } = c;
  const { runtime } = flagos;
  const { chip, golden } = sides;
  const start = performance.now();
  const regions: RegionDiff[] = [];
  const endToEnd = new Map<string, FinalDiff>();
  const whole = runtime.dispatcher(chip ? { prefer: [...new Set([c.golden, 'reference'])], fallback: 'any' } : c.policy);
  const dispatcher = { ...whole, chips: cutChips(whole.chips, c.cut), preparing: watchPreparing(progress) };
  const loaded = new FlagosModel(model, dispatcher, () => {});
  const named = new Map([...model.graph.initializers, ...Object.entries(feeds)]);
  const observer = new DumpComparison(
    {
      ops: runtime.ops,
      wide: runtime.chips.find((x) => x.id === 'flagos/cpu')?.session,
      wideFrom: WIDE_FROM,
      chip,
      golden,
      trusted: c.golden === 'reference',
      gate,
      pictures: c.pictures,
      asked: chip ? undefined : askedFor(c),
      before: (label) => progress.update(`region ${regions.length + 1}: ${label}`),
      done: (region, tensors) => {
        regions.push(region);
        c.watch?.(region, tensors);
      },
      apart: (name, actual, right) => endToEnd.set(name, apartOf(name, actual, right, gate)),
    },
    named,
  );
  try {
    const here = await withProgress(progress, 'planning and preparing', async () => {
      const made = loaded.runPositional(
        model.graph.inputs.map((i) => feeds[i.name]),
        { observer },
      );
      return isPromise(made) ? await made : made;
    });
    model.graph.outputs.forEach(({ name, type }, i) => {
      // A dump may hold what the model leaves open, so types come from what ran here.
      const value = here[i];
      const exact: ValueType | undefined = value instanceof Tensor ? { kind: 'tensor', dtype: value.dtype, shape: value.dims } : type;
      const [actual, right] = [chip ? chip.get(name, exact) : value, golden ? golden.get(name, exact) : value];
      if (actual !== undefined && right !== undefined) endToEnd.set(name, apartOf(name, actual, right, gate));
    });
    return {
      schema: SCHEMA,
      model: c.path,
      chips: chip ? [chip.label] : c.chips,
      golden: golden?.label ?? c.golden,
      mode: 'all',
      gate: gate?.name ?? 'flagos',
      notes: c.notes,
      regions,
      endToEnd: [...endToEnd.values()],
      dumps: [golden, chip, sides.inputs].flatMap((s) => s?.use() ?? []),
      unable: endToEnd.size === 0 ? 'no output of the model is on both sides' : undefined,
      coverage: loaded.coverage(),
      suspects: regions.filter((r) => r.suspect).map((r) => r.region),
      regressions: [],
      seconds: (performance.now() - start) / 1000,
      peakBytes: process.resourceUsage().maxRSS * 1024,
      command: c.command,
    };
  } finally {
    await loaded.dispose();
  }
};
