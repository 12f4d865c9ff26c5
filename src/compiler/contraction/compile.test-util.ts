/** For tests: compiles programs with this machine's C compiler, and runs them beside the JavaScript renderer. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as KoffiModule from 'koffi';
import type { NumericData } from '../../core/dtype.ts';
import { dtypeInfo } from '../../core/dtype.ts';
import { Tensor } from '../../core/tensor.ts';
import { poolSource } from '../../host/native/pool.c.ts';
import { lower } from '../lower.ts';
import { renderC } from '../render/c.ts';
import { storageType } from '../render/c-types.ts';
import { renderJs } from '../render/js.ts';
import type { InputTensor, TensorExpr } from '../tensor-expr.ts';
import { channelsLast } from './layout.ts';
import { scheduleContractions } from './schedule.ts';
import type { Surroundings } from './plan.ts';
import type { Target } from './types.ts';

type Koffi = (typeof KoffiModule)['default'];

export interface Compiled {
  readonly source: string;
  /** Contractions found. */
  readonly stages: number;
  run(data: readonly NumericData[]): NumericData[];
  /** A function that runs it so often on the same arrays. */
  bind(data: readonly NumericData[], times: number): () => void;
}

export interface Compiler {
  compile(
    inputs: readonly InputTensor[],
    outputs: readonly TensorExpr[],
    target?: Partial<Target>,
    precision?: Surroundings['precision'],
  ): Compiled;
  /** What of bfloat16 this processor has. */
  readonly bf16: readonly ('dot' | 'amx')[];
  /** What of small integers it has. */
  readonly int8: readonly ('dot' | 'amx')[];
}

export const thisTarget: Target = { vectorBytes: 64, registers: 32, l1: 48 << 10, l2: 1 << 20, l3: 32 << 20, threads: 2 };

/** A collected handle would unload its library. */
const handles: ReturnType<Koffi['load']>[] = [];

const flags = ['-O3', '-march=native', '-std=gnu11', '-fPIC', '-shared', '-fno-math-errno', '-fno-trapping-math', '-w'];

/** A compiler, or why there is none. */
export const testCompiler = async (threads = 2): Promise<Compiler | string> => {
  let koffi: Koffi;
  try {
    koffi = (await import('koffi')).default;
    execFileSync('cc', ['--version']);
  } catch (e) {
    return e instanceof Error ? e.message.split('\n')[0]! : 'no compiler';
  }
  const build = (source: string): ReturnType<Koffi['load']> => {
    const folder = mkdtempSync(join(tmpdir(), 'flagos-contraction-'));
    try {
      const base = join(folder, 'kernel');
      writeFileSync(`${base}.c`, source);
      execFileSync('cc', [...flags, '-o', `${base}.so`, `${base}.c`, '-lm', '-lpthread'], { stdio: 'pipe' });
      const library = koffi.load(`${base}.so`);
      handles.push(library);
      return library;
    } finally {
      // A loaded library stays mapped when its file goes.
      rmSync(folder, { recursive: true, force: true });
    }
  };
  const pool = build(poolSource);
  const macros = execFileSync('cc', ['-march=native', '-dM', '-E', '-xc', '/dev/null'], { encoding: 'utf8' });
  const dot = macros.includes('__AVX512BF16__');
  const tiles = pool.func('int amx_tiles()')() === 1;
  pool.func('int start(int)')(threads);
  const parallel = BigInt(pool.func('uint64_t parallel_address()')() as number | bigint);
  const loaded = new Map<string, ReturnType<Koffi['load']>>();

  return {
    int8: [
      ...(macros.includes('__AVX512VNNI__') ? (['dot'] as const) : []),
      ...(tiles && macros.includes('__AMX_INT8__') ? (['amx'] as const) : []),
    ],
    bf16: [...(dot ? (['dot'] as const) : []), ...(tiles && macros.includes('__AMX_BF16__') ? (['amx'] as const) : [])],
    compile(inputs, outputs, target, precision = 'fp32') {
      const around = { target: { ...thisTarget, ...target }, storage: storageType, precision };
      const program = lower(inputs, outputs, (body) => scheduleContractions(body, around), channelsLast);
      const { source, params, tempOffsets, workspaceBytes } = renderC(program);
      let library = loaded.get(source);
      if (!library) loaded.set(source, (library = build(source)));
      const [prepare, run] = ['prepare', 'run'].map((name) => library.func(name, 'void', ['void*', 'void*', 'uintptr_t']));
      const p = BigInt64Array.from(params, BigInt);
      const workspace = new Uint8Array(workspaceBytes + 64);
      const start = (BigInt(koffi.address(workspace)) + 63n) & ~63n;
      const open = (data: readonly NumericData[]): { out: NumericData[]; call: () => void } => {
        const out = outputs.map((o) => new (dtypeInfo(o.dtype).storage!)(o.size));
        const addresses = BigUint64Array.from(
          [...data, ...out].map((d) => (d.byteLength ? BigInt(koffi.address(d)) : 0n)).concat(tempOffsets.map((o) => start + BigInt(o))),
        );
        prepare!(addresses, p, parallel);
        // The arrays stay alive as long as the closure: addresses alone do not keep them.
        const held = [data, out, workspace];
        return { out, call: () => void (held.length && run!(addresses, p, parallel)) };
      };
      return {
        source,
        stages: source.match(/\+ worker \* /g)?.length ?? 0,
        run(data) {
          const { out, call } = open(data);
          call();
          return out;
        },
        bind(data, times) {
          const { call } = open(data);
          return () => {
            for (let i = 0; i < times; i++) call();
          };
        },
      };
    },
  };
};

/** The same computed by the JavaScript renderer (float64 inside). */
export const runJs = (inputs: readonly InputTensor[], outputs: readonly TensorExpr[], data: readonly NumericData[]): NumericData[] => {
  const out = outputs.map((o) => new (dtypeInfo(o.dtype).storage!)(o.size));
  renderJs(lower(inputs, outputs)).run([...data], out);
  return out;
};

/** Reproducible numbers in (−1, 1) of an input's type; small integers for integer types. */
export const randomData = (t: InputTensor, seed: number): NumericData => {
  let s = (seed * 2654435761) >>> 0 || 1;
  const next = (): number => {
    s ^= s << 13;
    s >>>= 0;
    s ^= s >>> 17;
    s ^= s << 5;
    s >>>= 0;
    return s / 2 ** 31 - 1;
  };
  const { kind } = dtypeInfo(t.dtype);
  const values = Array.from({ length: t.size }, () =>
    kind === 'float' ? next() : kind === 'uint' ? Math.floor((next() + 1) * 8) : Math.round(next() * 8),
  );
  return Tensor.from(t.dtype, t.shape, values).data as NumericData;
};
