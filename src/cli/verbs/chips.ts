/** `flagos chips`: where kernels can run on this machine, and what is missing. */
import type { Runtime } from '../../runtime/runtime.ts';
import { defineCommand } from '../args/command.ts';
import { table } from '../format.ts';
import { toJson } from '../json.ts';
import { quietly, runtimeGroup, runtimeOptions, withRuntime } from '../runtime-options.ts';

/** What could not be found or opened, from all providers. */
export const missingChips = (runtime: Runtime): { chip: string; reason: string; hint: string | undefined }[] => [
  ...runtime.probes.flatMap(({ provider, missing, error }) => [
    ...missing.map((m) => ({ chip: `${provider.name}/${m.chip}`, reason: m.reason, hint: m.hint })),
    ...(error ? [{ chip: `${provider.name}/*`, reason: error.reason, hint: error.hint }] : []),
  ]),
  ...runtime.broken.map(({ chip, error }) => ({ chip, reason: error.message, hint: undefined })),
];

export const chips = defineCommand({
  name: 'chips',
  summary: 'list the chips of this machine that kernels can run on',
  args: {},
  options: { ...runtimeOptions },
  groups: [runtimeGroup],
  examples: [
    ['flagos chips', 'what there is and what is missing'],
    ['flagos chips --json', 'as data'],
  ],
  run: ({ options, io }) =>
    withRuntime(quietly(options, io), io, async ({ runtime }) => {
      const found = runtime.chips.map(({ id, provider, chip, session }) => ({
        chip: id,
        kind: provider.kind,
        version: provider.version,
        description: chip.description,
        fingerprint: chip.fingerprint,
        memory: session.memory?.id ?? 'host',
        regions: session.regions,
        plugin: runtime.registry.ownerOf(provider.name),
      }));
      const missing = missingChips(runtime);
      if (options.json) {
        io.out(toJson({ chips: found, missing }));
        return 0;
      }
      io.out(
        table(
          io,
          ['chip', 'kind', 'version', 'memory', 'takes', 'what it is'],
          found.map((c) => [c.chip, c.kind, c.version, c.memory, c.regions === 'connected' ? 'subgraphs' : 'single ops', c.description]),
        ),
      );
      for (const m of missing) io.out(`${io.paint.yellow('missing')} ${m.chip}: ${m.reason}${m.hint === undefined ? '' : `; ${m.hint}`}\n`);
      return 0;
    }),
});
