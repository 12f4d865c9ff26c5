/** `flagos run`: a model, its inputs, its outputs, and what ran where. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { compareValues, onnxTolerance } from '../../core/compare.ts';
import type { StepObserver } from '../../dispatch/execute.ts';
import { Tensor, type Value } from '../../core/tensor.ts';
import { writeTensor } from '../../formats/onnx/index.ts';
import type { FlagosModel } from '../../runtime/model.ts';
import { defineCommand, required } from '../args/command.ts';
import { integer, pairs, text } from '../args/option.ts';
import { bytes, count, duration, statsOf, summary } from '../format.ts';
import type { Io } from '../io.ts';
import { toJson, valueJson } from '../json.ts';
import { sizeOfGraph } from '../model/size.ts';
import { checkName } from '../model/shapes.ts';
import { inputOptions, makeInputs } from '../model/inputs.ts';
import { readValueFile } from '../model/values.ts';
import { writeNpy } from '../model/npy.ts';
import { loadModel, modelHelp, modelOptions } from '../model/source.ts';
import { makeProgress, type Progress } from '../progress.ts';
import { runtimeGroup, runtimeOptions, withRuntime } from '../runtime-options.ts';

/** Elements of an output that --json prints; --out has them all. */
const JSON_VALUES = 64;

/** Steps as progress; nothing at all where nobody would see it, so that times stay true. */
export const watch = (progress: Progress, io: Io, forced: boolean, what: string): StepObserver | undefined =>
  io.interactive || forced ? { before: (step, index) => progress.update(`${what}: step ${index + 1}, ${step.label} on ${step.kernel}`) } : undefined;

const save = (folder: string, name: string, value: Value): string | undefined => {
  if (!(value instanceof Tensor)) return undefined;
  const npy = writeNpy(value);
  const path = join(folder, `${name.replace(/[^\w.-]+/g, '_')}.${npy ? 'npy' : 'pb'}`);
  writeFileSync(path, npy ?? writeTensor(value, name));
  return path;
};

/** Holds outputs against files. @returns a line for each that was asked for. */
const checkExpected = (model: FlagosModel, outputs: Readonly<Record<string, Value>>, expect: ReadonlyMap<string, string>, cwd: string): { readonly output: string; readonly file: string; readonly ok: boolean; readonly problem?: string | undefined; readonly maxAbs: number }[] =>
  [...expect].map(([output, file]) => {
    const info = model.outputs.find((o) => o.name === output)!;
    const { ok, problem, maxAbs } = compareValues(outputs[output], readValueFile(resolve(cwd, file), file, info), onnxTolerance);
    return { output, file, ok, problem, maxAbs };
  });

/** Runs `repeat` times, outputs fed back where asked. */
const runTimes = async (
  model: FlagosModel, first: Readonly<Record<string, Value>>, repeat: number, state: ReadonlyMap<string, string>, observer: (run: number) => StepObserver | undefined,
): Promise<{ outputs: readonly Readonly<Record<string, Value>>[]; times: readonly number[] }> => {
  const outputs: Record<string, Value>[] = [];
  const times: number[] = [];
  let feeds = { ...first };
  for (let i = 0; i < repeat; i++) {
    const start = performance.now();
    const made = await model.run(feeds, { observer: observer(i) });
    times.push(performance.now() - start);
    // Without recurrent state all runs give the same; only the last is kept.
    if (state.size === 0) outputs.length = 0;
    outputs.push(made);
    feeds = { ...feeds, ...Object.fromEntries([...state].map(([from, to]) => [to, made[from]!])) };
  }
  return { outputs, times };
};

const timesLine = (times: readonly number[]): string => {
  if (times.length <= 8) return times.map(duration).join(', ');
  const sorted = times.slice(1).sort((a, b) => a - b);
  return `first ${duration(times[0]!)}, then median ${duration(sorted[sorted.length >> 1]!)}, fastest ${duration(sorted[0]!)}, slowest ${duration(sorted.at(-1)!)}`;
};

