/** `flagos plugin new`: the beginning of a plugin. */
import { relative, resolve } from 'node:path';
import { writePlugin } from '../../host/plugin-template.ts';
import { defineCommand, required } from '../args/command.ts';
import { text, usageError } from '../args/option.ts';
import { toJson } from '../json.ts';

export const plugin = defineCommand({
  name: 'plugin',
  summary: 'begin a plugin: a package that builds, loads and passes its tests',
  about: 'Writes a package with one provider, one chip and three kernels in TypeScript, and the conformance kit as its test.',
  args: { action: required('new'), name: required('name of the package or of its provider: flagos-acme, acme') },
  options: { folder: text('<path>', 'where; default: a folder named like the package') },
  examples: [
    ['flagos plugin new acme', 'the package flagos-acme in ./flagos-acme'],
    ['flagos plugin new @us/acme --folder kernels', 'in ./kernels'],
  ],
  run: async ({ args, options, io }) => {
    if (args.action !== 'new') throw usageError(`there is no 'plugin ${args.action}'`, 'flagos plugin new <name>');
    const usual = args.name.includes('/')
      ? args.name.slice(args.name.indexOf('/') + 1)
      : args.name.startsWith('flagos-')
        ? args.name
        : `flagos-${args.name}`;
    const folder = resolve(io.cwd, options.folder ?? usual);
    const files = writePlugin(args.name, folder);
    if (options.json) io.out(toJson({ folder, files }));
    else {
      for (const file of files) io.out(`${file}\n`);
      io.out(`\ncd ${relative(io.cwd, folder) || '.'} && npm install && npm run build && npm test\n`);
    }
    return 0;
  },
});
