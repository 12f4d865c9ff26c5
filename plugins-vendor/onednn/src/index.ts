/**
 * oneDNN as a flagos provider: matrix products, convolutions, pooling, softmax and a few activations in float32, by the
 * library this machine has. Runs are synchronous: its kernels belong to the thread that made them (OpenMP).
 */
import { cpus } from 'node:os';
import {
  definePlugin,
  FlagosError,
  KERNEL_PROVIDER,
  supported,
  Tensor,
  type ChipSession,
  type KernelProvider,
  type NumericData,
  type Prepared,
  type ProbeReport,
  type Region,
  type Support,
  type Variant,
} from 'flagos/plugin';
import { findLibrary, OneDnn, Primitive } from './library.ts';
import { planOf } from './ops.ts';

class OneDnnSession implements ChipSession {
  readonly regions = 'single';
  readonly dynamicShapes = false;
  /** Measured on an AVX-512 machine: 5 µs around a primitive, 0.2 ms to make one, convolutions at 60 GF to 120 GF a thread. */
  readonly prior: { readonly overheadUs: number; readonly gflops: number; readonly gbps: number; readonly prepareUs: number };
  readonly #lib: OneDnn;

  constructor(lib: OneDnn, threads: number) {
    this.#lib = lib;
    this.prior = { overheadUs: 6, gflops: 80 * threads, gbps: 8, prepareUs: 500 };
  }

  supports(region: Region): Support {
    const plan = planOf(region);
    return typeof plan === 'function' ? supported : plan;
  }

  variants(region: Region): readonly Variant[] {
    // Exponentials are polynomials, and what they make smaller than a normal number is 0.
    const exponential = ['Sigmoid', 'Softmax', 'Tanh'].includes(region.nodes[0]!.op);
    const notes = exponential ? (['reassociated', 'approximate', 'flush-denormals'] as const) : (['reassociated'] as const);
    return [{ name: 'default', numerics: { inputs: 'same', accumulate: 'same', notes } }];
  }

  prepare(region: Region): Prepared {
    const plan = planOf(region);
    if (typeof plan !== 'function') throw new FlagosError('FLAGOS_E_UNSUPPORTED', plan.detail, { details: { reason: plan.reason } });
    const { operation, args } = plan(this.#lib);
    const names = region.nodes[0]!.inputs.filter((n) => n !== '');
    const constants = names.map((n) => region.constants.get(n)?.data as NumericData | undefined);
    const primitive = new Primitive(
      this.#lib,
      operation,
      args.map((a, i) => ({ ...a, constant: constants[i] })),
    );
    const places = names.map((n) => region.inputs.findIndex((v) => v.name === n));
    const type = region.types.get(region.outputs[0]!.name)!;
    const dims = (type.kind === 'tensor' ? type.shape : []) as readonly number[];
    return {
      workspaceBytes: primitive.held.reduce<number>((n, h) => n + (h instanceof Uint8Array ? h.byteLength : 0), 0),
      run: (inputs, outputs) => {
        const y = (outputs[0] ??= Tensor.zeros('float32', dims)) as Tensor;
        primitive.run([
          ...places.map((at, i) => (constants[i] ? undefined : ((inputs[at] as Tensor).data as NumericData))),
          y.data as NumericData,
        ]);
      },
      dispose: () => primitive.dispose(),
    };
  }

  close(): void {}
}

/** What was found; asked for once in a process. */
let found: ReturnType<typeof findLibrary> | undefined;

export const onednn: KernelProvider = {
  name: 'onednn',
  kind: 'vendor',
  version: '0.1.0',
  probe(host): ProbeReport {
    found ??= findLibrary(host);
    if (!(found instanceof OneDnn)) return { chips: [], missing: [{ chip: 'cpu', ...found }] };
    const name = `oneDNN ${found.version}`;
    const processor = cpus()[0]?.model.trim() ?? process.arch;
    return {
      chips: [{ id: 'cpu', description: `${name} on ${processor}`, fingerprint: `${name}; ${processor}; ${host.threads} threads` }],
    };
  },
  open(_chip, host) {
    found ??= findLibrary(host);
    if (!(found instanceof OneDnn)) throw new FlagosError('FLAGOS_E_CHIP', found.reason, { hint: found.hint });
    return new OneDnnSession(found, host.threads);
  },
};

export default definePlugin({ abi: 1, bind: (container) => void container.bind(KERNEL_PROVIDER).toConstantValue(onednn) });
