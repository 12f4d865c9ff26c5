/**
 * The chip `flagos/wasm`: regions as WebAssembly with 128-bit vectors, for machines without a C
 * compiler and for browsers. Tensors stay in host memory: a region's inputs are copied in and its
 * outputs out, weights are copied (and packed) once. Neighbouring nodes are one region, so what is
 * between them never leaves.
 */
import type { NumericData } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Buffer, Program } from '../../compiler/loops.ts';
import { renderWasm, type WasmProgram } from '../../compiler/render/wasm.ts';
import { elementBytes } from '../../compiler/render/wasm-types.ts';
import type { OpSet } from '../../ops/registry.ts';
import type { Chip, Variant } from '../contract.ts';
import type { Assemble } from './assembler.ts';
import { CompiledSession, type CompiledProgram } from './compiled-session.ts';
import type { WasmApi, WasmImports, WasmInstance, WasmModule } from './wasm-api.ts';
import { WasmMemory } from './wasm-memory.ts';
import { wasmImports } from './wasm-runtime.ts';

export const wasmChip: Chip = { id: 'wasm', description: 'WebAssembly with 128-bit vectors', fingerprint: 'wasm-1' };

const float32: Variant = { name: 'fp32', numerics: { inputs: 'same', accumulate: 'float32', notes: ['reassociated', 'approximate'] } };

/** Modules kept, by text. */
const MODULES = 1024;

export class WasmSession extends CompiledSession {
  readonly prior = { overheadUs: 4, gflops: 20, gbps: 4 };
  protected readonly variant = float32;
  protected readonly chipClass = 'wasm';
  readonly #api: WasmApi;
  readonly #assemble: Assemble;
  readonly #memory: WasmMemory;
  readonly #imports: WasmImports;
  readonly #modules = new Map<string, Promise<WasmModule>>();

  constructor(ops: OpSet, api: WasmApi, assemble: Assemble) {
    super(ops);
    this.#api = api;
    this.#assemble = assemble;
    this.#memory = new WasmMemory(api);
    this.#imports = wasmImports(this.#memory);
  }

  protected async compile(program: Program, constants: ReadonlyMap<Buffer, Tensor>): Promise<CompiledProgram> {
    const written = renderWasm(program, new Set(constants.keys()));
    const instance = await this.#api.instantiate(await this.#module(written.text), this.#imports);
    return new WasmKernel(this.#memory, instance, written, program, constants);
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

/** Where a buffer lies: at an address of its own, or so many bytes from the start of the scratch. */
interface Place {
  readonly scratch: boolean;
  readonly offset: number;
}

class WasmKernel implements CompiledProgram {
  readonly workspaceBytes: number;
  readonly #memory: WasmMemory;
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

  constructor(memory: WasmMemory, instance: WasmInstance, written: WasmProgram, program: Program, constants: ReadonlyMap<Buffer, Tensor>) {
    this.#memory = memory;
    this.#run = instance.exports['run']!;
    this.#written = written;
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
    for (const address of this.#taken) this.#memory.give(address);
    this.#taken.length = 0;
  }
}

const align = (bytes: number): number => Math.ceil((bytes + 16) / 64) * 64;
