/** What the chip `flagos/cpu` needs of the host: a C compiler, a place to keep libraries, foreign calls, threads. */

import type { Target } from '../../compiler/contraction/types.ts';
import type { CUnit } from '../../compiler/render/c-units.ts';
import type { PrepareWatch } from '../contract.ts';

/** C to be compiled: by its whole text it is known, and as units it is compiled. */
export interface CCode {
  readonly source: string;
  /** At most so many units, shared ones not counted. */
  units(most: number): readonly CUnit[];
}

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
  load(code: CCode, label: string, watch?: PrepareWatch): Promise<NativeKernel>;
  /** Zeroed memory for workspace, and its address on a cache line. It lives as long as `memory`. */
  allocate(bytes: number): { readonly memory: unknown; readonly address: bigint };
  /** Address of an array's first element. It stays valid while the array lives. */
  address(data: ArrayBufferView): bigint;
}

/** Found, or why not. */
export type NativeProbe = { readonly toolchain: NativeToolchain } | { readonly missing: string; readonly hint: string };
