/** `flagos lock`: writes down which kernels a model runs by, and checks that it still does. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { loadConfig } from '../../host/config.ts';
import { readLockFile, writeLockFile } from '../../host/lock-file.ts';
import {
  emptyLock,
  mergeLocks,
  stalePlan,
  staleness,
  type LockedKernel,
  type LockEntries,
  type LockContents,
} from '../../opmanager/lock-entries.ts';
import { lockOfModel } from '../../runtime/model-lock.ts';
import { defineCommand, required } from '../args/command.ts';
import { flag, text, usageError } from '../args/option.ts';
import { count, table } from '../format.ts';
import { toJson } from '../json.ts';
import { planModel, plannedOptions } from '../model/planned.ts';
import { modelHelp } from '../model/source.ts';
import { configOf, openRuntime, runtimeGroup, runtimeOptions } from '../runtime-options.ts';

const DEFAULT = 'flagos.lock.json';

interface Mismatch {
  readonly node: string;
  readonly signature: string;
  readonly locked: string;
  readonly now: string;
  readonly why: string;
}

/** Where whole plans are not what they would be now. Graphs that are not in the file are locked by their nodes alone. */
const planMismatches = (locked: LockContents, now: LockContents, identities: Parameters<typeof stalePlan>[1]): Mismatch[] =>
  Object.entries(now.plans).flatMap(([signature, plan]): Mismatch[] => {
    const differs = (was: string, why: string): Mismatch[] => [{ node: 'the whole graph', signature, locked: was, now: plan.plan, why }];
    const known = locked.plans[signature];
    if (!known) return differs('none', 'not in the lock file');
    const stale = stalePlan(known, identities);
    if (stale.length > 0) return differs(known.plan, stale.join('; '));
    if (known.plan !== plan.plan) return differs(known.plan, 'another plan would be made now');
    const cut = (of: typeof plan): string => of.regions.map((r) => r.nodes).join(' ');
    if (cut(known) !== cut(plan)) return differs(known.plan, 'it would be cut into other regions now');
    const changed = plan.regions.findIndex(({ code }, i) => known.regions[i]!.code !== undefined && known.regions[i]!.code !== code);
    return changed < 0 ? [] : differs(known.plan, `the code of the region of nodes ${plan.regions[changed]!.nodes} is another one now`);
  });

const entryOf = (entries: LockEntries, node: string, signature: string): LockedKernel | undefined =>
  entries[signature]?.nodes?.[node] ?? entries[signature];

export const lock = defineCommand({
  name: 'lock',
  summary: 'write down which kernels a model runs by, or check that it still would',
  about: `write plans a model, runs it once, and writes which kernel was chosen for each signature, and how the graph was planned as a whole, with versions and chips, into a lock file (${DEFAULT}); entries of other models stay. check does the same without writing and says what differs from the file (exit code 1 if anything does). A runtime obeys a lock file that its configuration names (lock, FLAGOS_LOCK).`,
  args: { action: required('write or check'), model: required(modelHelp) },
  options: {
    file: text('<path>', `the lock file; default what the configuration names, else ${DEFAULT}`),
    fresh: flag('write: without the entries that are there'),
    ...plannedOptions,
    ...runtimeOptions,
  },
  groups: [runtimeGroup],
  examples: [
    ['flagos lock write model.onnx', 'lock what would be chosen now'],
    ['flagos lock check model.onnx', 'whether the same would be chosen now'],
    ['FLAGOS_LOCK=flagos.lock.json node app.js', 'run by it'],
  ],
  run: async ({ args, options, io }) => {
    const { action } = args;
    if (action !== 'write' && action !== 'check') throw usageError(`there is no action '${action}'`, 'it is write or check');
    const config = configOf(options, io);
    const { config: settings } = await loadConfig({
      cwd: io.cwd,
      env: io.env,
      ...(options.config === undefined ? {} : { file: options.config }),
    });
    const path = options.file === undefined ? (settings.lock ?? resolve(io.cwd, DEFAULT)) : resolve(io.cwd, options.file);
    // What would be chosen without it is the question.
    const flagos = await openRuntime({ ...config, lock: false }, options.chip);
    try {
      const planned = await planModel(flagos, args.model, options, io);
      await planned.run();
      const { identities } = flagos.runtime;
      const decisions = planned.model.placement().map(({ node }) => planned.model.explain(node));
      const made = lockOfModel(planned.model, identities);
      if (action === 'write') {
        const old = options.fresh || !existsSync(path) ? emptyLock : readLockFile(path);
        writeLockFile(path, mergeLocks(old, made));
        const [signatures, plans] = [Object.keys(made.kernels).length, Object.keys(made.plans).length];
        if (options.json) io.out(toJson({ file: path, signatures, plans, nodes: decisions.length }));
        else io.out(`${path}: ${count(decisions.length, 'node')} by ${count(signatures, 'signature')}, ${count(plans, 'whole plan')}\n`);
        return 0;
      }
      const locked = readLockFile(path);
      const entries = locked.kernels;
      const wrong = decisions.flatMap(({ node, signature, kernel }): Mismatch[] => {
        const entry = entryOf(entries, node, signature);
        const now = kernel?.id ?? 'none';
        const differs = (why: string): Mismatch[] => [{ node, signature, locked: entry?.kernel ?? 'none', now, why }];
        if (!entry) return differs('not in the lock file');
        const stale = staleness(entry, identities);
        if (stale !== undefined) return differs(stale);
        return entry.kernel === now ? [] : differs('another kernel would be chosen now');
      });
      const mismatches = [...wrong, ...planMismatches(locked, made, identities)];
      if (options.json) io.out(toJson({ ok: mismatches.length === 0, file: path, nodes: decisions.length, mismatches }));
      else if (mismatches.length === 0) io.out(`${path} says what would be chosen now: ${count(decisions.length, 'node')}\n`);
      else
        io.out(
          table(
            io,
            ['node', 'locked', 'now', 'why'],
            mismatches.map((m) => [m.node, m.locked, m.now, m.why]),
          ),
        );
      return mismatches.length === 0 ? 0 : 1;
    } finally {
      await flagos.close();
    }
  },
});
