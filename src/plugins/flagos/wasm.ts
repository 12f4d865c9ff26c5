/**
 * The chip `flagos/wasm`: regions as WebAssembly with 128-bit vectors, for machines without a C
 * compiler and for browsers. Tensors stay in host memory: a region's inputs are copied in and its
 * outputs out, weights are copied (and packed) once. Neighbouring nodes are one region, so what is
 * between them never leaves. Kernels with stages that threads share out lie in a memory of their own, a
 * shared one: copying in and out of that takes longer.
 */
import type { Tensor } from '../../core/tensor.ts';
import type { Buffer, Program } from '../../compiler/loops.ts';
import type { Logger } from '../../core/log.ts';
import { renderWasm, wasmThreads, type WasmProgram } from '../../compiler/render/wasm.ts';
import type { OpSet } from '../../ops/registry.ts';
import type { Chip, CostPrior, Variant } from '../contract.ts';
import type { Assemble } from './assembler.ts';
import { CompiledSession, type CompiledProgram } from './compiled-session.ts';
import type { PooledModule } from './pooled-module.ts';
import type { ThreadPool } from './thread-pool.ts';
import type { WasmApi, WasmImports, WasmModule } from './wasm-api.ts';
import { WasmKernel } from './wasm-kernel.ts';
import { WasmMemory } from './wasm-memory.ts';
import { wasmImports } from './wasm-runtime.ts';

/** @param threads kernels run on. @param why there is one only. */
export const wasmChip = (threads: number, why: string | undefined): Chip => ({
  id: 'wasm',
  description: `WebAssembly with 128-bit vectors, ${threads === 1 ? 'one thread' : `${threads} threads`}${why === undefined ? '' : ` (${why})`}`,
  fingerprint: 'wasm-2',
});

const float32: Variant = { name: 'fp32', numerics: { inputs: 'same', accumulate: 'float32', notes: ['reassociated', 'approximate'] } };
/** The same arithmetic on the caller's thread alone: waking threads takes microseconds at every stage. */
const SERIAL = 'fp32-serial';

/** Modules kept, by text. */
const MODULES = 1024;

/** Threads a session may use, the caller's included. */
export interface SessionThreads {
  readonly count: number;
  readonly pool: ThreadPool;
  readonly logger: Logger;
}

/** A memory, and what modules on it import. */
interface Ground {
  readonly memory: WasmMemory;
  readonly imports: WasmImports;
}

export class WasmSession extends CompiledSession {
  readonly prior: CostPrior;
  protected readonly variant: Variant;
  protected readonly chipClass = 'wasm';
  readonly #api: WasmApi;
  readonly #assemble: Assemble;
  #threads: SessionThreads | undefined;
  readonly #alone: Ground;
  /** Made, and threads started, with the first kernel that has use for them. */
  #shared: Ground | undefined;
  readonly #pooledModules = new Set<PooledModule>();
  readonly #modules = new Map<string, Promise<WasmModule>>();

  /** @param threads left out: everything runs on the caller's thread. */
  constructor(ops: OpSet, api: WasmApi, assemble: Assemble, threads?: SessionThreads) {
    super(ops);
    this.#api = api;
    this.#assemble = assemble;
    this.#threads = threads && threads.count > 1 ? threads : undefined;
    this.#alone = this.#ground(false);
    this.variant = this.#threads ? { ...float32, schedules: [SERIAL] } : float32;
    this.prior = { overheadUs: 4, gflops: 20 * (this.#threads?.count ?? 1), gbps: 4, prepareUs: 20_000 };
  }

  #ground(shared: boolean): Ground {
    const memory = new WasmMemory(this.#api, shared);
    return { memory, imports: wasmImports(memory) };
  }

  protected async compile(program: Program, constants: ReadonlyMap<Buffer, Tensor>, variant: string): Promise<CompiledProgram> {
    const [threads, known] = [variant === SERIAL ? undefined : this.#threads, new Set(constants.keys())];
    const written = renderWasm(program, known, threads && wasmThreads(threads.count));
    if (threads && written.sharedStages > 0) {
      this.#shared ??= this.#enter(threads);
      if (this.#shared) return this.#pooled(threads.pool, this.#shared, await this.#module(written.text), written, program, constants);
    }
    const alone = written.sharedStages > 0 ? renderWasm(program, known) : written;
    return this.#kernel(this.#alone, await this.#module(alone.text), alone, program, constants);
  }

  async #kernel(
    { memory, imports }: Ground,
    module: WasmModule,
    written: WasmProgram,
    program: Program,
    constants: ReadonlyMap<Buffer, Tensor>,
    pooled?: PooledModule,
  ): Promise<CompiledProgram> {
    const instance = await this.#api.instantiate(module, pooled ? { ...imports, threads: pooled.imports } : imports);
    pooled?.bind(instance.exports);
    return new WasmKernel(memory, instance, written, program, constants, () => this.#release(pooled));
  }

  /** The memory threads share; undefined where there is no room for another one. */
  #enter({ pool, count, logger }: SessionThreads): Ground | undefined {
    try {
      const ground = this.#ground(true);
      pool.enter(count, logger);
      return ground;
    } catch (e) {
      if (!(e instanceof RangeError)) throw e;
      logger.log('warn', 'flagos/wasm runs on one thread: there is no room for memory threads can share', { reason: e.message });
      this.#threads = undefined;
      return undefined;
    }
  }

  async #pooled(
    pool: ThreadPool,
    ground: Ground,
    module: WasmModule,
    written: WasmProgram,
    program: Program,
    constants: ReadonlyMap<Buffer, Tensor>,
  ): Promise<CompiledProgram> {
    const { memory, imports } = ground;
    const { sharedStages: stages, threads } = written;
    const pooled = pool.module({ module, memory: memory.object, tables: imports['tables']!, stages, threads });
    this.#pooledModules.add(pooled);
    try {
      return await this.#kernel(ground, module, written, program, constants, pooled);
    } catch (e) {
      this.#release(pooled);
      throw e;
    }
  }

  #release(pooled: PooledModule | undefined): void {
    if (pooled && this.#pooledModules.delete(pooled)) pooled.dispose();
  }

  override close(): void {
    // Kernels nobody disposed of must not stay in threads other sessions use.
    for (const pooled of this.#pooledModules) this.#release(pooled);
    if (this.#shared) this.#threads?.pool.leave();
    this.#shared = undefined;
    this.#threads = undefined;
  }

  #module(text: string): Promise<WasmModule> {
    let module = this.#modules.get(text);
    if (!module) {
      if (this.#modules.size >= MODULES) this.#modules.delete(this.#modules.keys().next().value!);
      module = this.#assemble(text).then((bytes) => this.#api.compile(bytes));
      this.#modules.set(text, module);
      module.catch(() => this.#modules.delete(text));
    }
    return module;
  }
}
