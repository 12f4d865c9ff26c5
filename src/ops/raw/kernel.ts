/**
 * Raw kernels: an op for one chip in that chip's own language, written by hand. Each is a variant
 * (`flagos/cpu:TopK.raw-heap`) beside what is generated, with its own numerics and a guess of its
 * speed; which of them runs is decided as always, by policy and evidence. They stand in an op's
 * record (`raw`), or come from a plugin (`RAW_KERNEL`).
 */
import type { DType, TensorData } from '../../core/dtype.ts';
import type { Numerics } from '../../core/numerics.ts';
import type { Tensor } from '../../core/tensor.ts';

/** What is known of an argument when a kernel is chosen. */
export interface RawArgument {
  readonly dtype: DType;
  readonly dims: readonly number[];
  /** Contents, where they are known before anything runs. */
  readonly value: Tensor | undefined;
}

/** One call of an op: all types and shapes are known. */
export interface RawCall {
  /** Attributes as the op's record reads them, defaults filled in. */
  readonly attrs: Readonly<Record<string, unknown>>;
  /** By position; undefined where left out. */
  readonly inputs: readonly (RawArgument | undefined)[];
  /** By position; undefined where nobody reads it. */
  readonly outputs: readonly (Omit<RawArgument, 'value'> | undefined)[];
}

interface RawBase {
  /** Its variant is `raw-<name>`: stable over versions. */
  readonly name: string;
  readonly numerics: Numerics;
  /** A guess of its speed until it is measured, where it differs from its chip's: 10⁹ operations and bytes a second. */
  readonly prior?: { readonly gflops?: number; readonly gbps?: number };
  /** Whether it can run a call: true, or why not. */
  applies(call: RawCall): true | string;
}

/** What C may rely on of the processor. */
export interface RawTarget {
  /** Bytes of the widest vectors. */
  readonly vectorBytes: 64 | 32 | 16;
  readonly threads: number;
}

/** How the work of one call is divided. */
export interface RawPlan {
  /** Pieces of work; a thread gets a range of them at a time. */
  readonly count: number;
  /** Pieces a thread should get at least; 1 if left out. */
  readonly grain?: number;
  /** Integers the kernel is given: extents, strides, attributes. */
  readonly params?: readonly number[];
  /** Bytes of memory each thread has to itself, on a cache line. */
  readonly scratch?: number;
  /** A rough count of operations; long runs leave the event loop free. */
  readonly operations?: number;
}

/**
 * A kernel in C (C11 with GNU extensions, compiled for exactly this processor). The text defines
 *
 *     static void kernel(const void* const* x, void* const* y, const i64* p, i64 lo, i64 hi, void* scratch)
 *
 * which does pieces `lo` to `hi` of the plan: `x` and `y` point to inputs and outputs by position (0 where
 * left out), `p` to the plan's params. The text is the same for all shapes: what changes with them is a param.
 * What generated kernels begin with (render/c-prelude.ts: `i64`, `exp_f32`, conversions of narrow floats) is there.
 */
export interface RawC extends RawBase {
  readonly chip: 'flagos/cpu';
  readonly source: string | ((target: RawTarget) => string);
  plan(call: RawCall, target: RawTarget): RawPlan;
}

/** A kernel in JavaScript, for the chip flagos/js. */
export interface RawJs extends RawBase {
  readonly chip: 'flagos/js';
  /** @returns what runs: it reads the inputs' arrays, and fills the outputs' (by position; undefined where left out). */
  make(call: RawCall): (inputs: readonly (TensorData | undefined)[], outputs: readonly (TensorData | undefined)[]) => void;
}

export type RawKernel = RawC | RawJs;

/** A raw kernel of an op whose record is elsewhere: `MatMul`, `com.microsoft.Gelu`. */
export type OpRawKernel = RawKernel & { readonly op: string };
