/** What generated WebAssembly imports: JavaScript's functions, and tables of narrow floats in memory. */
import { floatCodec } from '../../core/codec.ts';
import type { DType } from '../../core/dtype.ts';
import * as rt from '../../compiler/render/js-runtime.ts';
import type { WasmImports } from './wasm-api.ts';
import type { WasmMemory } from './wasm-memory.ts';

const tableTypes: readonly DType[] = ['float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz', 'float8e8m0', 'float4e2m1'];
const saturated: readonly DType[] = [...tableTypes, 'float16', 'bfloat16'];

const functions = {
  exp_f64: Math.exp,
  expm1_f64: Math.expm1,
  log_f64: Math.log,
  log1p_f64: Math.log1p,
  sin_f64: Math.sin,
  cos_f64: Math.cos,
  tan_f64: Math.tan,
  asin_f64: Math.asin,
  acos_f64: Math.acos,
  atan_f64: Math.atan,
  sinh_f64: Math.sinh,
  cosh_f64: Math.cosh,
  tanh_f64: Math.tanh,
  asinh_f64: Math.asinh,
  acosh_f64: Math.acosh,
  atanh_f64: Math.atanh,
  erf_f64: rt.erf,
  pow_f64: rt.pow,
  atan2_f64: Math.atan2,
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
