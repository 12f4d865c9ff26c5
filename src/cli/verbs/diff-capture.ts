/** `flagos diff capture`: the calls a model makes of ops, each as a case folder. */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineCommand, required } from '../args/command.ts';
import { integer, list, text, usageError } from '../args/option.ts';
import { Capture } from '../diff/capture.ts';
import { pluginWords } from '../diff/case-folder.ts';
import { callByCall, codeOfFailure, compareModel } from '../diff/compare.ts';
import { ending } from '../diff/report/text.ts';
import { describeError } from '../errors.ts';
import { count, table } from '../format.ts';
import { toJson } from '../json.ts';
import { killable } from '../killable.ts';
import { inputOptions, makeInputs } from '../model/inputs.ts';
import { loadModel, modelHelp, modelOptions } from '../model/source.ts';
import { makeProgress } from '../progress.ts';
import { runtimeGroup, runtimeOptions, withRuntime } from '../runtime-options.ts';

/** Signatures with many inputs are long; --json has them whole. */
const SHOWN = 64;
const beginning = (text: string): string => (text.length <= SHOWN ? text : `${text.slice(0, SHOWN - 1)}…`);

export const [diffCapture, diffCaptureWorker] = killable(
  defineCommand({
    name: 'diff capture',
    summary: 'write the op calls a model makes, with their real inputs and outputs, as cases',
    about:
      'Runs the model with every op by itself and writes calls as folders: a model of one node, its inputs, what came out and what should have. flagos diff repro runs one again, on any chip; flagos verify --from runs them all on every chip as a class of inputs of their own. Exit code 8 if nothing was captured.',
    args: { model: required(modelHelp) },
    options: {
      ops: list('<names>', 'ops whose calls are written, * for any characters; default all'),
      nodes: list('<names>', 'nodes whose calls are written, * for any characters; default all'),
      each: integer('<n>', 'calls written of one op with the same attributes, types and shapes; default 1', 1),
      limit: integer('<n>', 'calls written at most; default 1000', 1),
      out: text('<folder>', 'where cases go; default flagos-calls'),
      ...inputOptions,
      ...modelOptions,
      ...runtimeOptions,
    },
    groups: [runtimeGroup],
    examples: [
      ['flagos diff capture model.onnx --ops Conv,MatMul', 'its convolutions and products, one of each shape'],
      ['flagos diff capture model.onnx --nodes Conv_12 --out case', 'one node'],
    ],
    run: async ({ args, options: o, io }) => {
      const folder = resolve(io.cwd, o.out ?? 'flagos-calls');
      try {
        return await withRuntime(o, io, async (flagos) => {
          const loaded = await loadModel(args.model, o, io.cwd, flagos);
          const { feeds, notes } = makeInputs(loaded.model, o, io.cwd);
          const about = { chips: o.chip ?? [], plugins: pluginWords(o.plugin, io.cwd), from: loaded.path };
          // Before the model runs: where nothing can be written there is nothing to run it for.
          mkdirSync(folder, { recursive: true });
          const capture = new Capture({ folder, ops: o.ops, nodes: o.nodes, each: o.each ?? 1, limit: o.limit ?? 1000, about });
          await compareModel({
            ...callByCall,
            flagos,
            model: loaded.model,
            path: loaded.path,
            feeds,
            progress: makeProgress(io, o.progress),
            only: (planned) => capture.wants(planned),
            watch: (region, tensors) => capture.take(region, tensors),
          });
          const { cases, left } = capture;
          if (cases.length === 0 && left.length === 0 && (o.ops || o.nodes))
            throw usageError(`the model makes no such call`, 'flagos plan shows its nodes and ops');
          if (o.json) io.out(toJson({ model: loaded.path, folder, notes: [...loaded.notes, ...notes], cases, left }));
          else {
            for (const note of [...loaded.notes, ...notes]) io.out(io.paint.yellow(`note  ${note}\n`));
            const rows = cases.map((c) => [
              ending(c.node),
              beginning(c.signature),
              c.kernel,
              c.ok === undefined ? 'not compared' : c.ok ? 'ok' : 'OUT OF BOUNDS',
            ]);
            if (cases.length > 0) io.out(table(io, ['node', 'call', 'ran on', ''], rows));
            for (const { node, why } of left) io.out(io.paint.yellow(`not captured  ${node}: ${why}\n`));
            io.out(`${count(cases.length, 'call')} in ${folder}\n`);
          }
          return cases.length === 0 ? 8 : 0;
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
