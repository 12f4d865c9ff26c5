/** `flagos diff repro`: a case that somebody sent, run again. */
import { resolve } from 'node:path';
import { FlagosError } from '../../core/errors.ts';
import { exitCodeOf } from '../../diff/report.ts';
import { defineCommand, required } from '../args/command.ts';
import { flag } from '../args/option.ts';
import { loadCase, readCase } from '../diff/case-folder.ts';
import { codeOfFailure, compareModel } from '../diff/compare.ts';
import { gitCode } from '../diff/git.ts';
import { reportJson } from '../diff/report/files.ts';
import { printReport } from '../diff/report/text.ts';
import { describeError } from '../errors.ts';
import { toJson } from '../json.ts';
import { killable } from '../killable.ts';
import { makeProgress } from '../progress.ts';
import { runtimeGroup, runtimeOptions, withRuntime } from '../runtime-options.ts';

export const [diffRepro, diffReproWorker] = killable(
  defineCommand({
    name: 'diff repro',
    summary: 'run a case that diff bisect or diff capture wrote, or somebody sent',
    about:
      'Runs the one node of a case on its inputs, on the chip the case names (or --chip), and compares as flagos diff does. Exit code 1: it is still wrong; 0: it is right.',
    args: { case: required('folder of the case') },
    options: { 'git-exit': flag('exit codes for git bisect run: 0 right, 1 wrong, 125 cannot be told'), ...runtimeOptions },
    groups: [runtimeGroup],
    examples: [
      ['flagos diff repro flagos-cases/Conv_12', 'a case again'],
      ['git bisect run npx flagos diff repro ../case --git-exit', 'the commit that broke it'],
    ],
    run: async ({ args, options: o, io }) => {
      const folder = resolve(io.cwd, args.case);
      const git = (code: number): number => (o['git-exit'] ? gitCode(code) : code);
      try {
        const file = readCase(folder);
        const chips = o.chip ?? file.chips;
        const values = {
          ...o,
          chip: chips.length > 0 ? [...chips] : undefined,
          plugin: o.plugin.length > 0 ? o.plugin : [...file.plugins],
        };
        const code = await withRuntime(values, io, async (flagos) => {
          const loaded = loadCase(folder);
          const report = await compareModel({
            flagos,
            model: loaded.model,
            path: loaded.path,
            feeds: loaded.feeds,
            golden: 'reference',
            mode: 'all',
            cut: 'whole',
            gate: undefined,
            repeats: 1,
            pictures: false,
            chips,
            notes: [`from ${file.from}, made by flagos ${file.flagos}`],
            command: `flagos diff repro ${args.case}`,
            progress: makeProgress(io, o.progress),
          });
          const made = exitCodeOf(report, 0.5, false);
          if (o.json) io.out(toJson(reportJson(report, made)));
          else printReport(report, io, true);
          return made;
        });
        return git(code);
      } catch (thrown) {
        const code = codeOfFailure(thrown);
        if (code === undefined && !(o['git-exit'] && thrown instanceof FlagosError)) throw thrown;
        io.err(describeError(thrown as Error, io, o.debug));
        return git(code ?? 2);
      }
    },
  }),
  (code, given) => (given.options.has('git-exit') ? gitCode(code) : code),
);
