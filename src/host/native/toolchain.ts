/**
 * The C compiler of this machine, and calls into what it makes. Found once per process: `CC`, `cc`,
 * `gcc` or `clang`, tried with a real file, because a compiler on the PATH may be unable to compile.
 */
import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { arch, cpus } from 'node:os';
import { promisify } from 'node:util';
import type * as KoffiModule from 'koffi';
import { FlagosError, asError, wrapError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { Target } from '../../compiler/contraction/types.ts';
import type { NativeKernel, NativeProbe, NativeToolchain } from '../../plugins/flagos/native.ts';
import { LibraryCache } from './cache.ts';
import { poolSource } from './pool.c.ts';
import { cpuFacts, thisProcessor } from './processor.ts';

const run = promisify(execFile);
type Koffi = (typeof KoffiModule)['default'];
type KoffiFunction = ReturnType<ReturnType<Koffi['load']>['func']>;

/** No -ffast-math: the kernels' numerics are what they declare. */
const flags = ['-O3', '-march=native', '-std=gnu11', '-fPIC', '-shared', '-fno-math-errno', '-fno-trapping-math', '-fno-plt', '-w'];
/** Compilers shy away from the widest vectors, for what early processors with them lost in clock speed. */
const flagsFor = (target: Target): readonly string[] =>
  arch() === 'x64' && target.vectorBytes === 64 ? [...flags, '-mprefer-vector-width=512'] : flags;
const libraries = ['-lm', '-lpthread'];
const COMPILE_LIMIT_MS = 120_000;
/** Workspace begins on a cache line. */
const ALIGN = 64;

const findCompiler = async (
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ path: string; version: string } | { tried: string[] }> => {
  const tried: string[] = [];
  for (const path of [env['CC'], 'cc', 'gcc', 'clang']) {
    if (!path) continue;
    try {
      const { stdout } = await run(path, ['--version'], { timeout: 10_000 });
      return { path, version: stdout.split('\n')[0]!.trim() };
    } catch (e) {
      tried.push(`${path} (${asError(e).message.split('\n')[0]})`);
    }
  }
  return { tried };
};

class Toolchain implements NativeToolchain {
  readonly #loaded = new Map<string, Promise<NativeKernel>>();
  #parallel: Promise<bigint> | undefined;
  #tiles = false;
  #largePages: ((address: bigint, bytes: number) => void) | undefined;
  /** Libraries stay loaded: a handle that is collected unloads its library, whatever addresses of it are still in use. */
  readonly #handles: ReturnType<Koffi['load']>[] = [];
  readonly description: string;
  readonly fingerprint: string;
  /** Threads the pool runs with; set when it starts. */
  readonly threads: number;
  readonly target: Target;
  readonly #koffi: Koffi;
  readonly #compiler: string;
  readonly #cache: LibraryCache;
  readonly #logger: Logger;

  constructor(koffi: Koffi, compiler: { path: string; version: string }, cache: LibraryCache, threads: number, logger: Logger) {
    this.#koffi = koffi;
    this.#compiler = compiler.path;
    this.#cache = cache;
    this.#logger = logger;
    this.threads = threads;
    this.target = thisProcessor(threads);
    this.description = `${compiler.version}, ${cpus()[0]?.model ?? arch()}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
    this.fingerprint = LibraryCache.key(compiler.version, flagsFor(this.target).join(' '), cpuFacts());
  }

  address(data: ArrayBufferView): bigint {
    return BigInt(this.#koffi.address(data));
  }

  async hasTiles(): Promise<boolean> {
    await this.#pool();
    return this.#tiles;
  }

  allocate(bytes: number): { memory: unknown; address: bigint } {
    const memory = new Uint8Array(bytes + ALIGN);
    const address = this.address(memory);
    this.#largePages?.(address, memory.byteLength);
    return { memory, address: (address + BigInt(ALIGN - 1)) & ~BigInt(ALIGN - 1) };
  }

  load(source: string, label: string): Promise<NativeKernel> {
    const key = LibraryCache.key(this.fingerprint, source);
    let kernel = this.#loaded.get(key);
    if (!kernel) {
      kernel = this.#open(key, source, label);
      this.#loaded.set(key, kernel);
      // A failed compilation is tried again next time: the disk may have been full.
      kernel.catch(() => this.#loaded.delete(key));
    }
    return kernel;
  }

  async #open(key: string, source: string, label: string): Promise<NativeKernel> {
    const [library, parallel] = await Promise.all([this.#library(key, source, label), this.#pool()]);
    const handle = this.#load(library, label);
    const [prepare, entry] = ['prepare', 'run'].map((name) => handle.func(name, 'void', ['void*', 'void*', 'uintptr_t'])) as [
      KoffiFunction,
      KoffiFunction,
    ];
    return {
      prepare: (buffers, params) => void prepare(buffers, params, parallel),
      run: (buffers, params) => void entry(buffers, params, parallel),
      runAsync: (buffers, params) =>
        new Promise<void>((resolve, reject) => {
          entry.async(buffers, params, parallel, (e: unknown) => (e ? reject(asError(e)) : resolve()));
        }),
    };
  }

  #load(library: string, label: string): ReturnType<Koffi['load']> {
    try {
      const handle = this.#koffi.load(library);
      this.#handles.push(handle);
      return handle;
    } catch (e) {
      throw wrapError('FLAGOS_E_COMPILER', e, {
        hint: `the compiled library of ${label} cannot be loaded; is the folder mounted noexec? Set FLAGOS_CACHE elsewhere`,
      });
    }
  }

  async #library(key: string, source: string, label: string): Promise<string> {
    const known = this.#cache.find(key);
    if (known) return known;
    const [c, so] = [this.#cache.temporary('.c'), this.#cache.temporary('.so')];
    const start = performance.now();
    try {
      writeFileSync(c, source);
      await run(this.#compiler, [...flagsFor(this.target), '-o', so, c, ...libraries], { timeout: COMPILE_LIMIT_MS, maxBuffer: 1 << 24 });
      const library = this.#cache.add(key, so);
      this.#logger.log('debug', `compiled ${label}`, { ms: Math.round(performance.now() - start), bytes: source.length });
      return library;
    } catch (e) {
      const stderr = e instanceof Error && 'stderr' in e ? String(e.stderr).trim().split('\n').slice(0, 5).join('\n') : '';
      throw new FlagosError('FLAGOS_E_COMPILER', `${this.#compiler} failed on ${label}: ${stderr || asError(e).message}`, {
        cause: e,
        hint: 'another chip is used instead; `flagos doctor` tries the compiler',
      });
    } finally {
      rmSync(c, { force: true });
      rmSync(so, { force: true });
    }
  }

  /** The thread pool: one per process, its address handed to every kernel. */
  #pool(): Promise<bigint> {
    this.#parallel ??= (async () => {
      const library = this.#load(
        await this.#library(LibraryCache.key(this.fingerprint, poolSource), poolSource, 'the thread pool'),
        'the thread pool',
      );
      library.func('void keep_memory()')();
      // Before there are threads: they have what the process had when they began.
      this.#tiles = library.func('int amx_tiles()')() === 1;
      library.func('int start(int)')(this.threads);
      const largePages = library.func('void large_pages(void*, uint64_t)');
      this.#largePages = (address, bytes) => void largePages(address, bytes);
      return BigInt(library.func('uint64_t parallel_address()')() as number | bigint);
    })();
    return this.#parallel;
  }
}

