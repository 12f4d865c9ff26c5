/** What the chip `flagos/cpu` needs of the host: a C compiler, a place to keep libraries, foreign calls, threads. */

import type { Target } from '../../compiler/contraction/types.ts';

/** A compiled program, called through its one entry `void run(void** b, const i64* p, parallel_t par)`. */
export interface NativeKernel {
  /** What is done once, before the first run: constants are packed into workspace. Same arguments as `run`. */
  prepare(buffers: BigUint64Array, params: BigInt64Array): void;
  /**
   * @param buffers addresses of inputs, outputs and workspace, in the program's order.
   * @param params values of `p`.
   */
  run(buffers: BigUint64Array, params: BigInt64Array): void;
  /** The same on another thread; buffers must stay alive and unmoved until it resolves. */
  runAsync(buffers: BigUint64Array, params: BigInt64Array): Promise<void>;
}

export interface NativeToolchain {
  /** For people: compiler and processor. */
  readonly description: string;
  /** Whatever, when changed, makes compiled libraries and measurements worthless. */
  readonly fingerprint: string;
  readonly threads: number;
  /** What schedules need to know of the processor. */
  readonly target: Target;
  /** Compiles C, or finds it compiled. @throws FLAGOS_E_COMPILER */
  load(source: string, label: string): Promise<NativeKernel>;
  /** Whether the system lets this process use AMX tiles; to be asked before a kernel that does is run. */
  hasTiles(): Promise<boolean>;
  /** Zeroed memory for workspace, and its address on a cache line. It lives as long as `memory`. */
  allocate(bytes: number): { readonly memory: unknown; readonly address: bigint };
  /** Address of an array's first element. It stays valid while the array lives. */
  address(data: ArrayBufferView): bigint;
}

/** Found, or why not. */
export type NativeProbe = { readonly toolchain: NativeToolchain } | { readonly missing: string; readonly hint: string };
