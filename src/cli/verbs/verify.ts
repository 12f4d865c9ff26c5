/** `flagos verify`: how exact every kernel is, against the float64 reference, as rows of the accuracy table. */
import { availableParallelism, hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { globMatches } from '../../core/glob.ts';
import { FlagosError } from '../../core/errors.ts';
import { opName } from '../../core/graph.ts';
import { isDType, type DType } from '../../core/dtype.ts';
import type { OpChip } from '../verify/units.ts';
import { FolderStore } from '../../host/tables/folder-store.ts';
import { fingerprintOf } from '../../opmanager/tables/snapshot.ts';
import { accuracyRows } from '../../opmanager/verify/rows.ts';
import { hashOf } from '../../opmanager/verify/random.ts';
import { defineCommand, optional } from '../args/command.ts';
import { flag, integer, list, text, usageError } from '../args/option.ts';
import { argvOf } from '../args/argv.ts';
import { toJson } from '../json.ts';
import { inputOptions } from '../model/inputs.ts';
import { modelOptions } from '../model/source.ts';
import { makeProgress, withProgress } from '../progress.ts';
import { configOf, runtimeGroup, runtimeOptions, withRuntime } from '../runtime-options.ts';
import { captureFolder, capturedCalls } from '../verify/captured.ts';
import { parseCase } from '../verify/catalogue.ts';
import { appendProgress, readProgress } from '../verify/progress-file.ts';
import { printVerify, verifyCounts, verifyJson } from '../verify/report.ts';
import { sweep } from '../verify/sweep.ts';
import type { UnitResult } from '../verify/unit.ts';
import { parseShard, shardOf, unitsOf } from '../verify/units.ts';

const WITNESS = 'onnxruntime/cpu';

export const verify = defineCommand({
  name: 'verify',
  summary: 'measure how exact kernels are, and write it into the accuracy table',
  about:
    'Sweeps ops over element types, shapes and classes of input values on each chip, and holds every element against the float64 reference by the error model (docs/accuracy-model.md). Each op and type runs in a child process that may crash. A sweep that was stopped goes on where it was. Exit code 1 if a kernel is wrong.',
  args: { ops: optional('ops, separated by commas, * for any characters; default all') },
  options: {
    ...runtimeOptions,
    dtypes: list('<types>', 'element types; default all an op has'),
    case: text('<id>', 'one case alone, as a report names it: MatMul/float32/m7n13k5/normal'),
    from: text('<calls>', 'verify calls captured from a model: a folder of flagos diff capture, or a model to run for its calls'),
    ...inputOptions,
    ...modelOptions,
    shard: text('<i/n>', 'the i-th of n parts'),
    jobs: integer('<n>', 'child processes at a time; default: one for each processor', 1),
    timeout: integer('<seconds>', 'longest time for one op and type; default 300', 1),
    table: text('<folder>', 'where the accuracy table is; default .flagos'),
    fresh: flag('do not go on with an earlier sweep'),
    'no-rows': flag('write nothing into the table'),
    verbose: flag('print every case'),
  },
  groups: [runtimeGroup],
  examples: [
    ['flagos verify --chip flagos/cpu', 'every op on one chip'],
    ['flagos verify MatMul,Conv,Reduce* --dtypes float32', 'some ops in float32, on every chip'],
    ['flagos verify --chip flagos/js --case MatMul/float32/m7n13k5/normal', 'one case again'],
    ['flagos verify --shard 1/4', 'a quarter of everything'],
    ['flagos verify --from model.onnx --chip vendor:acme', 'what a model calls, with the values it has there'],
  ],
  run: async ({ args, options, io }) => {
    if (io.self === undefined) throw usageError('verify needs to be run as a program: it starts child processes of itself');
    const program = io.self;
    const single = options.case === undefined ? undefined : parseCase(options.case);
    if (options.case !== undefined && !single)
      throw usageError(`'${options.case}' is no case`, 'cases look like MatMul/float32/m7n13k5/normal');
    if (single && args.ops !== undefined) throw usageError('--case names its op itself');
    const dtypes = options.dtypes?.map((d): DType => {
      if (!isDType(d)) throw usageError(`there is no element type '${d}'`);
      return d;
    });
    const patterns = args.ops?.split(',');
    const folder = resolve(io.cwd, options.table ?? '.flagos');
    const limitMs = (options.timeout ?? 300) * 1000;
    const source =
      options.from === undefined
        ? undefined
        : await captureFolder(options.from, {
            program,
            cwd: io.cwd,
            out: join(folder, 'captured'),
            argv: argvOf({ ...inputOptions, ...modelOptions }, options),
            limitMs,
          });
    const shard = options.shard === undefined ? undefined : parseShard(options.shard);
    const chips = options.chip ?? [];
    // Who is here is asked once, in this process; nothing runs in it.
    const known = await withRuntime(options, io, async ({ runtime }): Promise<{ chips: OpChip[]; units: string[]; digest: string }> => {
      const wanted = runtime.chips.filter(({ provider, chip }) => {
        if (chips.length > 0)
          return chips.some(
            (token) =>
              token === `${provider.name}/${chip.id}` ||
              token === provider.name ||
              token === `vendor:${provider.name}` ||
              (token === 'vendor' && provider.kind === 'vendor'),
          );
        return provider.kind !== 'reference';
      });
      if (wanted.length === 0)
        throw new FlagosError('FLAGOS_E_CHIP', 'no chip to verify is open here', { hint: 'flagos chips lists them' });
      const found = wanted.map(({ id, provider, chip }): OpChip => ({ id, fingerprint: fingerprintOf(provider), chip: chip.fingerprint }));
      if (options.case !== undefined) return { chips: found, units: found.map((c) => `${c.id} ${options.case!}`), digest: '' };
      if (source) {
        const { ids, digest } = capturedCalls(source, runtime.ops, patterns, dtypes);
        if (ids.length === 0) throw usageError(`${options.from!} holds no call to verify`, 'flagos diff capture writes some');
        return {
          chips: found,
          units: shardOf(
            found.flatMap((c) => ids.map((id) => `${c.id} ${id}`)),
            shard,
          ),
          digest,
        };
      }
      const records = runtime.ops.records.filter(
        (r) => patterns?.some((pattern) => globMatches(pattern, opName(r.domain, r.name))) ?? true,
      );
      if (records.length === 0) throw usageError(`no op is called ${args.ops ?? ''}`, 'flagos ops lists them');
      return { chips: found, units: unitsOf(records, found, dtypes, shard), digest: '' };
    });

    const key = hashOf(JSON.stringify(known.chips) + known.digest).toString(16);
    const file = join(folder, 'verify-progress.jsonl');
    const units = new Set(known.units);
    const results: UnitResult[] = single || options.fresh ? [] : readProgress(file, key).filter((r) => units.delete(r.name));
    const store = new FolderStore(folder);
    let written: Promise<void> = Promise.resolve();
    const progress = makeProgress(io, options.progress);
    const total = known.units.length;
    const done = (result: UnitResult): void => {
      results.push(result);
      progress.update(`${results.length} of ${total}: ${result.name}`);
      if (single) return;
      appendProgress(file, key, result);
      const chip = known.chips.find((c) => result.name.startsWith(`${c.id} `))!;
      if (options['no-rows']) return;
      const measured = { fingerprint: chip.fingerprint, chip: chip.chip, host: hostname(), date: new Date().toISOString() };
      written = written.then(() => store.append(accuracyRows(result.verdicts, measured)));
      written.catch(() => {});
    };
    await withProgress(progress, `${results.length} of ${total}`, () =>
      sweep([...units], {
        program,
        setup: { config: configOf(options, io), chips, witness: WITNESS, captured: source?.folder },
        jobs: options.jobs ?? availableParallelism(),
        limitMs,
        done,
      }),
    );
    // What went wrong with writing is thrown here, once everything was measured.
    await written;
    results.sort((a, b) => (a.name < b.name ? -1 : 1));
    if (options.json) io.out(toJson(verifyJson(results)));
    else printVerify(results, io, options.verbose || single !== undefined, source?.folder);
    const { failed, lost, cases } = verifyCounts(results);
    if (single && cases === 0)
      throw usageError(`nothing runs case ${options.case!}`, 'the chip may not support it, or there is no such case');
    return failed + lost > 0 ? 1 : 0;
  },
});
