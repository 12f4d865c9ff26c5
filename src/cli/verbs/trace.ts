/** `flagos trace`: runs a model with a watch on its steps, and writes what it saw for Chrome and Perfetto. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { measureOverhead, Trace } from '../../runtime/trace.ts';
import { defineCommand, required } from '../args/command.ts';
import { integer, text } from '../args/option.ts';
import { table } from '../format.ts';
import { toJson } from '../json.ts';
import { inputOptions, makeInputs } from '../model/inputs.ts';
import { loadModel, modelHelp, modelOptions } from '../model/source.ts';
import { makeProgress, watchPreparing, withProgress } from '../progress.ts';
import { runtimeGroup, runtimeOptions, withRuntime } from '../runtime-options.ts';

/** Milliseconds spent on finding out what watching costs. */
const OVERHEAD_MS = 500;
/** Lines of the table. */
const SHOWN = 10;

export const trace = defineCommand({
  name: 'trace',
  summary: 'run a model and write what each step took, for Chrome and Perfetto',
  about:
    'Runs a model twice to warm up, then with a watch on its steps, and writes a file that chrome://tracing and ui.perfetto.dev show: each step on the line of its chip, with its kernel, nodes and types. States what watching added to a run, measured in turns.',
  args: { model: required(modelHelp) },
  options: {
    repeat: integer('<n>', 'runs to record; default 3', 1),
    out: text('<file>', 'where to write; default trace.json'),
    ...inputOptions,
    ...modelOptions,
    ...runtimeOptions,
  },
  groups: [runtimeGroup],
  examples: [
    ['flagos trace model.onnx', 'three runs, to trace.json'],
    ['flagos trace model.onnx --chip flagos/cpu --repeat 1 --out cpu.json', 'one run on a chip'],
  ],
  run: ({ args, options, io }) =>
    withRuntime(options, io, async (flagos) => {
      const loaded = await loadModel(args.model, options, io.cwd, flagos);
      const { feeds, notes } = makeInputs(loaded.model, options, io.cwd);
      const inputs = loaded.model.graph.inputs.map((i) => feeds[i.name]);
      const progress = makeProgress(io, options.progress);
      const model = flagos.runtime.model(loaded.model, { onPrepare: watchPreparing(progress) });
      const recorded = new Trace();
      const overhead = await withProgress(progress, 'planning and preparing', async () => {
        const started = performance.now();
        await model.runPositional(inputs);
        recorded.session('first run: planning, preparing, running', started, performance.now());
        await model.runPositional(inputs);
        for (let i = 0; i < (options.repeat ?? 3); i++) {
          const start = performance.now();
          await model.runPositional(inputs, { observer: recorded });
          recorded.session(`run ${i + 1}`, start, performance.now());
        }
        return measureOverhead((observer) => model.runPositional(inputs, { observer }), OVERHEAD_MS);
      });
      const file = resolve(io.cwd, options.out ?? 'trace.json');
      mkdirSync(dirname(file), { recursive: true });
      const document = recorded.document({ model: loaded.model.name, coverage: model.coverage().line, overhead, notes });
      writeFileSync(file, `${JSON.stringify(document)}\n`);

      const steps = recorded.toJSON().filter((e) => e.cat !== 'Session');
      const runs = options.repeat ?? 3;
      const byStep = new Map<string, { name: string; kernel: string; us: number }>();
      for (const e of steps) {
        const key = `${e.name}\n${String(e.args['kernel'])}`;
        const known = byStep.get(key) ?? { name: e.name, kernel: String(e.args['kernel']), us: 0 };
        byStep.set(key, known);
        known.us += e.dur / runs;
      }
      const slowest = [...byStep.values()].sort((a, b) => b.us - a.us).slice(0, SHOWN);
      if (options.json) io.out(toJson({ file, runs, steps: steps.length, overhead, slowest, notes }));
      else {
        for (const note of notes) io.out(io.paint.dim(`${note}\n`));
        io.out(
          table(
            io,
            ['step', 'kernel', 'µs a run'],
            slowest.map((s) => [s.name, s.kernel, s.us.toFixed(1)]),
          ),
        );
        io.out(`${model.coverage().line}\n`);
        const more = overhead.tracedUs - overhead.plainUs;
        io.out(
          `a run takes ${overhead.plainUs.toFixed(1)} µs, ${overhead.tracedUs.toFixed(1)} µs when it is watched (${((100 * more) / overhead.plainUs).toFixed(1)} % more; medians of ${overhead.runs} turns)\n`,
        );
        io.out(`${steps.length} steps of ${runs} runs in ${file}\n`);
      }
      return 0;
    }),
});
