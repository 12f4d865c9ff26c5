/**
 * Verbs that run other people's kernels, each in a child process: a chip that crashes, hangs or eats all memory is a
 * finding with an exit code, not the end of the program that looks for it.
 */
import { fork } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exitMeanings } from '../diff/report.ts';
import type { Command, Given } from './args/command.ts';
import { flag, integer, usageError } from './args/option.ts';
import { allOptions } from './args/parse.ts';
import { onInterrupt, type Io } from './io.ts';
import { toJson } from './json.ts';

/** Longest time without a word of progress, seconds: the golden of a large region alone may take minutes. */
const STILL = 600;

const options = {
  timeout: integer('<s>', `seconds a single region may take before the run counts as hung; default ${STILL}`, 1),
  'in-process': flag('run in this process: a chip that crashes ends it'),
};

/** What a child sends: what it is at. */
interface At {
  readonly at: string;
}

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly at: string | undefined;
  readonly late: boolean;
  /** V8's own words, where it gave up. */
  readonly fatal: string | undefined;
}

const runChild = async (program: string, words: readonly string[], stillMs: number): Promise<Ending> => {
  // V8 writes a report where it ends the process itself: that is how running out of memory is told from a crash.
  const folder = mkdtempSync(join(tmpdir(), 'flagos-child-'));
  const report = join(folder, 'fatal.json');
  const watched = ['--report-on-fatalerror', `--report-directory=${folder}`, '--report-filename=fatal.json', '--report-compact'];
  const child = fork(program, words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [...process.execArgv, ...watched] });
  const release = onInterrupt(() => child.kill('SIGKILL'));
  let [at, late]: [string | undefined, boolean] = [undefined, false];
  const hung = (): void => {
    late = true;
    child.kill('SIGKILL');
  };
  let timer = setTimeout(hung, stillMs);
  child.on('message', (message: At) => {
    ({ at } = message);
    clearTimeout(timer);
    timer = setTimeout(hung, stillMs);
  });
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((done, failed) => {
      child.once('error', failed);
      child.once('close', (c, s) => done([c, s]));
    });
    const fatal = existsSync(report) ? (JSON.parse(readFileSync(report, 'utf8')) as { header: { event: string } }).header.event : undefined;
    return { code, signal, at, late, fatal };
  } finally {
    clearTimeout(timer);
    release();
    rmSync(folder, { recursive: true });
  }
};

/** The exit code for how a child ended, and why in words where it did not end by itself. */
const verdictOf = ({ code, signal, at, late, fatal }: Ending, stillMs: number): { code: number; why?: string } => {
  const where = at === undefined ? '' : ` at ${at}`;
  if (late) return { code: 5, why: `it did not come back within ${stillMs / 1000} s${where}` };
  if (fatal !== undefined) return { code: 5, why: `the process ran out of memory${where}: ${fatal}` };
  // Nobody but the system's own guard of memory ends a process this way.
  if (signal === 'SIGKILL') return { code: 5, why: `the process was killed${where}, as the system does when memory runs out` };
  if (signal !== null) return { code: 3, why: `the process was ended by ${signal}${where}` };
  return { code: code ?? 3 };
};

/**
 * A verb that runs in a child, and the internal one that is run there.
 * @param exit what an exit code becomes, where options say so.
 */
export const killable = (
  command: Command,
  exit: (code: number, given: Given) => number = (code) => code,
): readonly [outer: Command, worker: Command] => {
  const worker = `${command.name.replaceAll(' ', '-')}-worker`;
  const own = new Set(Object.keys(options));
  const outer: Command = {
    ...command,
    options: { ...command.options, ...options },
    invoke: async (given, io) => {
      const stillMs = (options.timeout.read(given.options.get('timeout') ?? [], 'timeout') ?? STILL) * 1000;
      if (io.self === undefined || given.options.has('in-process')) return command.invoke(given, io);
      const all = allOptions(command);
      const words = [...given.options].flatMap(([name, values]) =>
        own.has(name) ? [] : values.map((v) => (all[name]!.flag ? `--${name}` : `--${name}=${v}`)),
      );
      const ending = await runChild(io.self, [worker, ...words, '--', ...given.positionals.flatMap((p) => p ?? [])], stillMs);
      const { code, why } = verdictOf(ending, stillMs);
      if (why === undefined) return code;
      io.err(`${io.paintErr.red(why)}\n`);
      if (given.options.has('json'))
        io.out(toJson({ ok: false, exit: { code, meaning: meaningOf(code) }, error: { message: why, at: ending.at } }));
      return exit(code, given);
    },
  };
  const inner: Command = {
    ...command,
    name: worker,
    internal: true,
    invoke: (given, io: Io) => {
      if (!process.send) throw usageError(`${worker} is started by flagos ${command.name} only`);
      return command.invoke(given, { ...io, at: (at) => void process.send?.({ at } satisfies At) });
    },
  };
  return [outer, inner];
};

const meaningOf = (code: number): string => exitMeanings[code as keyof typeof exitMeanings];
