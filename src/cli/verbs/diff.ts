/** `flagos diff`: which regions of a model differ from a golden, by how much, and how far that carries to the outputs. */
import type { Flagos } from '../../host/flagos.ts';
import { defineCommand, required } from '../args/command.ts';
import { flag, real, text } from '../args/option.ts';
import type { Allowed } from '../diff/measure.ts';
import { regionObserver, type RegionDiff } from '../diff/regions.ts';
import { printDiff } from '../diff/report.ts';
import { compareWhole, outputsOf, wholeInOne, type WholeComparison } from '../diff/whole.ts';
import { toJson } from '../json.ts';
import { inputOptions, makeInputs } from '../model/inputs.ts';
import { loadModel, modelHelp, modelOptions } from '../model/source.ts';
import { makeProgress, watchPreparing, watchSteps, withProgress } from '../progress.ts';
import { checkChips, runtimeGroup, runtimeOptions, withRuntime } from '../runtime-options.ts';

/** A provider's name is enough: `onnxruntime` for `vendor:onnxruntime`. */
const goldenToken = (given: string, flagos: Flagos): string => {
  const provider = flagos.runtime.registry.find(given);
  const token = provider?.kind === 'vendor' ? `vendor:${given}` : given;
  checkChips(flagos, [token]);
  return token;
};

export const diff = defineCommand({
  name: 'diff',
  summary: 'show which regions of a model differ from a golden, and by how much',
  about:
    'Runs a model, and each of its regions once more on the same inputs by a golden provider; then the whole model by the golden. Prints the largest difference of each region and of each output, with the worst element. Differences are relative to the element, or to the root mean square of its tensor where that is larger. Exit code 1 if any is larger than allowed.',
  args: { model: required(modelHelp) },
  options: {
    golden: text('<token>', 'whom to compare with: reference (default), or a provider such as onnxruntime'),
    rtol: real('<r>', 'largest relative difference; default 1e-4, or two units in the last place for narrower types'),
    atol: real('<a>', 'largest absolute difference besides; default 0'),
    'end-to-end': flag('compare the outputs of the model only'),
    all: flag('print regions without any difference too'),
    ...inputOptions,
    ...modelOptions,
    ...runtimeOptions,
  },
  groups: [runtimeGroup],
  examples: [
    [
      'flagos diff npm:@ricky0123/vad-web/dist/silero_vad_v5.onnx --shape input=1x512 --input sr=16000',
      'every region of a real model against the reference',
    ],
    ['flagos diff model.onnx --chip vendor:onnxruntime', "one vendor's kernels against the reference"],
    [
      'flagos diff light_squeezenet.onnx --seed-weights 1 --chip reference --golden onnxruntime',
      'the reference against a second witness, with random weights',
    ],
  ],
  run: ({ args, options, io }) =>
    withRuntime(options, io, async (flagos) => {
      const { runtime } = flagos;
      const golden = goldenToken(options.golden ?? 'reference', flagos);
      const allowed: Allowed = { rtol: options.rtol, atol: options.atol };
      const loaded = loadModel(args.model, options, io.cwd);
      const inputs = makeInputs(loaded.model, options, io.cwd);
      const feeds = loaded.model.graph.inputs.map((i) => inputs.feeds[i.name]);
      const progress = makeProgress(io, options.progress);
      const regions: RegionDiff[] = [];

      const model = runtime.model(loaded.model, { onPrepare: watchPreparing(progress) });
      const observer = options['end-to-end']
        ? watchSteps(progress, 'model')
        : regionObserver({
            runtime,
            golden,
            allowed,
            before: (label) => progress.update(`region ${regions.length + 1}: ${label}`),
            goldenObserver: progress.shown
              ? { before: (step) => progress.update(`region ${regions.length + 1}: ${step.label} by ${golden}`) }
              : undefined,
            done: (result) => void regions.push(result),
          });
      const actual = await withProgress(progress, 'planning and preparing', () => outputsOf(model, feeds, { observer }));
      const coverage = model.coverage();
      const inOne = wholeInOne(model, regions);
      await model.dispose();
      const whole: WholeComparison = inOne
        ? { outputs: inOne }
        : await withProgress(progress, `the whole model by ${golden}`, () =>
            compareWhole(runtime, loaded.model, feeds, actual, golden, allowed, watchSteps(progress, `the whole model by ${golden}`)),
          );

      const ok = whole.unable === undefined && [...regions, ...whole.outputs].every((r) => r.ok);
      const notes = [...loaded.notes, ...inputs.notes];
      if (options.json)
        io.out(toJson({ model: loaded.path, golden, notes, ok, coverage, endToEnd: whole.outputs, unable: whole.unable, regions }));
      else printDiff({ path: loaded.path, golden, notes, regions, whole, coverage: coverage.line, all: options.all }, io);
      return ok ? 0 : 1;
    }),
});
