/** What generated WebAssembly imports: JavaScript's functions, and tables of narrow floats in memory. */
import { floatCodec } from '../../core/codec.ts';
import type { DType } from '../../core/dtype.ts';
import { mathImports } from '../../compiler/render/wasm-functions.ts';
import * as rt from '../../compiler/render/js-runtime.ts';
import type { WasmImports } from './wasm-api.ts';
import type { WasmMemory } from './wasm-memory.ts';

const tableTypes: readonly DType[] = ['float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz', 'float8e8m0', 'float4e2m1'];
const saturated: readonly DType[] = [...tableTypes, 'float16', 'bfloat16'];

const functions = {
  ...Object.fromEntries(mathImports.map((f) => [`${f}_f64`, Math[f]])),
  erf_f64: rt.erf,
  pow_f64: rt.pow,
  fmod_f64: (a: number, b: number): number => a % b,
  floormod_f64: rt.floormod,
  wrap_f64: (x: number): bigint => BigInt.asIntN(64, rt.toBig(x)),
  pow_i64: rt.powBig,
  ...Object.fromEntries(tableTypes.map((t) => [`encode_${t}`, (x: number): number => rt.encode(x, t)])),
  ...Object.fromEntries(saturated.map((t) => [`saturate_${t}`, (x: number): number => rt.saturateFloat(x, t)])),
};

/** Imports of every module of a session. Tables are put into its memory. */
export const wasmImports = (memory: WasmMemory): WasmImports => {
  const tables: Record<string, number> = {};
  for (const t of tableTypes) {
    const values = Float32Array.from(floatCodec(t)!.table);
    const address = memory.take(values.byteLength);
    new Float32Array(memory.object.buffer, address, values.length).set(values);
    tables[t] = address;
  }
  return { env: { memory: memory.object }, js: functions, tables };
};
