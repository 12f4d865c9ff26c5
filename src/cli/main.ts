/** The command `flagos`: finds the verb, takes the line apart, runs it, and turns what is thrown into words and an exit code. */
import { asError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { version } from '../version.ts';
import { usageError } from './args/option.ts';
import { commandHelp, overview } from './args/help.ts';
import { checkPositionals, parseCommand } from './args/parse.ts';
import { describeError, errorJson, exitCodeOf } from './errors.ts';
import type { Io } from './io.ts';
import { toJson } from './json.ts';
import { commands } from './verbs/index.ts';

/** Some verbs have two words: `diff bisect`. */
const joined = (argv: readonly string[]): readonly string[] => {
  const two = argv.slice(0, 2).join(' ');
  return argv.length >= 2 && commands.some((c) => c.name === two) ? [two, ...argv.slice(2)] : argv;
};

const run = async (argv: readonly string[], io: Io): Promise<number> => {
  const [verb, ...rest] = joined(argv);
  if (verb === undefined || verb === '--help' || verb === '-h') {
    const asked = commands.find((c) => c.name === joined(rest)[0]);
    (verb === undefined ? io.err : io.out)(asked && verb !== undefined ? commandHelp(asked, io) : overview(commands, version, io));
    return verb === undefined ? 2 : 0;
  }
  if (verb === '--version' || verb === '-v' || verb === 'version') {
    io.out(`${version}\n`);
    return 0;
  }
  if (verb === 'help') return run(['--help', ...rest], io);
  const command = commands.find((c) => c.name === verb);
  if (!command) {
    const near = nearest(
      verb,
      commands.map((c) => c.name),
    );
    throw usageError(
      verb.startsWith('-') ? `the verb comes before options: flagos <verb> ${verb}` : `there is no verb '${verb}'`,
      near === undefined ? 'see flagos --help' : `did you mean flagos ${near}?`,
    );
  }
  const given = parseCommand(command, rest);
  if (given.options.has('help')) {
    io.out(commandHelp(command, io));
    return 0;
  }
  checkPositionals(command, given);
  return command.invoke(given, io);
};

/**
 * Runs a command line.
 * @param argv without the names of Node and of the program.
 * @returns the exit code: 0 ok, 1 what was checked failed, 2 it could not be done as given.
 */
export const main = async (argv: readonly string[], io: Io): Promise<number> => {
  const beforeDashes = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  try {
    return await run(argv, io);
  } catch (thrown) {
    const error = asError(thrown);
    io.err(describeError(error, io, beforeDashes.includes('--debug')));
    if (beforeDashes.includes('--json')) io.out(toJson({ error: errorJson(error) }));
    return exitCodeOf(error);
  }
};
