/** For tests: compiles programs for flagos/wasm without a session around them. */
import { renderWasm } from '../../compiler/render/wasm.ts';
import { lower, type Layout } from '../../compiler/lower.ts';
import type { RandomProgram } from '../../compiler/programs.test-util.ts';
import type { Buffer } from '../../compiler/loops.ts';
import { dtypeInfo, type NumericData } from '../../core/dtype.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { TensorExpr } from '../../compiler/tensor-expr.ts';
import { findAssembler } from './assembler.ts';
import { findWasm } from './wasm-api.ts';
import { WasmKernel } from './wasm-kernel.ts';
import { WasmMemory } from './wasm-memory.ts';
import { wasmImports } from './wasm-runtime.ts';

/** Runs a program; `layout` as a session would choose it. */
export const runWasm = async (
  { inputs, data, outputs }: Pick<RandomProgram, 'inputs' | 'data' | 'outputs'>,
  layout?: (outputs: readonly TensorExpr[]) => Layout,
): Promise<{ readonly text: string; readonly results: NumericData[] }> => {
  const [api, found] = [findWasm(), findAssembler()];
  if (!api || 'missing' in found) throw new Error('no WebAssembly here');
  const program = lower(inputs, outputs, undefined, layout);
  const constants = new Map<Buffer, Tensor>(inputs.flatMap((t, i) => (t.value ? [[program.inputs[i]!, t.value] as const] : [])));
  const written = renderWasm(program, new Set(constants.keys()));
  const memory = new WasmMemory(api);
  const instance = await api.instantiate(await api.compile(await found.assemble(written.text)), wasmImports(memory));
  const kernel = new WasmKernel(memory, instance, written, program, constants);
  const results = outputs.map((o) => new (dtypeInfo(o.dtype).storage!)(o.size) as NumericData);
  // Twice: what one run leaves in the scratch must not matter to the next.
  kernel.run(data, results);
  kernel.run(data, results);
  kernel.dispose();
  return { text: written.text, results };
};
