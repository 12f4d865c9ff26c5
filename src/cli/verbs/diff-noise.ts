/** `flagos diff noise`: how far runs of a model on the same inputs are apart, region by region. */
import { isPromise } from '../../core/async.ts';
import { Tensor } from '../../core/tensor.ts';
import { NoiseObserver, type RegionNoise } from '../../diff/noise.ts';
import { WIDE_FROM } from '../../diff/oracle.ts';
import { cutChips, cuts } from '../../diff/split.ts';
import { spreadOf, type Spread } from '../../diff/spread.ts';
import { FlagosModel } from '../../runtime/model.ts';
import { defineCommand, required } from '../args/command.ts';
import { choice, flag, integer } from '../args/option.ts';
import { codeOfFailure } from '../diff/compare.ts';
import { ending, small } from '../diff/report/text.ts';
import { describeError } from '../errors.ts';
import { count, table } from '../format.ts';
import type { Io } from '../io.ts';
import { toJson } from '../json.ts';
import { killable } from '../killable.ts';
import { inputOptions, makeInputs } from '../model/inputs.ts';
import { loadModel, modelHelp, modelOptions } from '../model/source.ts';
import { makeProgress, watchPreparing, withProgress } from '../progress.ts';
import { runtimeGroup, runtimeOptions, withRuntime } from '../runtime-options.ts';

export const NOISE_SCHEMA = 'flagos-noise/1';

interface NoiseReport {
  readonly schema: typeof NOISE_SCHEMA;
  readonly model: string;
  readonly runs: number;
  readonly notes: readonly string[];
  readonly regions: readonly RegionNoise[];
  /** Outputs of the model, the farthest run from the first. */
  readonly endToEnd: readonly { readonly output: string; readonly spread: Spread }[];
  readonly seconds: number;
}

const print = (r: NoiseReport, io: Io, all: boolean): void => {
  const p = io.paint;
  for (const note of r.notes) io.out(p.yellow(`note  ${note}\n`));
  const shown = r.regions.filter((x) => x.state !== 'not compared' && (all || x.state !== 'steady'));
  const head = ['region', 'kernel', '', 'other bits', 'max abs', 'relative', 'ULP', 'other runs'];
  const rows = shown.map((x) => [
    ending(x.region),
    x.kernel,
    x.state === 'declared' && x.eta !== undefined ? `declared (${x.eta.toFixed(2)} of what is allowed)` : x.state,
    `${x.differing} of ${x.repeats - 1}`,
    small(x.spread.maxAbs),
    small(x.spread.relative),
    x.maxUlp.toFixed(0),
    `${x.runsDiffering} of ${r.runs - 1}`,
  ]);
  if (rows.length > 0) io.out(table(io, head, rows));
  for (const x of r.regions) if (x.skipped !== undefined) io.out(p.yellow(`not compared  ${x.region}: ${x.skipped}\n`));
  for (const { output, spread } of r.endToEnd)
    io.out(
      `${output}: ${spread.maxAbs === 0 && spread.classMismatches === 0 ? 'the same every time' : `runs are ${small(spread.maxAbs)} apart, ${small(spread.relative)} relative`}\n`,
    );
  const number = (state: RegionNoise['state']): number => r.regions.filter((x) => x.state === state).length;
  io.out(
    p.dim(
      `${count(r.regions.length, 'region')}: ${number('steady')} steady, ${number('inherits')} with inputs that differ, ${number('declared')} as declared; ${r.seconds.toFixed(1)} s\n`,
    ),
  );
  const flaky = r.regions.filter((x) => x.state === 'flaky');
  io.out(
    flaky.length === 0
      ? p.green('no noise beyond what is declared\n')
      : p.red(`not the same bits twice, and not declared: ${flaky.map((x) => ending(x.region)).join(', ')}\n`),
  );
};

export const [diffNoise, diffNoiseWorker] = killable(
  defineCommand({
    name: 'diff noise',
    summary: 'show how far runs of a model on the same inputs are apart, region by region',
    about:
      'Runs each kernel again on the very same inputs, and the whole model again, and says which regions give other bits, and how far apart. A kernel that declares to be nondeterministic may differ as far as the error model allows two right results; any other must not. Exit code 6 if one does more than is declared, 8 if nothing was compared.',
    args: { model: required(modelHelp) },
    options: {
      repeat: integer('<n>', 'times each kernel runs on the same inputs; default 5', 2),
      runs: integer('<n>', 'runs of the whole model; default 3', 2),
      cut: choice(cuts, 'where regions end: before a second sum of products (default), after each node, or as the model usually runs'),
      all: flag('print every region'),
      ...inputOptions,
      ...modelOptions,
      ...runtimeOptions,
    },
    groups: [runtimeGroup],
    examples: [['flagos diff noise model.onnx --chip vendor:acme --repeat 20', 'whether a chip gives the same bits every time']],
    run: async ({ args, options: o, io }) => {
      try {
        return await withRuntime(o, io, async ({ runtime }) => {
          const start = performance.now();
          const loaded = await loadModel(args.model, o, io.cwd, { runtime });
          const { feeds, notes } = makeInputs(loaded.model, o, io.cwd);
          const progress = makeProgress(io, o.progress);
          const whole = runtime.dispatcher();
          const dispatcher = { ...whole, chips: cutChips(whole.chips, o.cut ?? 'contraction'), preparing: watchPreparing(progress) };
          const model = new FlagosModel(loaded.model, dispatcher, () => {});
          const runs = o.runs ?? 3;
          const observer = new NoiseObserver({
            ops: runtime.ops,
            wide: runtime.chips.find((x) => x.id === 'flagos/cpu')?.session,
            wideFrom: WIDE_FROM,
            repeats: o.repeat ?? 5,
            before: (label) => progress.update(label),
          });
          const inputs = loaded.model.graph.inputs.map((i) => feeds[i.name]);
          let first: (Tensor | undefined)[] = [];
          const spreads = loaded.model.graph.outputs.map((): Spread => spreadOf(undefined, undefined));
          try {
            await withProgress(progress, 'planning and preparing', async () => {
              for (let r = 0; r < runs; r++) {
                observer.run();
                const made = model.runPositional(inputs, { observer });
                const values = isPromise(made) ? await made : made;
                if (r === 0) first = values.map((v) => (v instanceof Tensor ? v.clone() : undefined));
                else
                  values.forEach((v, i) => {
                    const s = spreadOf(v, first[i]);
                    if (s.rms > spreads[i]!.rms || s.classMismatches > spreads[i]!.classMismatches) spreads[i] = s;
                  });
              }
            });
          } finally {
            await model.dispose();
          }
          const regions = observer.regions();
          const report: NoiseReport = {
            schema: NOISE_SCHEMA,
            model: loaded.path,
            runs,
            notes: [...loaded.notes, ...notes],
            regions,
            endToEnd: loaded.model.graph.outputs.map(({ name }, i) => ({ output: name, spread: spreads[i]! })),
            seconds: (performance.now() - start) / 1000,
          };
          const code = regions.some((x) => x.state === 'flaky') ? 6 : regions.every((x) => x.state === 'not compared') ? 8 : 0;
          if (o.json) io.out(toJson({ ...report, ok: code === 0, exit: code }));
          else print(report, io, o.all);
          return code;
        });
      } catch (thrown) {
        const code = codeOfFailure(thrown);
        if (code === undefined) throw thrown;
        io.err(describeError(thrown as Error, io, o.debug));
        return code;
      }
    },
  }),
);
