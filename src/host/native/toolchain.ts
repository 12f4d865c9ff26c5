/**
 * What `flagos/cpu` needs of this machine: a C compiler that works, a place to keep what it makes,
 * and calls into it. A library is looked for in the cache, built if it is not there, and built anew if
 * it cannot be loaded.
 */
import { arch, cpus } from 'node:os';
import type * as KoffiModule from 'koffi';
import { FlagosError, asError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { Target } from '../../compiler/contraction/types.ts';
import type { CCode, NativeKernel, NativeProbe, NativeToolchain } from '../../plugins/flagos/native.ts';
import type { PrepareWatch } from '../../plugins/contract.ts';
import type { Environment } from '../config-env.ts';
import { Builder, usualLimits, type BuilderLimits } from './builder.ts';
import { LibraryCache } from './cache.ts';
import { findCompiler } from './compiler.ts';
import { poolSource } from './pool.c.ts';
import { thisProcessor } from './processor.ts';

type Koffi = (typeof KoffiModule)['default'];
type Library = ReturnType<Koffi['load']>;
type KoffiFunction = ReturnType<Library['func']>;

/** Workspace begins on a cache line. */
const ALIGN = 64;
/** For finding a compiler: below what a provider may take to look for its chips. */
const SEARCH_MS = 8_000;

const one = (source: string): CCode => ({ source, units: () => [{ text: source, shared: false }] });
const pool = one(poolSource);

/** What the pool's library gives. */
interface Pool {
  readonly parallel: bigint;
  readonly largePages: (address: bigint, bytes: number) => void;
}

class Toolchain implements NativeToolchain {
  readonly #loaded = new Map<string, Promise<NativeKernel>>();
  readonly #koffi: Koffi;
  readonly #builder: Builder;
  readonly #logger: Logger;
  #pool: Pool | undefined;
  /** Libraries stay loaded: a handle that is collected unloads its library, whatever addresses of it are still in use. */
  readonly #handles: Library[] = [];
  readonly description: string;
  readonly fingerprint: string;
  /** Threads the pool runs with. */
  readonly threads: number;
  #target: Target;

  constructor(koffi: Koffi, builder: Builder, threads: number, logger: Logger) {
    this.#koffi = koffi;
    this.#builder = builder;
    this.#logger = logger;
    this.threads = threads;
    const { version, limited, fingerprint } = builder.compiler;
    this.#target = thisProcessor(threads, builder.compiler);
    const who = `${version}, ${cpus()[0]?.model ?? arch()}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
    this.description = limited ? `${who}; for any processor of its kind, because ${limited}` : who;
    this.fingerprint = fingerprint;
  }

  get target(): Target {
    return this.#target;
  }

  address(data: ArrayBufferView): bigint {
    return BigInt(this.#koffi.address(data));
  }

  allocate(bytes: number): { memory: unknown; address: bigint } {
    const memory = new Uint8Array(bytes + ALIGN);
    const address = this.address(memory);
    this.#pool?.largePages(address, memory.byteLength);
    return { memory, address: (address + BigInt(ALIGN - 1)) & ~BigInt(ALIGN - 1) };
  }

  /** Starts the thread pool, whose address every kernel is handed: one per process. @throws FLAGOS_E_COMPILER */
  async start(): Promise<void> {
    this.#pool = await this.#open(pool, 'the thread pool', (library) => {
      library.func('void keep_memory()')();
      // Asked for before there are threads, which have what the process had when they began.
      const tiles = library.func('int amx_tiles()')() === 1;
      if (!tiles) {
        const { bf16, int8 } = this.#target;
        this.#target = { ...this.#target, bf16: bf16 && 'dot', int8: int8 && 'dot' };
      }
      library.func('int start(int)')(this.threads);
      const largePages = library.func('void large_pages(void*, uint64_t)');
      return {
        parallel: BigInt(library.func('uint64_t parallel_address()')() as number | bigint),
        largePages: (address, bytes) => void largePages(address, bytes),
      };
    });
  }

  load(code: CCode, label: string, watch?: PrepareWatch): Promise<NativeKernel> {
    const key = this.#builder.key(code);
    let kernel = this.#loaded.get(key);
    if (!kernel) {
      kernel = this.#open(code, label, (library) => this.#kernel(library), watch);
      this.#loaded.set(key, kernel);
      // A failed compilation is tried again next time: the disk may have been full.
      kernel.catch(() => this.#loaded.delete(key));
    }
    return kernel;
  }

  #kernel(library: Library): NativeKernel {
    const parallel = this.#pool!.parallel;
    const [prepare, entry] = ['prepare', 'run'].map((name) => library.func(name, 'void', ['void*', 'void*', 'uintptr_t'])) as [
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

  /** Loads the library of some C and takes from it what is wanted. A cached one that is of no use is built anew, once. */
  async #open<T>(code: CCode, label: string, take: (library: Library) => T, watch?: PrepareWatch): Promise<T> {
    const { cache } = this.#builder;
    const key = this.#builder.key(code);
    const known = cache.find(key, 'so');
    if (known !== undefined) {
      try {
        return this.#take(known, take);
      } catch (e) {
        this.#logger.log('warn', `the cached kernel of ${label} is built anew`, { reason: asError(e).message });
        cache.drop(key);
      }
    }
    const built = await this.#builder.build(code, label, watch);
    try {
      return this.#take(built, take);
    } catch (e) {
      cache.drop(key);
      throw new FlagosError('FLAGOS_E_COMPILER', `the compiled library of ${label} cannot be loaded: ${asError(e).message}`, {
        cause: e,
        hint: 'is the folder mounted noexec? Set FLAGOS_CACHE elsewhere',
      });
    }
  }

  #take<T>(path: string, take: (library: Library) => T): T {
    const library = this.#koffi.load(path);
    this.#handles.push(library);
    return take(library);
  }
}

export interface ProbeLimits extends BuilderLimits {
  readonly searchMs: number;
}

/** Looks for what compiling needs; never throws for what a machine may lack. */
export const probeToolchain = async (
  env: Environment,
  threads: number,
  logger: Logger,
  limits: ProbeLimits = { ...usualLimits, searchMs: SEARCH_MS },
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
  try {
    const cache = new LibraryCache(env, logger);
    const found = await findCompiler(env, cache, limits.searchMs);
    if ('missing' in found) return found;
    const toolchain = new Toolchain(koffi, new Builder(found.compiler, cache, env, logger, limits), threads, logger);
    await toolchain.start();
    return { toolchain };
  } catch (e) {
    const error = asError(e);
    return {
      missing: error instanceof FlagosError ? error.reason : error.message,
      hint: error instanceof FlagosError && error.hint ? error.hint : 'see `flagos doctor`',
    };
  }
};
