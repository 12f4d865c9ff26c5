/**
 * A region compiled to machine code, with its workspace, and the addresses it is called with. What
 * takes long runs on another thread, so that the event loop goes on; what does not, runs at once,
 * because changing threads twice takes about 60 µs.
 */
import type { NumericData } from '../../core/dtype.ts';
import { hashOf } from '../../core/hash.ts';
import { Tensor } from '../../core/tensor.ts';
import type { Prepared, RunValue } from '../contract.ts';
import type { NativeKernel, NativeToolchain } from './native.ts';

/** A run expected to take longer than this leaves the event loop free, milliseconds. */
const BLOCKING_MS = 2;
/** Operations per millisecond a first run is taken to reach. */
const FIRST_GUESS = 30e6;
/** Weight of the newest run in what the next is expected to take. */
const NEWEST = 0.2;

export interface OutputInfo {
  readonly dims: readonly number[];
  readonly dtype: Tensor['dtype'];
}

export interface NativeParts {
  readonly params: readonly number[];
  readonly tempOffsets: readonly number[];
  readonly workspaceBytes: number;
  /** The C it was compiled from. */
  readonly source: string;
  readonly constants: readonly (Tensor | undefined)[];
  /** Position of each input among the region's; −1 for constants. */
  readonly inputs: readonly number[];
  readonly outputs: readonly OutputInfo[];
  /** A rough count of operations. */
  readonly work: number;
  /** Looks at what must hold before the kernel may run. @throws FLAGOS_E_… of kind `user`. */
  readonly check: ((inputs: readonly RunValue[]) => void) | undefined;
}

export class PreparedNative implements Prepared {
  readonly workspaceBytes: number;
  readonly code: string;
  readonly #toolchain: NativeToolchain;
  readonly #kernel: NativeKernel;
  readonly #params: BigInt64Array;
  readonly #addresses: BigUint64Array;
  /** The array each address was taken of: as long as it is the same one, so is the address. */
  readonly #arrays: (NumericData | undefined)[];
  readonly #inputs: Int32Array;
  /** Workspace and constants: the addresses do not keep them alive. */
  readonly held: readonly unknown[];
  readonly #check: NativeParts['check'];
  readonly #outputs: readonly OutputInfo[];
  #expectedMs: number;

  constructor(toolchain: NativeToolchain, kernel: NativeKernel, parts: NativeParts) {
    this.#toolchain = toolchain;
    this.#kernel = kernel;
    this.#params = BigInt64Array.from(parts.params, BigInt);
    this.#inputs = Int32Array.from(parts.inputs);
    this.#outputs = parts.outputs;
    this.#check = parts.check;
    this.code = hashOf(parts.source);
    this.#expectedMs = parts.work / FIRST_GUESS;
    const count = parts.inputs.length + parts.outputs.length;
    this.#addresses = new BigUint64Array(count + parts.tempOffsets.length);
    this.#arrays = new Array<NumericData | undefined>(count).fill(undefined);
    this.workspaceBytes = parts.workspaceBytes;
    const { memory, address: start } = toolchain.allocate(parts.workspaceBytes);
    parts.tempOffsets.forEach((o, i) => (this.#addresses[count + i] = start + BigInt(o)));
    parts.constants.forEach((c, i) => c && this.#bind(i, c));
    this.held = [memory, parts.constants];
    kernel.prepare(this.#addresses, this.#params);
  }

  #bind(i: number, tensor: Tensor): void {
    const data = tensor.data as NumericData;
    if (this.#arrays[i] === data) return;
    this.#arrays[i] = data;
    this.#addresses[i] = data.byteLength === 0 ? 0n : this.#toolchain.address(data);
  }

  run(inputs: readonly RunValue[], outputs: RunValue[]): void | Promise<void> {
    if (this.#expectedMs <= BLOCKING_MS) return this.runSync(inputs, outputs);
    this.#place(inputs, outputs);
    const start = performance.now();
    return this.#kernel.runAsync(this.#addresses, this.#params).then(() => this.#took(performance.now() - start));
  }

  runSync(inputs: readonly RunValue[], outputs: RunValue[]): void {
    this.#place(inputs, outputs);
    const start = performance.now();
    this.#kernel.run(this.#addresses, this.#params);
    this.#took(performance.now() - start);
  }

  #place(inputs: readonly RunValue[], outputs: RunValue[]): void {
    this.#check?.(inputs);
    for (let i = 0; i < this.#inputs.length; i++) if (this.#inputs[i]! >= 0) this.#bind(i, inputs[this.#inputs[i]!] as Tensor);
    for (let i = 0; i < this.#outputs.length; i++) {
      const place = (outputs[i] ??= Tensor.uncleared(this.#outputs[i]!.dtype, this.#outputs[i]!.dims)) as Tensor;
      this.#bind(this.#inputs.length + i, place);
    }
  }

  #took(ms: number): void {
    this.#expectedMs += (ms - this.#expectedMs) * NEWEST;
  }

  dispose(): void {
    this.#arrays.fill(undefined);
  }
}
