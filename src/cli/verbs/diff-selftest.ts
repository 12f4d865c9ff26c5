/** `flagos diff selftest`: does the comparison find what it should, and what would other rules have found? */
import { parseGate } from '../../diff/gates.ts';
import { selftest } from '../../diff/selftest/run.ts';
import { defineCommand } from '../args/command.ts';
import { flag } from '../args/option.ts';
import { table } from '../format.ts';
import { toJson } from '../json.ts';

const gates = ['polygraphy', 'pytorch', 'onnx', 'numpy:1e-3,1e-5', 'msprobe:L1', 'cosine>=0.999'];

export const diffSelftest = defineCommand({
  name: 'diff selftest',
  summary: 'plant faults into single ops, and show which rule finds which',
  about:
    'Plants known faults into single calls, and three differences that are none, and holds each against the error model and against the rules of others. Exit code 1 if ours misses a fault or objects to what is right.',
  args: {},
  options: { markdown: flag('print the table as Markdown') },
  examples: [['flagos diff selftest', 'what the comparison finds, and what others would have']],
  run: async ({ options, io }) => {
    const rows = selftest(gates.map(parseGate));
    const names = Object.keys(rows[0]!.objects);
    const mark = (wrong: boolean, objects: boolean): string =>
      wrong ? (objects ? 'found' : 'missed') : objects ? 'FALSE ALARM' : 'passes';
    const cells = rows.map((r) => [r.wrong ? r.fault : `${r.fault} (is right)`, ...names.map((n) => mark(r.wrong, r.objects[n]!)), r.says]);
    const wrong = rows.filter((r) => r.wrong);
    const fine = rows.filter((r) => !r.wrong);
    const totals = [
      'found / false alarms',
      ...names.map((n) => `${wrong.filter((r) => r.objects[n]).length} of ${wrong.length} / ${fine.filter((r) => r.objects[n]).length}`),
      '',
    ];
    const ok = rows.every((r) => r.objects['flagos'] === r.wrong);
    const head = ['fault', ...names, 'what ours says'];
    if (options.json) io.out(toJson({ ok, rows }));
    else if (options.markdown) io.out(`${[head, head.map(() => '---'), ...cells, totals].map((c) => `| ${c.join(' | ')} |`).join('\n')}\n`);
    else io.out(table(io, head, [...cells, totals]));
    return ok ? 0 : 1;
  },
});
