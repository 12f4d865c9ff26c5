/** `flagos tune`: measures what a model could run on, and settles on what is fastest. */
import { tune as tuneHere } from '../../host/tune.ts';
import { defineCommand, required } from '../args/command.ts';
import { choice, integer } from '../args/option.ts';
import { table } from '../format.ts';
import type { Io } from '../io.ts';
import { toJson } from '../json.ts';
import { inputOptions, makeInputs } from '../model/inputs.ts';
import { loadModel, modelHelp, modelOptions } from '../model/source.ts';
import { makeProgress, withProgress } from '../progress.ts';
import { runtimeGroup, runtimeOptions, withRuntime } from '../runtime-options.ts';
import type { TuneResult } from '../../runtime/tune/tune.ts';
import { modelOfCall } from '../tune/call.ts';

const ms = (us: number): string =>
  us >= 1e4 ? `${(us / 1e3).toFixed(1)} ms` : us >= 1e3 ? `${(us / 1e3).toFixed(2)} ms` : `${us.toFixed(1)} µs`;

const printTuned = (result: TuneResult, io: Io): void => {
  const p = io.paint;
  const usual = result.contenders[0]!;
  io.out(
    table(
      io,
      ['', 'what', 'time', 'of default', 'samples', 'first', 'nodes', 'difference'],
      result.contenders.map((c) => [
        c.chosen ? '*' : '',
        c.name + (c.admitted ? '' : ' (not admitted)'),
        `${ms(c.timing.medianUs)} ± ${((100 * c.timing.madUs) / c.timing.medianUs).toFixed(0)} %`,
        (c.timing.medianUs / usual.timing.medianUs).toFixed(3),
        String(c.timing.samples) + (c.dropped ? ', beaten' : ''),
        `${(c.coldMs / 1e3).toFixed(1)} s`,
        Object.entries(c.nodes)
          .map(([chip, n]) => `${n} ${chip}`)
          .join(', '),
        c === usual ? '' : c.difference.relative.toExponential(1),
      ]),
    ),
  );
  for (const { name, why } of result.skipped) io.out(p.dim(`not measured: ${name}: ${why}\n`));
  for (const c of result.contenders)
    if (!c.admitted)
      io.out(
        p.yellow(
          `${c.name} would take ${(c.timing.medianUs / usual.timing.medianUs).toFixed(2)} of the default's time; end to end its results differ by ${c.difference.relative.toExponential(1)} of the largest, cosine ${c.difference.cosine.toFixed(6)}. It runs where its accuracy was verified to be what policy asks for\n`,
        ),
      );
  io.out(
    `${p.bold(result.chosen)} it is, after ${(result.tookMs / 1e3).toFixed(0)} s; ${result.rows.length} rows for the performance table\n`,
  );
};

export const tune = defineCommand({
  name: 'tune',
  summary: 'measure what a model could run on, and settle on what is fastest',
  about:
    'Measures a model end to end on every chip that can run it, by itself and in mixes of them, and writes what it took into the performance table: plans made from then on are the fastest of these. The argument is a model, or a call as `flagos explain` shows signatures: MatMul(float32[64,64],float32[64,64]).',
  args: { model: required(`${modelHelp}, or a call`) },
  options: {
    budget: integer('<ms>', 'milliseconds of measuring; default 10000. Compiling comes on top', 1),
    accuracy: choice(['loose'], 'what may be chosen besides: variants exact to loose; those nobody verified are measured, and not chosen'),
    ...inputOptions,
    ...modelOptions,
    ...runtimeOptions,
  },
  groups: [runtimeGroup],
  examples: [
    ['flagos tune model.onnx', 'ten seconds of measuring'],
    ['flagos tune model.onnx --budget 60000 --accuracy loose', 'what bfloat16 would buy, and cost'],
    ["flagos tune 'MatMul(float32[512,512],float32[512,512])'", 'one op'],
  ],
  run: ({ args, options, io }) =>
    withRuntime(options, io, async (flagos) => {
      const call = modelOfCall(args.model, flagos.runtime.ops);
      const model = call ?? (await loadModel(args.model, options, io.cwd, flagos)).model;
      const { feeds, notes } = makeInputs(model, options, io.cwd);
      const progress = makeProgress(io, options.progress);
      const result = await withProgress(progress, 'planning and preparing', () =>
        tuneHere(
          flagos.runtime,
          model,
          model.graph.inputs.map((i) => feeds[i.name]),
          {
            budgetMs: options.budget,
            loose: options.accuracy === 'loose',
            onProgress: (what) => progress.update(what),
          },
        ),
      );
      if (options.json) io.out(toJson({ ...result, notes }));
      else {
        for (const note of notes) io.out(io.paint.dim(`${note}\n`));
        printTuned(result, io);
      }
      return 0;
    }),
});
