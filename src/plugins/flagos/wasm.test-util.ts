/** For tests: compiles programs for flagos/wasm without a session around them. */
import { renderWasm, type WasmThreads } from '../../compiler/render/wasm.ts';
import { lower, type Layout } from '../../compiler/lower.ts';
import type { RandomProgram } from '../../compiler/programs.test-util.ts';
import type { Buffer } from '../../compiler/loops.ts';
import { dtypeInfo, type NumericData } from '../../core/dtype.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { TensorExpr } from '../../compiler/tensor-expr.ts';
import { findAssembler } from './assembler.ts';
import type { ThreadPool } from './thread-pool.ts';
import { findWasm } from './wasm-api.ts';
import { WasmKernel } from './wasm-kernel.ts';
import { WasmMemory } from './wasm-memory.ts';
import { wasmImports } from './wasm-runtime.ts';

/** Two threads for whatever can be divided, however small: random programs are. */
export const eagerThreads: WasmThreads = { count: 2, grain: 1, least: 1, perByte: 0 };

/** Runs a program; `layout` as a session would choose it, on threads of a pool if there is one. */
export const runWasm = async (
  { inputs, data, outputs }: Pick<RandomProgram, 'inputs' | 'data' | 'outputs'>,
  layout?: (outputs: readonly TensorExpr[]) => Layout,
  pool?: ThreadPool,
): Promise<{ readonly text: string; readonly results: NumericData[]; readonly sharedStages: number }> => {
  const [api, found] = [findWasm(), findAssembler()];
  if (!api || 'missing' in found) throw new Error('no WebAssembly here');
  const program = lower(inputs, outputs, undefined, layout);
  const constants = new Map<Buffer, Tensor>(inputs.flatMap((t, i) => (t.value ? [[program.inputs[i]!, t.value] as const] : [])));
  const written = renderWasm(program, new Set(constants.keys()), pool && eagerThreads);
  const { sharedStages: stages, threads } = written;
  const memory = new WasmMemory(api, stages > 0);
  const imports = wasmImports(memory);
  const module = await api.compile(await found.assemble(written.text));
  const pooled = stages > 0 ? pool!.module({ module, memory: memory.object, tables: imports['tables']!, stages, threads }) : undefined;
  const instance = await api.instantiate(module, pooled ? { ...imports, threads: pooled.imports } : imports);
  pooled?.bind(instance.exports);
  const kernel = new WasmKernel(memory, instance, written, program, constants, pooled?.dispose);
  const results = outputs.map((o) => new (dtypeInfo(o.dtype).storage!)(o.size) as NumericData);
  // Time for threads to make instances of their own.
  if (pooled) await new Promise((resolve) => setTimeout(resolve, 3));
  // Twice: what one run leaves in the scratch must not matter to the next.
  kernel.run(data, results);
  kernel.run(data, results);
  kernel.dispose();
  return { text: written.text, results, sharedStages: stages };
};
