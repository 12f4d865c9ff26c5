/** `flagos diff`: which regions of a model are wrong on a chip, by how much, and how far that carries. */
import { readFileSync, writeFileSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { modes } from '../../diff/attribute.ts';
import { parseGate, type Gate } from '../../diff/gates.ts';
import { exitCodeOf, regressionsAgainst, type DiffReport } from '../../diff/report.ts';
import { cuts } from '../../diff/split.ts';
import type { Flagos } from '../../host/flagos.ts';
import { defineCommand, required } from '../args/command.ts';
import { choice, flag, integer, real, text, texts, usageError } from '../args/option.ts';
import { codeOfFailure, compareModel, type Comparison } from '../diff/compare.ts';
import { compareDumps } from '../diff/compare-dumps.ts';
import { measure } from '../diff/measure.ts';
import { formats, render, reportJson, type Format } from '../diff/report/files.ts';
import { plottingLibrary, renderHtml } from '../diff/report/html.ts';
import { printReport } from '../diff/report/text.ts';
import { dumpExists, dumpForms } from '../dump/open.ts';
import { openSides } from '../dump/sides.ts';
import { tfjsBackendOf, tfjsSide } from '../dump/tfjs.ts';
import { describeError } from '../errors.ts';
import { toJson } from '../json.ts';
import { killable } from '../killable.ts';
import { inputOptions, makeInputs } from '../model/inputs.ts';
import { loadModel, modelHelp, modelOptions } from '../model/source.ts';
import { makeProgress } from '../progress.ts';
import { checkChips, runtimeGroup, runtimeOptions, withRuntime } from '../runtime-options.ts';

/** Whether a golden is a dump: a provider or chip of that name goes before a file. */
const isDump = (given: string, { runtime }: Flagos, cwd: string): boolean =>
  runtime.registry.find(given) === undefined &&
  !runtime.chips.some((c) => c.id === given) &&
  (dumpExists(given, cwd) || /\.(npz|json)(#|$)/.test(given));

/** A provider's name is enough: `onnxruntime` for `vendor:onnxruntime`. */
export const goldenToken = (given: string, flagos: Flagos): string => {
  const provider = flagos.runtime.registry.find(given);
  const token = provider?.kind === 'vendor' ? `vendor:${given}` : given;
  checkChips(flagos, [token]);
  return token;
};

/** Our old rule: relative to the element, or to the root mean square of its tensor where that is larger. */
const tolerance = (rtol: number | undefined, atol: number | undefined): Gate => ({
  name: `rtol ${rtol ?? 'by type'}, atol ${atol ?? 0}`,
  rule: '|a − g| ≤ atol + rtol · max(|g|, rms(g))',
  judge: (actual, golden) => ({ ok: measure(actual, golden, { rtol, atol }).ok }),
});

const gateOf = (name: string | undefined, rtol: number | undefined, atol: number | undefined): Gate | undefined => {
  if (name !== undefined && (rtol !== undefined || atol !== undefined)) throw usageError('--gate and --rtol or --atol exclude each other');
  if (name !== undefined) return name === 'flagos' ? undefined : parseGate(name);
  return rtol === undefined && atol === undefined ? undefined : tolerance(rtol, atol);
};

const formatOf = (path: string): Format | 'html' => {
  const ending = extname(path).slice(1);
  const format = [...formats, 'html' as const].find((f) => f === ending);
  if (!format) throw usageError(`--report ${path}: the ending says the format, one of ${[...formats, 'html'].join(', ')}`);
  return format;
};

const baselineOf = (path: string): { region: string; ok: boolean; eta: number }[] => {
  const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
  if (typeof parsed !== 'object' || parsed === null || !('regions' in parsed) || !Array.isArray(parsed.regions))
    throw usageError(`${path} is no report of flagos diff`, 'make one with --report baseline.json');
  return parsed.regions.map((r: { region: string; ok: boolean; eta: number | string }) => ({ ...r, eta: Number(r.eta) }));
};

/** Words of a command line as one that can be pasted. */
export const quoted = (words: readonly string[]): string =>
  words.map((w) => (/^[\w./:=,@+-]+$/.test(w) ? w : `'${w.replaceAll("'", `'\\''`)}'`)).join(' ');

export const [diff, diffWorker] = killable(
  defineCommand({
    name: 'diff',
    summary: 'show which regions of a model are wrong on a chip, by how much, and where errors come from',
    about:
      'Runs a model, and holds each of its regions against the right values: on the inputs it had (local), on those it should have had (isolated), and both ends together (accumulated). One run names every region that is out of the bounds its arithmetic explains. Exit codes: 0 ok, 1 out of bounds, 2 wrong use, 3 a chip failed, 4 no golden or a suspect one, 5 out of time or memory, 6 not the same twice, 7 worse than the baseline, 8 too little compared.',
    args: { model: required(modelHelp) },
    options: {
      mode: choice(modes, 'which errors are measured; default all'),
      golden: text(
        '<token|dump>',
        `whom to compare with: reference (default), a provider such as onnxruntime, tfjs/cpu (or /wasm, /tensorflow: TensorFlow.js itself, for its models), or a dump: ${dumpForms}`,
      ),
      'chip-dump': text('<dump>', 'tensors that a chip made elsewhere, in place of running one here'),
      'inputs-from': text('<dump>', "a dump that holds the model's inputs"),
      cut: choice(
        cuts,
        'where regions end: before a second sum of products (default), after each node (default with a dump), or as the model usually runs',
      ),
      gate: text('<rule>', 'another rule than the error model: polygraphy, pytorch, onnx, numpy:<rtol>,<atol>, msprobe:L1, cosine>=<x>'),
      rtol: real(
        '<r>',
        'in place of the error model: largest difference relative to the element, or to the root mean square of its tensor',
      ),
      atol: real('<a>', 'largest absolute difference besides; default 0'),
      repeat: integer('<n>', 'times each kernel runs on the same inputs, to see whether it gives the same bits; default 1', 1),
      sample: integer(
        '<n>',
        'of large sums of products compare n elements only, chosen by a seed; such a region never counts as compared whole',
        1,
      ),
      report: texts('<file>', 'write a report: .html, .json, .csv, .xml (JUnit), .sarif or .md (GitHub step summary)'),
      baseline: text('<file>', 'a former .json report: only what is worse than there fails'),
      'least-compared': real('<share>', 'share of regions that must have been compared; default 0.5'),
      all: flag('print every region'),
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
      ['flagos diff model.onnx --chip vendor:onnxruntime --report report.html', "one vendor's kernels, as a page to look at"],
      ['flagos diff model.onnx --gate polygraphy', "judged by somebody else's rule"],
      ['flagos diff model.onnx --chip-dump results.json --inputs-from inputs.json', 'what Polygraphy saved on another machine'],
      ['flagos diff model.onnx --chip flagos/cpu --golden test_data_set_0', 'against the outputs that came with a model'],
    ],
    run: async ({ args, options, io }) => {
      const gate = gateOf(options.gate, options.rtol, options.atol);
      const files = options.report.map((path) => ({ path: resolve(io.cwd, path), format: formatOf(path) }));
      // What a report lacks is said before the model runs, not after minutes of it.
      if (files.some((f) => f.format === 'html')) plottingLibrary();
      const baseline = options.baseline === undefined ? undefined : baselineOf(resolve(io.cwd, options.baseline));
      const words = [
        'flagos',
        'diff',
        args.model,
        ...(options.chip ?? []).flatMap((c) => ['--chip', c]),
        '--golden',
        options.golden ?? 'reference',
      ];
      if (options['chip-dump'] !== undefined) words.push('--chip-dump', options['chip-dump']);
      if (options['inputs-from'] !== undefined) words.push('--inputs-from', options['inputs-from']);
      if (options['seed-weights'] !== undefined) words.push('--seed-weights', String(options['seed-weights']));
      for (const [name, v] of options.input) words.push('--input', `${name}=${v}`);
      for (const [name, v] of options.shape) words.push('--shape', `${name}=${v}`);
      let report: DiffReport;
      try {
        report = await withRuntime(options, io, async (flagos) => {
          const given = options.golden ?? 'reference';
          const backend = tfjsBackendOf(given);
          const goldenDump = isDump(given, flagos, io.cwd) ? given : undefined;
          const golden = goldenDump === undefined && backend === undefined ? goldenToken(given, flagos) : 'reference';
          const loaded = await loadModel(args.model, options, io.cwd, flagos);
          const specs = { golden: goldenDump, chip: options['chip-dump'], inputs: options['inputs-from'] };
          const sides = openSides(specs, loaded.model, new Set(options.input.keys()), io.cwd);
          const dumped = sides.golden !== undefined || sides.chip !== undefined || backend !== undefined;
          if (dumped && (options.mode !== undefined || (options.repeat ?? 1) > 1 || options.sample !== undefined))
            throw usageError(
              '--mode, --repeat and --sample do not go with a dump',
              'a dump is compared as far as it goes, and is there once',
            );
          if (sides.chip && options.chip) throw usageError('--chip and --chip-dump exclude each other: the chip ran elsewhere');
          const inputs = makeInputs(loaded.model, options, io.cwd, [], sides.feeds);
          const comparison: Comparison = {
            flagos,
            model: loaded.model,
            path: loaded.path,
            feeds: inputs.feeds,
            golden,
            mode: options.mode ?? 'all',
            gate,
            repeats: options.repeat ?? 1,
            sample: options.sample,
            pictures: files.some((f) => f.format === 'html'),
            // A dump has tensors that a fused region would never write down.
            cut: options.cut ?? (dumped ? 'node' : 'contraction'),
            chips: options.chip ?? [],
            notes: [...loaded.notes, ...inputs.notes, ...sides.notes],
            command: quoted(words),
            progress: makeProgress(io, options.progress),
          };
          const own =
            backend === undefined
              ? undefined
              : await tfjsSide(backend, { path: loaded.path, model: loaded.model, feeds: inputs.feeds, cwd: io.cwd });
          const made = dumped ? await compareDumps(comparison, own ? { ...sides, golden: own } : sides) : await compareModel(comparison);
          return baseline ? { ...made, regressions: regressionsAgainst(made.regions, baseline) } : made;
        });
      } catch (thrown) {
        const code = codeOfFailure(thrown);
        if (code === undefined) throw thrown;
        io.err(describeError(thrown as Error, io, options.debug));
        return code;
      }
      const code = exitCodeOf(report, options['least-compared'] ?? 0.5, baseline !== undefined);
      for (const { path, format } of files)
        writeFileSync(path, format === 'html' ? renderHtml(report, code) : render(format, report, code));
      if (options.json) io.out(toJson(reportJson(report, code)));
      else {
        printReport(report, io, options.all);
        for (const { path } of files) io.out(`${io.paint.dim('written')} ${path}\n`);
      }
      return code;
    },
  }),
);
