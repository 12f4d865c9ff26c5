/** `flagos doctor`: is everything there that was asked for, and if not, what to do. */
import { defineCommand } from '../args/command.ts';
import { doctorChecks, type Check } from '../doctor/checks.ts';
import { toJson } from '../json.ts';
import { runtimeGroup, runtimeOptions } from '../runtime-options.ts';

export const doctor = defineCommand({
  name: 'doctor',
  summary: 'check this installation: Node, plugins, chips, configuration, tools',
  about:
    'Looks at everything that decides what runs where: the version of Node, plugins and why some failed, chips that are missing and what would bring them, where each setting comes from, onnxruntime, and the C compiler. Exit code 1 if something that was asked for is broken.',
  args: {},
  options: { ...runtimeOptions },
  groups: [runtimeGroup],
  examples: [
    ['flagos doctor', 'the whole report'],
    ['flagos doctor --plugin ./my-plugin', 'with a plugin that is being written'],
    ['flagos doctor --json', 'as data'],
  ],
  run: async ({ options, io }) => {
    const checks = await doctorChecks(options, io);
    const broken = checks.filter((c) => c.state === 'broken').length;
    if (options.json) io.out(toJson({ ok: broken === 0, checks }));
    else {
      const p = io.paint;
      const marks: Readonly<Record<Check['state'], string>> = {
        ok: p.green('ok     '),
        missing: p.yellow('missing'),
        broken: p.red('broken '),
      };
      for (const c of checks) {
        io.out(`${marks[c.state]} ${p.bold(c.name)}: ${c.detail}\n`);
        if (c.hint !== undefined) io.out(`        ${p.dim(c.hint)}\n`);
      }
      io.out(
        broken === 0
          ? p.green('everything that was asked for works\n')
          : p.red(`${broken} of ${checks.length} checks found something broken\n`),
      );
    }
    return broken === 0 ? 0 : 1;
  },
});
