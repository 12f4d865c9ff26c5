/** `flagos table`: what has been measured; merged, compared, checked, cleared up. */
import { defineCommand, optional, required } from '../args/command.ts';
import { choice, flag, integer, real, text, usageError } from '../args/option.ts';
import { runtimeGroup, runtimeOptions, quietly, withRuntime } from '../runtime-options.ts';
import { check, diff, merge, prune, show } from '../table/actions.ts';
import { configuredLayers, openPlace } from '../table/places.ts';

const actions = ['show', 'merge', 'diff', 'check', 'prune'] as const;

export const table = defineCommand({
  name: 'table',
  summary: 'show, merge, compare, check and clear up the tables of evidence',
  about:
    'A table is named by its layer (project, machine, shared), by a folder, or by a file of JSON Lines. show lists rows and whether they count here; merge adds the rows of one table to another (--to, default project); diff says where two tables differ (exit code 1 if they do); check counts rows, stale ones, and damage (exit code 1 if there is any); prune removes stale rows, or those that options name, and rewrites the table.',
  args: {
    action: required(actions.join(', ')),
    first: optional('a table; default: the machine’s (check: all layers)'),
    second: optional('diff: the other table'),
  },
  options: {
    to: text('<table>', 'merge: where the rows go; default project'),
    table: choice(['accuracy', 'performance'], 'only rows of this table'),
    kernel: text('<id>', 'only rows of this kernel; * stands for any text'),
    op: text('<name>', 'only rows of this op; * stands for any text'),
    'older-than': integer('<days>', 'prune: only rows measured before that', 0),
    elsewhere: flag('prune: also rows about chips that are not on this machine'),
    ratio: real('<x>', 'diff: medians that differ by less than this factor are the same; default 1.1'),
    ...runtimeOptions,
  },
  groups: [runtimeGroup],
  examples: [
    ['flagos table show --op Conv', 'what this machine knows of convolutions'],
    ['flagos table merge ../other/.flagos', 'add what another machine measured to the project’s table'],
    ['flagos table diff project machine', 'where they differ'],
    ['flagos table check', 'all layers: rows, stale ones, damage'],
    ['flagos table prune machine', 'remove what is stale'],
  ],
  run: async ({ args, options, io }) => {
    const { json, config } = options;
    const action = actions.find((a) => a === args.action);
    if (!action) throw usageError(`there is no action '${args.action}'`, `it is one of ${actions.join(', ')}`);
    if (args.second !== undefined && action !== 'diff') throw usageError(`table ${action} takes one table`);
    const filter = { table: options.table, kernel: options.kernel, op: options.op };
    const open = (word: string) => openPlace(word, config, io);
    if (action === 'merge') {
      if (args.first === undefined) throw usageError('table merge takes the table whose rows are to be added');
      return merge(await open(args.first), await open(options.to ?? 'project'), json, io);
    }
    if (action === 'diff') {
      if (args.first === undefined || args.second === undefined) throw usageError('table diff takes two tables');
      return diff(await open(args.first), await open(args.second), options.ratio ?? 1.1, json, io);
    }
    return withRuntime(quietly(options, io), io, async (flagos) => {
      if (action === 'check') {
        const words = args.first === undefined ? await configuredLayers(config, io) : [args.first];
        return check(await Promise.all(words.map(open)), flagos, json, io);
      }
      const place = await open(args.first ?? 'machine');
      if (action === 'show') return show(place, filter, flagos, json, io);
      return prune(place, { ...filter, olderThan: options['older-than'], elsewhere: options.elsewhere }, flagos, json, io);
    });
  },
});
