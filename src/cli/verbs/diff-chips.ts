/** `flagos diff chips`: one model on every chip, each held against the error model: who is right at which op. */
import type { RegionDiff } from '../../diff/attribute.ts';
import { etaOf } from '../../diff/report.ts';
import { asError } from '../../core/errors.ts';
import { defineCommand, required } from '../args/command.ts';
import { integer } from '../args/option.ts';
import { compareModel } from '../diff/compare.ts';
import { table } from '../format.ts';
import { toJson } from '../json.ts';
import { killable } from '../killable.ts';
import { inputOptions, makeInputs } from '../model/inputs.ts';
import { loadModel, modelHelp, modelOptions } from '../model/source.ts';
import { makeProgress } from '../progress.ts';
import { runtimeGroup, runtimeOptions, withRuntime } from '../runtime-options.ts';

interface Column {
  readonly chip: string;
  readonly regions: readonly RegionDiff[];
  /** Why it could not run the model at all. */
  readonly failed: string | undefined;
}

/** One op on one chip: regions of the chip that hold it, and the largest share of what is allowed. */
const cellOf = ({ chip, regions }: Column, op: string): { compared: number; bad: number; eta: number } | undefined => {
  const here = regions.filter((r) => r.chip === chip && r.skipped === undefined && r.ops.includes(op));
  if (here.length === 0) return undefined;
  return { compared: here.length, bad: here.filter((r) => !r.ok).length, eta: Math.max(...here.map(etaOf)) };
};

export const [diffChips, diffChipsWorker] = killable(
  defineCommand({
    name: 'diff chips',
    summary: 'run a model on every chip, and show who is right at which op',
    about:
      'Runs the model once on each chip, every op by itself, and holds it against the error model. A cell is the largest error over what is allowed: above 1 is out of bounds; a dash, that the chip has no kernel for it. With --repeat it shows, too, who does not give the same bits twice. Exit code 1 if anything is out of bounds.',
    args: { model: required(modelHelp) },
    options: {
      repeat: integer('<n>', 'times each kernel runs on the same inputs; default 1', 1),
      ...inputOptions,
      ...modelOptions,
      ...runtimeOptions,
    },
    groups: [runtimeGroup],
    examples: [['flagos diff chips model.onnx --repeat 3', 'every chip of this machine, and which are not steady']],
    run: ({ args, options, io }) =>
      withRuntime(options, io, async (flagos) => {
        const loaded = await loadModel(args.model, options, io.cwd, flagos);
        const inputs = makeInputs(loaded.model, options, io.cwd);
        const progress = makeProgress(io, options.progress);
        const columns: Column[] = [];
        for (const { id } of flagos.runtime.chips) {
          try {
            const report = await compareModel({
              flagos,
              model: loaded.model,
              path: loaded.path,
              feeds: inputs.feeds,
              golden: 'reference',
              mode: 'local',
              cut: 'node',
              gate: undefined,
              repeats: options.repeat ?? 1,
              pictures: false,
              chips: [],
              notes: [],
              command: '',
              progress,
              policy: { prefer: [id, 'reference'], fallback: 'any' },
            });
            columns.push({ chip: id, regions: report.regions, failed: undefined });
          } catch (thrown) {
            columns.push({ chip: id, regions: [], failed: asError(thrown).message });
          }
        }
        const ops = [...new Set(columns.flatMap((c) => c.regions.flatMap((r) => r.ops)))].toSorted();
        const rows = ops.map((op) => ({ op, cells: columns.map((c) => cellOf(c, op)) }));
        const unsteady = columns.flatMap((c) =>
          c.regions.filter((r) => r.alarms.some((a) => a.kind === 'flaky')).map((r) => ({ chip: c.chip, region: r.region })),
        );
        const bad = rows.some((r) => r.cells.some((c) => (c?.bad ?? 0) > 0));
        const failed = columns.filter((c) => c.failed !== undefined);
        if (options.json)
          io.out(toJson({ model: loaded.path, chips: columns.map(({ chip, failed: why }) => ({ chip, failed: why })), rows, unsteady }));
        else {
          const text = (c: ReturnType<typeof cellOf>): string =>
            c === undefined ? '–' : `${c.bad > 0 ? 'OUT ' : ''}${Number.isFinite(c.eta) ? c.eta.toFixed(2) : '∞'} (${c.compared})`;
          io.out(
            table(
              io,
              ['op', ...columns.map((c) => c.chip)],
              rows.map((r) => [r.op, ...r.cells.map(text)]),
            ),
          );
          for (const u of unsteady) io.out(io.paint.red(`not the same bits twice: ${u.region} on ${u.chip}\n`));
          for (const c of failed) io.out(io.paint.red(`${c.chip} could not run it: ${c.failed}\n`));
        }
        if (failed.length > 0) return 3;
        return unsteady.length > 0 ? 6 : bad ? 1 : 0;
      }),
  }),
);
