/** `flagos conformance`: how much of a public test suite passes, case by case. */
import { availableParallelism } from 'node:os';
import { basename, resolve } from 'node:path';
import { onnxTolerance } from '../../core/compare.ts';
import { listCases } from '../../host/onnx-cases.ts';
import { FolderStore } from '../../host/tables/folder-store.ts';
import { defineCommand, required } from '../args/command.ts';
import { choice, flag, integer, list, real, text, usageError } from '../args/option.ts';
import type { CaseResult } from '../conformance/case.ts';
import { runPool } from '../conformance/pool.ts';
import { countsOf, printReport, reportJson } from '../conformance/report.ts';
import { isLevel } from '../plugin-kit/child.ts';
import { runKit } from '../plugin-kit/parent.ts';
import { gradedChips, kitFailed, kitJson, printKit } from '../plugin-kit/report.ts';
import { readSkips, skipFor } from '../conformance/skips.ts';
import { count } from '../format.ts';
import { toJson } from '../json.ts';
import { makeProgress, withProgress } from '../progress.ts';
import type { Io } from '../io.ts';
import { configOf, runtimeGroup, runtimeOptions, type RuntimeValues } from '../runtime-options.ts';

const filterOf = (pattern: string | undefined): RegExp => {
  try {
    return new RegExp(pattern ?? '');
  } catch {
    throw usageError(`--filter '${pattern ?? ''}' is not a regular expression`);
  }
};

interface PluginValues extends RuntimeValues {
  readonly filter: string | undefined;
  readonly levels: readonly string[] | undefined;
  readonly timeout: number | undefined;
  readonly table: string | undefined;
  readonly verbose: boolean;
  readonly json: boolean;
  readonly progress: boolean;
}

/** `flagos conformance plugin`. */
const runPlugin = async (target: string, options: PluginValues, io: Io): Promise<number> => {
  if (io.self === undefined) throw usageError('conformance needs to be run as a program: it starts child processes of itself');
  filterOf(options.filter);
  const wrong = options.levels?.find((l) => !isLevel(l));
  if (wrong !== undefined) throw usageError(`there is no level '${wrong}'`, 'chip, contract, numerics, faults, model, performance');
  const progress = makeProgress(io, options.progress);
  let checked = 0;
  const chips = options.chip ?? [];
  const report = await withProgress(progress, `loading ${target}`, () =>
    runKit({
      program: io.self!,
      setup: { target, config: { ...configOf({ ...options, chip: undefined }, io), log: options.log ?? 'silent' }, filter: options.filter },
      levels: options.levels?.filter(isLevel),
      chips,
      limitMs: (options.timeout ?? 60) * 1000,
      done: (chip, result) => progress.update(`${++checked} checks; ${chip} ${result.level}: ${result.name}`),
    }),
  );
  if (chips.length > 0 && gradedChips(report).length === 0) throw usageError(`${target} has no chip ${chips.join(', ')} here`);
  const rows = report.chips.flatMap((c) => c.checks.flatMap(({ row }) => row ?? []));
  if (options.table !== undefined) await new FolderStore(resolve(io.cwd, options.table)).append(rows);
  if (options.json) io.out(toJson(kitJson(report)));
  else {
    printKit(report, io, options.verbose);
    if (options.table !== undefined) io.out(`${count(rows.length, 'row')} of the performance table written to ${options.table}\n`);
  }
  return kitFailed(report) ? 1 : 0;
};

