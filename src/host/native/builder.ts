/**
 * From C to a library: units are compiled side by side, each by a process of its own, and linked.
 * When that fails it is found out whether the compiler works at all: if it does not (it is gone, the disk
 * is full), everything that is asked for in the next while fails at once, instead of failing slowly
 * for each part a region is taken into.
 */
import { copyFileSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { FlagosError, asError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { CUnit } from '../../compiler/render/c-units.ts';
import type { CCode } from '../../plugins/flagos/native.ts';
import type { PrepareWatch } from '../../plugins/contract.ts';
import type { Environment } from '../config-env.ts';
import { LibraryCache } from './cache.ts';
import { libraries, runCompiler, type Compiler } from './compiler.ts';
import { libraryProblem } from './elf.ts';
import { Limiter } from './limiter.ts';

export interface BuilderLimits {
  /** For one process of the compiler, milliseconds. */
  readonly compileMs: number;
  /** For the test whether it works at all. */
  readonly checkMs: number;
  /** How long nothing is tried after that failed. */
  readonly pauseMs: number;
}

export const usualLimits: BuilderLimits = { compileMs: 120_000, checkMs: 10_000, pauseMs: 30_000 };

const HINT = 'another chip is used instead; `flagos doctor` tries the compiler';

export class Builder {
  readonly compiler: Compiler;
  readonly cache: LibraryCache;
  readonly #env: Environment;
  readonly #logger: Logger;
  readonly #limits: BuilderLimits;
  /** Compilers run at once: one per core. */
  readonly #processes = new Limiter(availableParallelism());
  #down: { readonly until: number; readonly reason: string } | undefined;
  #checking: Promise<string | undefined> | undefined;

  constructor(compiler: Compiler, cache: LibraryCache, env: Environment, logger: Logger, limits: BuilderLimits) {
    this.compiler = compiler;
    this.cache = cache;
    this.#env = env;
    this.#logger = logger;
    this.#limits = limits;
  }

  key(code: CCode): string {
    return LibraryCache.key(this.compiler.fingerprint, code.source);
  }

  /** Compiles C into a library in the cache. @returns its path. @throws FLAGOS_E_COMPILER */
  async build(code: CCode, label: string, watch: PrepareWatch = () => {}): Promise<string> {
    if (this.#down && performance.now() < this.#down.until) throw this.#error(label, this.#down.reason);
    const start = performance.now();
    let folder: string | undefined;
    try {
      folder = this.cache.workFolder();
      const units = code.units(availableParallelism());
      const library = await this.#link(units, folder, watch);
      const problem = libraryProblem(library);
      if (problem) throw new Error(`what it made cannot be loaded: ${problem}`);
      const path = this.cache.add(this.key(code), library, 'so');
      this.#logger.log('debug', `compiled ${label}`, {
        ms: Math.round(performance.now() - start),
        bytes: code.source.length,
        units: units.length,
      });
      return path;
    } catch (e) {
      const useless = await this.#whyUseless();
      throw this.#error(label, useless ?? asError(e).message, e);
    } finally {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    }
  }

  #error(label: string, reason: string, cause?: unknown): FlagosError {
    const what = this.compiler.command.join(' ');
    return new FlagosError('FLAGOS_E_COMPILER', `${what} failed on ${label}: ${reason}`, { cause, hint: HINT });
  }

  /** @throws what the compiler said. */
  async #run(args: readonly string[], cwd: string, limitMs = this.#limits.compileMs): Promise<void> {
    const ended = await this.#processes.run(() =>
      runCompiler(this.compiler.command, [...this.compiler.flags, ...args], { env: this.#env, cwd, limitMs }),
    );
    if (!ended.ok) throw new Error(`it ${ended.reason}`);
  }

  /** One command does all of a single unit; several become object files first. */
  async #link(units: readonly CUnit[], folder: string, watch: PrepareWatch): Promise<string> {
    const own = units.filter((u) => !u.shared);
    let done = 0;
    const total = units.length;
    const made = <T>(x: T): T => {
      watch(++done, total);
      return x;
    };
    watch(0, total);
    const shared = units.filter((u) => u.shared).map((u, i) => this.#shared(u, folder, `shared${i}`).then(made));
    const objects = own.map(async (u, i) => {
      writeFileSync(join(folder, `unit${i}.c`), u.text);
      if (own.length === 1) return `unit${i}.c`;
      await this.#run(['-c', '-o', `unit${i}.o`, `unit${i}.c`], folder);
      return made(`unit${i}.o`);
    });
    // Others are waited for, too: they work in the folder that goes when this one fails.
    const ended = await Promise.allSettled([...objects, ...shared]);
    const parts = ended.map((e) => {
      if (e.status === 'rejected') throw e.reason;
      return e.value;
    });
    await this.#run(['-shared', '-o', 'kernel.so', ...parts, ...libraries], folder);
    const library = join(folder, 'kernel.so');
    if (!existsSync(library)) throw new Error('it made no file');
    if (own.length === 1) made(library);
    return library;
  }

  /** The object file of a shared unit, from the cache or made and put there. */
  async #shared({ text }: CUnit, folder: string, name: string): Promise<string> {
    const key = LibraryCache.key(this.compiler.fingerprint, 'object', text);
    const object = `${name}.o`;
    const known = this.cache.find(key, 'o');
    // A copy: what is in the cache may be removed at any moment.
    if (known) copyFileSync(known, join(folder, object));
    else {
      writeFileSync(join(folder, `${name}.c`), text);
      await this.#run(['-c', '-o', object, `${name}.c`], folder);
      copyFileSync(join(folder, object), join(folder, `${name}-kept.o`));
      this.cache.add(key, join(folder, `${name}-kept.o`), 'o');
    }
    return object;
  }

  /** Why nothing can be compiled at all; undefined if something can. */
  #whyUseless(): Promise<string | undefined> {
    this.#checking ??= this.#check().finally(() => (this.#checking = undefined));
    return this.#checking;
  }

  async #check(): Promise<string | undefined> {
    let folder: string | undefined;
    try {
      folder = this.cache.workFolder();
      writeFileSync(join(folder, 'check.c'), 'int check(int x) { return x + 1; }\n');
      await this.#run(['-shared', '-o', 'check.so', 'check.c'], folder, this.#limits.checkMs);
      const problem = libraryProblem(join(folder, 'check.so'));
      if (problem) throw new Error(`what it made cannot be loaded: ${problem}`);
      this.#down = undefined;
      return undefined;
    } catch (e) {
      const reason = `nothing can be compiled at present: ${asError(e).message}`;
      this.#down = { until: performance.now() + this.#limits.pauseMs, reason };
      this.#logger.log('warn', 'the C compiler does not work', { compiler: this.compiler.command.join(' '), reason: asError(e).message });
      return reason;
    } finally {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    }
  }
}
