/** `flagos plugins`: every plugin that was looked at, and what became of it. */
import { defineCommand } from '../args/command.ts';
import { table } from '../format.ts';
import { toJson } from '../json.ts';
import { quietly, runtimeGroup, runtimeOptions, withRuntime } from '../runtime-options.ts';

export const plugins = defineCommand({
  name: 'plugins',
  summary: 'list plugins: which were found, where, and which failed and why',
  args: {},
  options: { ...runtimeOptions },
  groups: [runtimeGroup],
  examples: [
    ['flagos plugins', 'what was found, and through what'],
    ['flagos plugins --plugin ./my-plugin', 'with one that is being written'],
  ],
  run: ({ options, io }) =>
    withRuntime(quietly(options, io), io, async ({ runtime }) => {
      const reports = runtime.registry.reports();
      if (options.json) {
        io.out(toJson({ plugins: reports }));
        return 0;
      }
      io.out(
        table(
          io,
          ['plugin', 'version', 'state', 'providers', 'named by'],
          reports.map((r) => [
            r.plugin,
            r.version ?? '',
            r.state,
            r.providers.join(', '),
            r.source.kind === 'built-in' ? 'built in' : r.source.detail,
          ]),
        ),
      );
      for (const r of reports) {
        if (r.error)
          io.out(
            `${io.paint.red('failed')} ${r.plugin}: ${r.error.reason}${r.error.hint === undefined ? '' : `\n       ${r.error.hint}`}\n`,
          );
      }
      return 0;
    }),
});
