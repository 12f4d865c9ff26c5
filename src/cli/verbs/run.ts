/** `flagos run`: a model, its inputs, its outputs, and what ran where. */
import { resolve } from 'node:path';
import { defineCommand, required } from '../args/command.ts';
import { integer, pairs, text } from '../args/option.ts';
import { toJson } from '../json.ts';
import { inputOptions, makeInputs } from '../model/inputs.ts';
import { checkName } from '../model/shapes.ts';
import { loadModel, modelHelp, modelOptions } from '../model/source.ts';
import { makeProgress, watchPreparing, watchSteps, withProgress } from '../progress.ts';
import { compareWithFiles, writeOutputs, type Written } from '../run/files.ts';
import { runRepeatedly } from '../run/repeat.ts';
import { printRun, runJson, type RunReport } from '../run/report.ts';
import { runtimeGroup, runtimeOptions, withRuntime } from '../runtime-options.ts';

const nothing: Written = { files: [], left: [] };

export const run = defineCommand({
  name: 'run',
  summary: 'run a model and show its outputs, and what ran where',
  about:
    'Loads a model, makes up the inputs that are not given, runs it, and prints the outputs, one coverage line (what ran where) and the time of each run.',
  args: { model: required(modelHelp) },
  options: {
    ...inputOptions,
    repeat: integer('<n>', 'how often to run; default 1', 1),
    state: pairs('<output>=<input>', 'recurrent state: feed an output of one run to an input of the next'),
    expect: pairs('<output>=<file>', 'a .npy, .pb or .json file the output must agree with (rtol 1e-3, atol 1e-7)'),
    out: text('<folder>', 'write outputs there as .npy (.pb for types NumPy lacks)'),
    ...modelOptions,
    ...runtimeOptions,
  },
  groups: [runtimeGroup],
  examples: [
    [
      'flagos run npm:@ricky0123/vad-web/dist/silero_vad_v5.onnx --shape input=1x512 --input sr=16000 --state stateN=state --repeat 3',
      'a real model with recurrent state, three calls',
    ],
    ['flagos run model.onnx --input x=photo.npy --out results', 'an input from NumPy, outputs to files'],
    ['flagos run model.onnx --dim batch=8 --repeat 20 --json', 'twenty runs with random inputs, for a program'],
    ['flagos run model.onnx --chip reference --fallback none', 'every op in float64, nothing else'],
  ],
  run: ({ args, options, io }) =>
    withRuntime(options, io, async (flagos) => {
      const loaded = await loadModel(args.model, options, io.cwd, flagos);
      const { graph } = loaded.model;
      const [inputNames, outputNames] = [graph.inputs.map((i) => i.name), graph.outputs.map((o) => o.name)];
      for (const name of [...options.expect.keys(), ...options.state.keys()]) checkName(name, 'output', outputNames);
      for (const name of options.state.values()) checkName(name, 'input', inputNames);
      const inputs = makeInputs(loaded.model, options, io.cwd, [...options.state.values()]);

      const progress = makeProgress(io, options.progress);
      const model = flagos.runtime.model(loaded.model, { onPrepare: watchPreparing(progress) });
      const repeat = options.repeat ?? 1;
      const runs = await withProgress(progress, 'planning and preparing', () =>
        runRepeatedly(model, inputs.feeds, repeat, options.state, (i) => watchSteps(progress, `run ${i + 1} of ${repeat}`)),
      );

      const last = runs.outputs.at(-1)!;
      const expected = compareWithFiles(model, last, options.expect, io.cwd);
      const written = options.out === undefined ? nothing : writeOutputs(resolve(io.cwd, options.out), last);
      const report: RunReport = { loaded, inputs, runs, coverage: model.coverage(), expected, written };
      if (options.json) io.out(toJson(runJson(report)));
      else printRun(report, io);
      return expected.every((e) => e.ok) ? 0 : 1;
    }),
});