/** Looks for what compiling needs; never throws for what a machine may lack. */
export const probeToolchain = async (
  env: Readonly<Record<string, string | undefined>>,
  threads: number,
  logger: Logger,
): Promise<NativeProbe> => {
  let koffi: Koffi;
  try {
    koffi = (await import('koffi')).default;
  } catch (e) {
    return {
      missing: `foreign calls are not available: ${asError(e).message.split('\n')[0]}`,
      hint: 'install the optional dependency koffi',
    };
  }
  const compiler = await findCompiler(env);
  if ('tried' in compiler)
    return {
      missing: `no C compiler: ${compiler.tried.join(', ')}`,
      hint: 'install gcc or clang, or set CC; without one, flagos/wasm and flagos/js are used',
    };
  try {
    const toolchain = new Toolchain(koffi, compiler, new LibraryCache(env), threads, logger);
    await toolchain.load(
      'void prepare(void** b, const long* p, void* par) { (void)b; (void)p; (void)par; }\nvoid run(void** b, const long* p, void* par) { (void)b; (void)p; (void)par; }',
      'a first test',
    );
    return { toolchain };
  } catch (e) {
    const error = asError(e);
    return {
      missing: error.message.split('\n')[0]!,
      hint: error instanceof FlagosError && error.hint ? error.hint : 'see `flagos doctor`',
    };
  }
};