export const conformance = defineCommand({
  name: 'conformance',
  summary: 'run a public test suite and count what passes',
  about:
    'Runs every case of a folder of ONNX backend tests (a folder each, with model.onnx and test_data_set_*), each in a child process, and compares all outputs; or, as `plugin`, runs the kit for plugins on every chip of one and prints its grade. The last line reads "N passed, N failed, N skipped"; exit code 1 if any failed.',
  args: {
    suite: required('kind of the suite: onnx or plugin'),
    folder: required('folder with the cases; for plugin: package, folder, module or provider'),
  },
  options: {
    ...runtimeOptions,
    filter: text('<regex>', 'only cases whose name fits'),
    jobs: integer('<n>', 'child processes at a time; default: one for each processor', 1),
    timeout: integer('<seconds>', 'longest time for one case; default 60', 1),
    skips: text('<file>', 'cases not to run, with reasons (JSON); default test/onnx/skips.json if it is there'),
    'no-skips': flag('run everything'),
    'check-skips': flag('run the skipped cases too, and fail for those that would pass'),
    levels: list('<names>', 'of the kit for plugins, separated by commas: chip, contract, numerics, faults, model, performance'),
    table: text('<folder>', 'of the kit for plugins: where rows of the performance table go; without it they are printed only'),
    through: choice(['onnxruntime'], "through this framework's own API, as its users see it"),
    provider: text('<name>', 'execution provider for --through onnxruntime; default flagos; cpu is onnxruntime itself'),
    rtol: real('<r>', `relative tolerance; default ${onnxTolerance.rtol}`),
    atol: real('<a>', `absolute tolerance; default ${onnxTolerance.atol}`),
    verbose: flag('print passed cases too, and reasons in full'),
  },
  groups: [runtimeGroup],
  examples: [
    ['flagos conformance onnx ../shared/onnx/node --chip reference --fallback none', 'every case by the reference alone'],
    ['flagos conformance onnx ../shared/onnx/node --filter "^test_conv" --json', 'the convolutions, for a program'],
    ['flagos conformance onnx ../shared/onnx/node --through onnxruntime', 'as a user of onnxruntime sees it'],
    ['flagos conformance plugin ./my-plugin', 'whether a plugin keeps the contract, and its grade'],
    ['flagos conformance onnx ../shared/onnx/node --through onnxruntime --provider cpu', 'onnxruntime itself, for comparison'],
  ],
  run: async ({ args, options, io }) => {
    if (args.suite === 'plugin') return runPlugin(args.folder, options, io);
    if (args.suite !== 'onnx') throw usageError(`there is no suite '${args.suite}'`, 'flagos conformance onnx <folder>');
    if (options.levels) throw usageError('--levels goes with flagos conformance plugin');
    if (options.table !== undefined) throw usageError('--table goes with flagos conformance plugin');
    if (options.provider !== undefined && options.through === undefined) throw usageError('--provider goes with --through onnxruntime');
    if (options['no-skips'] && (options.skips !== undefined || options['check-skips']))
      throw usageError('--no-skips does not go with --skips or --check-skips');
    if (io.self === undefined) throw usageError('conformance needs to be run as a program: it starts child processes of itself');
    const root = resolve(io.cwd, args.folder);
    const filter = filterOf(options.filter);
    const names = listCases(root).filter((name) => filter.test(name));
    if (names.length === 0)
      throw usageError(`no case in ${root}${options.filter === undefined ? '' : ` fits --filter '${options.filter}'`}`);
    const { skips } = options['no-skips'] ? { skips: [] } : readSkips(io.cwd, options.skips);
    const chips = options.chip ?? [];
    const suite = basename(root);

    const results: CaseResult[] = [];
    const skipped = new Map(
      names.flatMap((name) => {
        const skip = skipFor(skips, name, suite, chips);
        return skip ? [[name, skip.reason] as const] : [];
      }),
    );
    const progress = makeProgress(io, options.progress);
    const add = (result: CaseResult): void => {
      results.push(result);
      const { passed, failed } = countsOf(results);
      progress.update(`${results.length} of ${names.length} cases, ${passed} passed, ${failed} failed; ${result.name}`);
    };
    if (!options['check-skips']) for (const [name, reason] of skipped) add({ name, status: 'skip', reason, ms: 0 });
    const pool = runPool(
      names.filter((n) => options['check-skips'] || !skipped.has(n)),
      {
        program: io.self,
        verb: 'conformance-worker',
        lost: (name, status, reason, ms): CaseResult => ({ name, status, reason, ms }),
        setup: {
          root,
          config: configOf(options, io),
          chips,
          tolerance: {
            ...(options.rtol === undefined ? onnxTolerance : { rtol: options.rtol, atol: onnxTolerance.atol }),
            ...(options.atol === undefined ? {} : { atol: options.atol }),
          },
          provider: options.through === undefined ? undefined : (options.provider ?? 'flagos'),
        },
        jobs: options.jobs ?? availableParallelism(),
        limitMs: (options.timeout ?? 60) * 1000,
        done: (result) => {
          const reason = skipped.get(result.name);
          if (reason === undefined) return add(result);
          // Only with --check-skips: a skip that is needed stays one, one that is not is a failure.
          add(
            result.status === 'pass'
              ? { ...result, status: 'stale', reason: `passes, but is skipped: ${reason}` }
              : { ...result, status: 'skip', reason },
          );
        },
      },
    );
    await withProgress(progress, `0 of ${names.length} cases`, () => pool);
    results.sort((a, b) => (a.name < b.name ? -1 : 1));
    if (options.json) io.out(toJson(reportJson(results, root)));
    else printReport(results, io, options.verbose);
    return countsOf(results).failed > 0 ? 1 : 0;
  },
});
