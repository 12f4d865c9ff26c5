/**
 * The C compiler of this machine: `CC`, or the first of `cc`, `gcc` and `clang` whose programs run here.
 * Each is tried with a program (trial.c.ts) in a process of its own, first for exactly this processor,
 * then for any of its kind; what came out is noted in the cache, so that it is done once.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { asError } from '../../core/errors.ts';
import type { Environment } from '../config-env.ts';
import { LibraryCache } from './cache.ts';
import { runCommand, type CommandOptions, type Ended } from './command.ts';
import { cpuFacts } from './processor.ts';
import { trialSource } from './trial.c.ts';

/** No -ffast-math: the kernels' numerics are what they declare. */
const common = ['-O3', '-std=gnu11', '-fPIC', '-fno-math-errno', '-fno-trapping-math', '-fno-plt', '-w'];
export const libraries = ['-lm', '-lpthread', '-ldl'];

/**
 * For exactly this processor, and for any of its kind. Compilers shy away from the widest vectors, for what
 * early processors with them lost in clock speed, and older ones cannot be told.
 */
const dialects: readonly (readonly string[])[] =
  arch() === 'arm64' ? [['-mcpu=native'], []] : [['-march=native', '-mprefer-vector-width=512'], ['-march=native'], []];

export interface Compiler {
  /** Program and the arguments it is always given. */
  readonly command: readonly string[];
  readonly version: string;
  readonly flags: readonly string[];
  /** Bytes of the vectors it compiles for. */
  readonly vectorBytes: 64 | 32 | 16;
  /** What it makes use of, by the names of trial.c.ts: `avx512bf16`, `amx_bf16`, … */
  readonly uses: readonly string[];
  /** Why it does not compile for exactly this processor. */
  readonly limited: string | undefined;
  /** Changes with whatever makes its output another, or useless. */
  readonly fingerprint: string;
}

/** Found, or why none was. */
export type CompilerSearch = { readonly compiler: Compiler } | { readonly missing: string; readonly hint: string };

type Trial =
  | Pick<Compiler, 'vectorBytes' | 'uses'>
  /** `lasting`: it will be the same the next time. */
  | { readonly problem: string; readonly lasting: boolean };

const trialOf = (ended: Ended): Trial => {
  const [, vectors] = /^vectors (16|32|64)$/m.exec(ended.stdout) ?? [];
  const [, uses = ''] = /^uses (.+)$/m.exec(ended.stdout) ?? [];
  const [, lacks] = /^lacks (.+)$/m.exec(ended.stdout) ?? [];
  if (ended.ok && vectors) return { vectorBytes: Number(vectors) as 64 | 32 | 16, uses: uses.split(' ') };
  if (ended.ok) return { problem: 'makes programs that print nonsense', lasting: false };
  const illegal = lacks !== undefined || ended.signal === 'SIGILL';
  return illegal
    ? { problem: `uses instructions this processor lacks${lacks ? `: ${lacks}` : ''}`, lasting: true }
    : { problem: `makes programs that cannot be run: a test ${ended.reason}`, lasting: false };
};

const LEAST_MS = 100;

/** Runs a compiler; what it writes on its way stays in the folder it works in. */
export const runCompiler = (command: readonly string[], args: readonly string[], options: CommandOptions): Promise<Ended> => {
  const [program = '', ...always] = command;
  const env = options.cwd === undefined ? options.env : { ...options.env, TMPDIR: options.cwd };
  return runCommand(program, [...always, ...args], { ...options, env });
};

class Search {
  readonly #env: Environment;
  readonly #cache: LibraryCache;
  readonly #end: number;

  /** @param limitMs for all of it. */
  constructor(env: Environment, cache: LibraryCache, limitMs: number) {
    this.#env = env;
    this.#cache = cache;
    this.#end = performance.now() + limitMs;
  }

  /** Each step gets half of the time that is left, so that one that hangs leaves some to the others. */
  #run(command: readonly string[], args: readonly string[], cwd?: string): Promise<Ended> {
    const limitMs = Math.max(LEAST_MS, (this.#end - performance.now()) / 2);
    return runCompiler(command, args, { env: this.#env, limitMs, ...(cwd === undefined ? {} : { cwd }) });
  }

  /** @returns the compiler, or what is wrong with it. */
  async try(command: readonly string[]): Promise<Compiler | string> {
    const answer = await this.#run(command, ['--version']);
    if (!answer.ok) return answer.reason;
    const version = answer.stdout.split('\n')[0]!.trim();
    let problem = 'was not tried';
    for (const dialect of dialects) {
      const flags = [...common, ...dialect];
      const identity = [version, command.join('\n'), flags.join(' '), cpuFacts()];
      const trial = await this.#trial(LibraryCache.key(...identity, trialSource), command, flags);
      if ('vectorBytes' in trial) {
        const limited = dialect.length === 0 ? problem : undefined;
        return { command, version, flags, limited, ...trial, fingerprint: LibraryCache.key(...identity) };
      }
      problem = dialect.length === 0 ? trial.problem : `with ${dialect.join(' ')} it ${trial.problem}`;
    }
    return problem;
  }

  async #trial(key: string, command: readonly string[], flags: readonly string[]): Promise<Trial> {
    const note = this.#cache.find(key, 'txt');
    if (note) return JSON.parse(readFileSync(note, 'utf8')) as Trial;
    const folder = this.#cache.workFolder();
    try {
      writeFileSync(join(folder, 'trial.c'), trialSource);
      const made = await this.#run(command, [...flags, '-o', 'trial', 'trial.c', ...libraries], folder);
      if (!made.ok) return { problem: `cannot compile: ${made.reason}`, lasting: false };
      const trial = trialOf(await this.#run([join(folder, 'trial')], [], folder));
      if ('vectorBytes' in trial || trial.lasting) {
        writeFileSync(join(folder, 'note'), JSON.stringify(trial));
        this.#cache.add(key, join(folder, 'note'), 'txt');
      }
      return trial;
    } catch (e) {
      return { problem: `cannot be tried: ${asError(e).message}`, lasting: false };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** @param limitMs for the whole search. */
export const findCompiler = async (env: Environment, cache: LibraryCache, limitMs: number): Promise<CompilerSearch> => {
  const named = env['CC']?.trim().split(/\s+/).filter(Boolean) ?? [];
  const search = new Search(env, cache, limitMs);
  const tried: string[] = [];
  for (const command of named.length ? [named] : [['cc'], ['gcc'], ['clang']]) {
    const found = await search.try(command);
    if (typeof found !== 'string') return { compiler: found };
    tried.push(`${command.join(' ')} ${found}`);
  }
  return named.length
    ? {
        missing: `no C compiler: CC names one, but ${tried[0]}`,
        hint: 'unset CC to look for cc, gcc and clang, or let it name one that works',
      }
    : {
        missing: `no C compiler: ${tried.join('; ')}`,
        hint: 'install gcc or clang, or set CC; without one, flagos/wasm and flagos/js are used',
      };
};
