/** A kernel's module that all threads have an instance of. */
import type { WasmImports, WasmMemoryObject, WasmModule } from './wasm-api.ts';

/** A stage's function: a table's address and a range. */
export type Stage = (table: number, lo: number, hi: number) => unknown;

/** What of a kernel threads must know. */
export interface SharedModule {
  readonly module: WasmModule;
  readonly memory: WasmMemoryObject;
  /** Addresses in that memory that the module imports. */
  readonly tables: WasmImports[string];
  /** It exports so many functions of a range: `s0`, `s1`, … */
  readonly stages: number;
  /** Threads its memory has pieces for. */
  readonly threads: number;
}

/** Has a stage done by all threads: which one, with which table, how many iterations, and how many of them a thread takes at least. */
export type ShareOut = (stages: readonly Stage[], stage: number, table: number, count: number, grain: number) => void;

/** A module all threads have. */
export class PooledModule {
  readonly #share: ShareOut;
  readonly #stages: Stage[] = [];
  readonly #count: number;
  /** What the caller's instance imports. */
  readonly imports: WasmImports[string];
  readonly dispose: () => void;

  constructor(stages: number, share: ShareOut, dispose: () => void) {
    this.#count = stages;
    this.#share = share;
    this.dispose = dispose;
    this.imports = {
      number: 0,
      share: (stage: number, table: number, count: number, grain: number): void => this.#share(this.#stages, stage, table, count, grain),
    };
  }

  /** The caller's instance. */
  bind(exports: Readonly<Record<string, (...args: number[]) => unknown>>): void {
    for (let i = 0; i < this.#count; i++) this.#stages.push(exports[`s${i}`]!);
  }
}
