/** A command line taken apart by a verb's table; what does not fit is one plain sentence and a hint. */
import { parseArgs } from 'node:util';
import { nearest } from '../../core/nearest.ts';
import { commonOptions, type Command, type Given } from './command.ts';
import { usageError, type Options } from './option.ts';

/** All options of a verb, by name. */
export const allOptions = (command: Command): Options => ({ ...command.options, ...commonOptions });

/** @param argv what follows the verb. @throws FLAGOS_E_USAGE */
export const parseCommand = (command: Command, argv: readonly string[]): Given => {
  const options = allOptions(command);
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      Object.entries(options).map(([name, o]) => [
        name,
        { type: o.flag ? ('boolean' as const) : ('string' as const), multiple: true, ...(o.short === undefined ? {} : { short: o.short }) },
      ]),
    ),
  });
  const found = new Map<string, string[]>();
  const positionals: string[] = [];
  const more = `see flagos ${command.name} --help`;
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (!option) {
      const near = nearest(token.name, Object.keys(options));
      throw usageError(`${command.name} has no option ${token.rawName}`, near === undefined ? more : `did you mean --${near}?`);
    }
    if (option.flag && token.value !== undefined) throw usageError(`--${token.name} takes no value`, more);
    // A value that is spelled like one of our options was forgotten, not meant.
    const swallowed = !token.inlineValue && token.value?.startsWith('--') === true;
    if (!option.flag && (token.value === undefined || swallowed))
      throw usageError(`--${token.name} needs a value: --${token.name} ${option.value}`, more);
    const known = found.get(token.name) ?? [];
    if (known.length > 0 && !option.many) throw usageError(`--${token.name} is given twice`);
    found.set(token.name, [...known, token.value ?? '']);
  }
  const names = Object.keys(command.args);
  if (positionals.length > names.length)
    throw usageError(
      `flagos ${command.name} takes ${names.length === 0 ? 'no arguments' : `at most ${names.length} arguments`}; '${positionals[names.length]!}' is too many`,
      more,
    );
  return { positionals: names.map((_, i) => positionals[i]), options: found };
};

/** @throws FLAGOS_E_USAGE for a required argument that is not there. */
export const checkPositionals = (command: Command, given: Given): void => {
  const missing = Object.entries(command.args).find(([, p], i) => !p.optional && given.positionals[i] === undefined);
  if (missing) throw usageError(`flagos ${command.name} needs <${missing[0]}>: ${missing[1].help}`, `see flagos ${command.name} --help`);
};
