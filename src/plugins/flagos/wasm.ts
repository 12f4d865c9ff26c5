/**
 * The chip `flagos/wasm`: regions as WebAssembly with 128-bit vectors, for machines without a C
 * compiler and for browsers. Tensors stay in host memory: a region's inputs are copied in and its
 * outputs out, weights are copied (and packed) once. Neighbouring nodes are one region, so what is
 * between them never leaves.
 */
import type { Tensor } from '../../core/tensor.ts';
import type { Buffer, Program } from '../../compiler/loops.ts';
import { renderWasm } from '../../compiler/render/wasm.ts';
import type { OpSet } from '../../ops/registry.ts';
import type { Chip, Variant } from '../contract.ts';
import type { Assemble } from './assembler.ts';
import { CompiledSession, type CompiledProgram } from './compiled-session.ts';
import type { WasmApi, WasmImports, WasmModule } from './wasm-api.ts';
import { WasmKernel } from './wasm-kernel.ts';
import { WasmMemory } from './wasm-memory.ts';
import { wasmImports } from './wasm-runtime.ts';

export const wasmChip: Chip = { id: 'wasm', description: 'WebAssembly with 128-bit vectors', fingerprint: 'wasm-1' };

const float32: Variant = { name: 'fp32', numerics: { inputs: 'same', accumulate: 'float32', notes: ['reassociated', 'approximate'] } };

/** Modules kept, by text. */
const MODULES = 1024;

export class WasmSession extends CompiledSession {
  readonly prior = { overheadUs: 4, gflops: 20, gbps: 4, prepareUs: 20_000 };
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
