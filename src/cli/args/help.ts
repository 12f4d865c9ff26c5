/** Help texts, made from the tables of the verbs. */
import type { Io } from '../io.ts';
import { commonOptions, type Command } from './command.ts';
import type { Options } from './option.ts';

/** Words to lines of at most `width`, each starting with `indent`. */
export const wrap = (words: string, width: number, indent: string): string => {
  const lines: string[] = [];
  let line = '';
  for (const word of words.split(/\s+/)) {
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, indent + line].join('\n');
};

type Row = readonly [left: string, right: string];

const rows = (entries: readonly Row[], io: Io): string => {
  const column = Math.min(34, Math.max(...entries.map(([l]) => l.length)) + 4);
  return entries
    .map(([left, right]) => {
      const body = wrap(right, Math.min(io.width, 120), ' '.repeat(column)).slice(column);
      const gap = left.length + 3 > column ? `\n${' '.repeat(column)}` : ' '.repeat(column - 2 - left.length);
      return `  ${io.paint.cyan(left)}${gap}${body}`;
    })
    .join('\n');
};

const optionRows = (options: Options): Row[] =>
  Object.entries(options).map(([name, o]): Row => [
    `${o.short === undefined ? '' : `-${o.short}, `}--${name}${o.value === '' ? '' : ` ${o.value}`}`,
    o.help + (o.many && !o.flag ? ' (may be repeated)' : ''),
  ]);

const usageOf = (command: Command): string => {
  const args = Object.entries(command.args)
    .map(([name, p]) => (p.optional ? ` [${name}]` : ` <${name}>`))
    .join('');
  return `flagos ${command.name}${args} [options]`;
};

const heading = (io: Io, title: string): string => io.paint.bold(title);

export const commandHelp = (command: Command, io: Io): string => {
  const shared = new Set(command.groups.flatMap((g) => Object.keys(g.options)));
  const own = Object.fromEntries(Object.entries(command.options).filter(([name]) => !shared.has(name)));
  const sections = [`${heading(io, usageOf(command))}\n\n${wrap(command.about ?? command.summary, Math.min(io.width, 120), '')}`];
  const args = Object.entries(command.args);
  if (args.length > 0)
    sections.push(
      `${heading(io, 'Arguments')}\n${rows(
        args.map(([name, p]) => [p.optional ? `[${name}]` : `<${name}>`, p.help]),
        io,
      )}`,
    );
  if (Object.keys(own).length > 0) sections.push(`${heading(io, 'Options')}\n${rows(optionRows(own), io)}`);
  for (const group of command.groups) sections.push(`${heading(io, group.title)}\n${rows(optionRows(group.options), io)}`);
  sections.push(`${heading(io, 'Common')}\n${rows(optionRows(commonOptions), io)}`);
  sections.push(
    `${heading(io, 'Examples')}\n${command.examples.map(([line, what]) => `  ${io.paint.dim(`# ${what}`)}\n  ${line}`).join('\n')}`,
  );
  return `${sections.join('\n\n')}\n`;
};

export const overview = (commands: readonly Command[], version: string, io: Io): string => {
  const shown = commands.filter((c) => !c.internal);
  const examples = ['run', 'explain', 'conformance'].flatMap((name) => shown.find((c) => c.name === name)?.examples.slice(0, 1) ?? []);
  return [
    `${heading(io, 'flagos')} ${version}: AI models on the chips this machine has, each op on the kernel that is right and fast.`,
    `${heading(io, 'Usage')}\n  flagos <verb> [arguments] [options]`,
    `${heading(io, 'Verbs')}\n${rows(
      shown.map((c) => [c.name, c.summary]),
      io,
    )}`,
    `${heading(io, 'Options')}\n${rows(
      [
        ['-h, --help', 'print this help; flagos <verb> --help for that of a verb'],
        ['-v, --version', 'print the version'],
      ],
      io,
    )}`,
    `${heading(io, 'Examples')}\n${examples.map(([line, what]) => `  ${io.paint.dim(`# ${what}`)}\n  ${line}`).join('\n')}`,
    'Exit codes: 0 all is well, 1 what was checked failed, 2 the command could not be done as it was given.',
    '',
  ]
    .join('\n\n')
    .trimEnd()
    .concat('\n');
};
