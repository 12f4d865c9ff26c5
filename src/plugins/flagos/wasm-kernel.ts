/**
 * A program compiled to WebAssembly, with its place in the session's memory: weights and tables have
 * addresses of their own, everything else lies in the scratch all kernels take turns in.
 */
import type { NumericData } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import { hashOf } from '../../core/hash.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Buffer, Program } from '../../compiler/loops.ts';
import type { WasmProgram } from '../../compiler/render/wasm.ts';
import { elementBytes } from '../../compiler/render/wasm-types.ts';
import type { CompiledProgram } from './compiled-session.ts';
import type { WasmInstance } from './wasm-api.ts';
import type { WasmMemory } from './wasm-memory.ts';

/** Where a buffer lies: at an address of its own, or so many bytes from the start of the scratch. */
interface Place {
  readonly scratch: boolean;
  readonly offset: number;
}

export class WasmKernel implements CompiledProgram {
  readonly workspaceBytes: number;
  readonly code: string;
  readonly #memory: WasmMemory;
  readonly #onDispose: () => void;
  readonly #run: (tables: number) => unknown;
  readonly #written: WasmProgram;
  readonly #places = new Map<Buffer, Place>();
  /** Addresses taken for this kernel alone. */
  readonly #taken: number[] = [];
  readonly #tables: number;
  readonly #scratchBytes: number;
  /** Inputs that change, with their positions. */
  readonly #inputs: readonly { readonly buffer: Buffer; readonly position: number }[];
  readonly #outputs: readonly Buffer[];
  /** The scratch's address the tables were written for. */
  #scratch = -1;

  /** @param onDispose called when the kernel's life ends. */
  constructor(
    memory: WasmMemory,
    instance: WasmInstance,
    written: WasmProgram,
    program: Program,
    constants: ReadonlyMap<Buffer, Tensor>,
    onDispose: () => void = () => {},
  ) {
    this.#onDispose = onDispose;
    this.#memory = memory;
    this.#run = instance.exports['run']!;
    this.#written = written;
    this.code = hashOf(written.text);
    this.#outputs = program.outputs;
    this.#inputs = program.inputs.flatMap((buffer, position) => (constants.has(buffer) ? [] : [{ buffer, position }]));
    let bytes = 0;
    const inScratch = (b: Buffer): void => {
      this.#places.set(b, { scratch: true, offset: bytes });
      bytes += align(b.size * elementBytes(b));
    };
    for (const { buffer } of this.#inputs) inScratch(buffer);
    for (const b of program.outputs) inScratch(b);
    for (const [b, offset] of written.scratch.offsets) this.#places.set(b, { scratch: true, offset: bytes + offset });
    bytes += written.scratch.bytes;
    this.#scratchBytes = bytes;
    try {
      // What is needed once only is given back.
      const early = [...written.onceInputs].map((b) => ({ b, address: memory.take(b.size * elementBytes(b)) }));
      for (const { b, address } of early) this.#places.set(b, { scratch: false, offset: address });
      this.#tables = this.#take(written.tableBytes);
      const kept = this.#take(written.kept.bytes);
      for (const [b, offset] of written.kept.offsets) this.#places.set(b, { scratch: false, offset: kept + offset });
      for (const [b, tensor] of constants)
        if (!written.onceInputs.has(b)) this.#places.set(b, { scratch: false, offset: this.#take(tensor.byteLength) });
      this.#bind();
      for (const [b, tensor] of constants) this.#copyIn(b, tensor.data as NumericData);
      if (written.hasOnce) instance.exports['once']!(this.#tables);
      for (const { address } of early) memory.give(address);
    } catch (e) {
      this.dispose();
      throw e instanceof FlagosError && e.code === 'FLAGOS_E_LIMIT' ? new FlagosError('FLAGOS_E_UNSUPPORTED', e.reason, { cause: e }) : e;
    }
    this.workspaceBytes = this.#scratchBytes + written.kept.bytes;
  }

  #take(bytes: number): number {
    const address = this.#memory.take(bytes);
    this.#taken.push(address);
    return address;
  }

  /** Writes addresses into the tables, if the scratch is elsewhere than before. */
  #bind(): void {
    const scratch = this.#memory.scratch(this.#scratchBytes);
    if (scratch === this.#scratch) return;
    this.#scratch = scratch;
    const words = new Int32Array(this.#memory.object.buffer);
    for (const { offset, buffers, params } of this.#written.tables) {
      let at = (this.#tables + offset) / 4;
      for (const b of buffers) words[at++] = this.#address(b);
      for (const p of params) words[at++] = p;
    }
  }

  #address(b: Buffer): number {
    const { scratch, offset } = this.#places.get(b)!;
    return scratch ? this.#scratch + offset : offset;
  }

  #copyIn(b: Buffer, data: NumericData): void {
    this.#memory.bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), this.#address(b));
  }

  run(inputs: readonly NumericData[], outputs: readonly NumericData[]): void {
    this.#bind();
    for (const { buffer, position } of this.#inputs) this.#copyIn(buffer, inputs[position]!);
    this.#run(this.#tables);
    for (let i = 0; i < outputs.length; i++) {
      const [out, from] = [outputs[i]!, this.#address(this.#outputs[i]!)];
      new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(this.#memory.bytes.subarray(from, from + out.byteLength));
    }
  }

  dispose(): void {
    this.#onDispose();
    for (const address of this.#taken) this.#memory.give(address);
    this.#taken.length = 0;
  }
}

const align = (bytes: number): number => Math.ceil((bytes + 16) / 64) * 64;