export const run = defineCommand({
  name: 'run',
  summary: 'run a model and show its outputs, and what ran where',
  about: 'Loads a model, makes up the inputs that are not given, runs it, and prints the outputs, one coverage line (what ran where) and the time of each run.',
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
    ['flagos run npm:@ricky0123/vad-web/dist/silero_vad_v5.onnx --shape input=1x512 --input sr=16000 --state stateN=state --repeat 3', 'a real model with recurrent state, three calls'],
    ['flagos run model.onnx --input x=photo.npy --out results', 'an input from NumPy, outputs to files'],
    ['flagos run model.onnx --dim batch=8 --repeat 20 --json', 'twenty runs with random inputs, for a program'],
    ['flagos run model.onnx --chip reference --fallback none', 'every op in float64, nothing else'],
  ],
  run: ({ args, options, io }) => withRuntime(options, io, async (flagos) => {
    const loaded = loadModel(args.model, options, io.cwd);
    const inputs = makeInputs(loaded.model, options, io.cwd, [...options.state.values()]);
    const model = flagos.runtime.model(loaded.model);
    for (const name of options.expect.keys()) checkName(name, 'output', model.outputs.map((o) => o.name));
    for (const [from, to] of options.state) {
      checkName(from, 'output', model.outputs.map((o) => o.name));
      checkName(to, 'input', loaded.model.graph.inputs.map((i) => i.name));
    }
    const repeat = options.repeat ?? 1;
    const progress = makeProgress(io, options.progress);
    const { outputs, times } = await runTimes(model, inputs.feeds, repeat, options.state, (i) => watch(progress, io, options.progress, `run ${i + 1} of ${repeat}`));
    progress.clear();
    const coverage = model.coverage();
    const last = outputs.at(-1)!;
    const files: string[] = [];
    if (options.out !== undefined) {
      const folder = resolve(io.cwd, options.out);
      mkdirSync(folder, { recursive: true });
      for (const [name, value] of Object.entries(last)) {
        const path = save(folder, name, value);
        if (path !== undefined) files.push(path);
        else io.err(`output '${name}' is not a tensor and was not written\n`);
      }
    }
    const expected = checkExpected(model, last, options.expect, io.cwd);
    const exitCode = expected.every((e) => e.ok) ? 0 : 1;
    const notes = [...loaded.notes, ...inputs.notes];
    if (options.json) {
      io.out(toJson({
        model: loaded.path, loadMs: loaded.loadMs, runMs: times, notes,
        inputs: inputs.sources.map(({ name, value, source }) => ({ name, source, ...(value instanceof Tensor ? { dtype: value.dtype, shape: value.dims } : {}) })),
        runs: outputs.map((o) => Object.fromEntries(Object.entries(o).map(([name, value]) => [name, { value: valueJson(value, JSON_VALUES), stats: value instanceof Tensor ? statsOf(value) : undefined }]))),
        coverage, files, expected,
      }));
      return exitCode;
    }
    const p = io.paint;
    const { nodes, weightBytes } = sizeOfGraph(loaded.model.graph);
    io.out(`${p.bold(loaded.path)}  ${count(nodes, 'node')}, ${bytes(weightBytes)} of weights, read in ${duration(loaded.loadMs)}\n`);
    for (const note of notes) io.out(p.yellow(`note    ${note}\n`));
    for (const { name, value, source } of inputs.sources) io.out(`${p.cyan('input')}   ${name}  ${summary(value)}  ${p.dim(`(${source})`)}\n`);
    outputs.forEach((o, i) => {
      const label = outputs.length > 1 ? ` ${i + 1}` : '';
      for (const [name, value] of Object.entries(o)) io.out(`${p.green(`output${label}`)}  ${name}  ${summary(value)}\n`);
    });
    for (const e of expected) io.out(e.ok ? p.green(`agrees  ${e.output} with ${e.file} (max abs ${e.maxAbs.toExponential(2)})\n`) : p.red(`differs ${e.output} from ${e.file}: it ${e.problem ?? ''}\n`));
    for (const path of files) io.out(`written ${path}\n`);
    io.out(`${p.cyan('coverage')} ${coverage.line}\n`);
    io.out(`${p.cyan('time')}    ${timesLine(times)}${times.length > 1 ? '' : p.dim(' (planning and preparing included; --repeat shows what comes after)')}\n`);
    return exitCode;
  }),
});
