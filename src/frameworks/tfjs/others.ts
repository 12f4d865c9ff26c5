/** Calls without FlagOS ops, on the best other backend of tfjs that is loaded: values go there and come back. */
import { asError, FlagosError } from '../../core/errors.ts';
import type { FlagosBackend } from './backend.ts';
import type { Refusal } from './template.ts';
import type { KernelCall, KernelConfig, TensorInfo, TfBackend, TfModule } from './tf-types.ts';
import { deinterleave } from './values.ts';

/** Fastest first. */
const ranking = ['tensorflow', 'wasm', 'cpu'];

const listOf = <T>(x: T | T[]): T[] => (Array.isArray(x) ? x : [x]);

export class OtherBackends {
  readonly #tf: TfModule;
  /** Kernels that were set up for a backend: tfjs does it only for the backend in use. */
  readonly #ready = new WeakMap<TfBackend, Set<string>>();

  constructor(tf: TfModule) {
    this.#tf = tf;
  }

  /** Backends that have the kernel, best first. Those that start asynchronously count once they have. */
  #candidates(kernel: string): { readonly name: string; readonly config: KernelConfig; readonly backend: TfBackend }[] {
    const { registry, registryFactory } = this.#tf.engine();
    const known = Object.keys(registryFactory).filter((name) => name !== 'flagos');
    const rank = (name: string): number => (ranking.includes(name) ? ranking.indexOf(name) : ranking.length);
    return known
      .sort((a, b) => rank(a) - rank(b))
      .flatMap((name) => {
        const config = this.#tf.getKernel(kernel, name);
        if (!config) return [];
        const backend = registry[name] ?? (name === 'cpu' || name === 'tensorflow' ? this.#tf.findBackend(name) : null);
        return backend ? [{ name, config, backend }] : [];
      });
  }

  /**
   * @throws FLAGOS_E_NO_KERNEL if nobody has the kernel, or others may not be used; what the last of them says otherwise.
   */
  run(kernel: string, call: KernelCall, flagos: FlagosBackend, { refused, cause }: Refusal): TensorInfo | TensorInfo[] {
    const { shared } = flagos;
    const candidates = shared.others ? this.#candidates(kernel) : [];
    let last: Error | undefined;
    for (const { name, config, backend } of candidates) {
      try {
        const made = this.#on(config, backend, call, flagos);
        if (shared.coverage.other(kernel, name, refused))
          shared.runtime.host.logger.log('info', `tfjs kernel ${kernel} runs on backend '${name}'`, { reason: refused });
        return made;
      } catch (e) {
        last = asError(e);
      }
    }
    if (last) throw last;
    if (cause && (!shared.others || candidates.length === 0)) throw cause;
    throw new FlagosError('FLAGOS_E_NO_KERNEL', `nobody runs the tfjs kernel ${kernel}: ${refused}`, {
      trace: { op: kernel },
      hint: shared.others
        ? 'load another backend beside this one, for example @tensorflow/tfjs-backend-cpu'
        : "other backends are not used because of fallback: 'none' (or 'native'); leave it out to let them",
    });
  }

  #setUp(config: KernelConfig, backend: TfBackend): void {
    let ready = this.#ready.get(backend);
    if (!ready) this.#ready.set(backend, (ready = new Set()));
    if (ready.has(config.kernelName)) return;
    config.setupFunc?.(backend);
    ready.add(config.kernelName);
  }

  #on(config: KernelConfig, backend: TfBackend, call: KernelCall, flagos: FlagosBackend): TensorInfo | TensorInfo[] {
    this.#setUp(config, backend);
    const lent: TensorInfo[] = [];
    const inputs: Record<string, TensorInfo | TensorInfo[]> = {};
    const lend = (info: TensorInfo): TensorInfo => {
      const made = this.#lend(info, config.backendName, backend, flagos);
      lent.push(made);
      return made;
    };
    try {
      for (const name in call.inputs) {
        const info = call.inputs[name] as TensorInfo | readonly TensorInfo[] | null | undefined;
        if (info) inputs[name] = Array.isArray(info) ? info.map(lend) : lend(info as TensorInfo);
      }
      const given = Array.isArray(call.inputs) ? Object.values(inputs) : inputs;
      const made = config.kernelFunc({ inputs: given as Record<string, TensorInfo>, attrs: call.attrs, backend });
      const back = listOf(made).map((info) => {
        const dataId = flagos.write(backend.readSync(info.dataId), info.shape, info.dtype);
        lent.push(info);
        return { dataId, shape: info.shape, dtype: info.dtype };
      });
      return Array.isArray(made) ? back : back[0]!;
    } finally {
      for (const { dataId } of lent) backend.disposeData(dataId);
    }
  }

  /** A tensor's contents as data of another backend. */
  #lend({ dataId, shape, dtype }: TensorInfo, name: string, backend: TfBackend, flagos: FlagosBackend): TensorInfo {
    const values = flagos.readSync(dataId);
    // Some kernels of tfjs read the rank, which only tensors have.
    const { length: rank } = shape;
    if (dtype !== 'complex64') return { dataId: backend.write(values, shape, dtype), shape, dtype, rank } as TensorInfo;
    const parts = deinterleave(values as unknown as ArrayLike<number>);
    const half = (part: Float32Array): TensorInfo => ({ dataId: backend.write(part, shape, 'float32'), shape, dtype: 'float32' });
    const [real, imag] = [half(parts.real), half(parts.imag)];
    const complex = this.#tf.getKernel('Complex', name)!;
    this.#setUp(complex, backend);
    const made = complex.kernelFunc({ inputs: { real, imag }, backend }) as TensorInfo;
    for (const part of [real, imag]) backend.disposeData(part.dataId);
    return made;
  }
}
