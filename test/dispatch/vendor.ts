/** Vendors for tests: right in everything, unless an answer is replaced; with memory of their own, if asked. */
import { Tensor, type Value } from '../../src/core/tensor.ts';
import { evaluateNode } from '../../src/ops/evaluate.ts';
import { opSet } from '../../src/ops/index.ts';
import {
  supported,
  type ChipSession,
  type CostPrior,
  type DeviceTensor,
  type KernelProvider,
  type MemorySpace,
  type Prepared,
  type Region,
  type RunValue,
  type Support,
  type Variant,
} from '../../src/plugins/contract.ts';

/** What a vendor under test was asked and told. */
export interface VendorLog {
  readonly prepared: Region[];
  disposed: number;
  runs: number;
  uploads: number;
  downloads: number;
  /** Device tensors that exist and were not freed. */
  readonly live: Set<DeviceTensor>;
  closed: number;
}

export interface VendorOptions {
  readonly regions?: 'single' | 'connected';
  readonly dynamicShapes?: boolean;
  readonly instant?: boolean;
  readonly prior?: Partial<CostPrior>;
  /** Ops it has; default all there is a record of, except control flow. */
  readonly ops?: readonly string[];
  readonly supports?: (region: Region) => Support;
  readonly variants?: (region: Region) => readonly Variant[];
  /** In place of, or around, preparing. */
  readonly prepare?: (region: Region, variant: string, honest: () => Prepared) => Prepared | Promise<Prepared>;
  /** In place of, or around, running. */
  readonly run?: (inputs: readonly RunValue[], outputs: RunValue[], honest: () => void, region: Region) => void | Promise<void>;
  /** Runs asynchronously. */
  readonly slow?: boolean;
  /** Memory of its own: cost of a copy, and what of it is broken. Copies of a slow vendor are slow, too. */
  readonly memory?: { readonly latencyUs: number; readonly gbps: number; readonly broken?: 'upload' | 'download' | 'free' };
}

const isTensor = (v: RunValue): v is Tensor => v instanceof Tensor;

/** Runs a region node by node, as the records say. */
const evaluateRegion = (region: Region, inputs: readonly Value[]): Map<string, Value> => {
  const values = new Map<string, Value>([...region.constants, ...region.inputs.map((v, i) => [v.name, inputs[i]!] as const)]);
  for (const n of region.nodes) {
    const record = opSet.find(n.domain, n.op)!;
    const made = evaluateNode(
      record,
      n,
      n.inputs.map((name) => (name === '' ? undefined : values.get(name))),
    );
    if (made instanceof Promise) throw new Error('control flow in a region');
    made.forEach((v, i) => v !== undefined && n.outputs[i] && values.set(n.outputs[i]!, v));
  }
  return values;
};

class DeviceMemory implements MemorySpace {
  readonly id: string;
  readonly transfer: NonNullable<VendorOptions['memory']>;
  readonly #log: VendorLog;
  readonly #slow: boolean;
  constructor(id: string, transfer: NonNullable<VendorOptions['memory']>, log: VendorLog, slow: boolean) {
    this.id = id;
    this.transfer = transfer;
    this.#log = log;
    this.#slow = slow;
  }
  #answer<T>(what: 'upload' | 'download' | 'free', give: () => T): T | Promise<T> {
    if (this.transfer.broken === what) throw new Error(`no ${what}`);
    return this.#slow ? Promise.resolve().then(give) : give();
  }
  make(t: Tensor): DeviceTensor {
    const made: DeviceTensor = { space: this.id, dtype: t.dtype, dims: [...t.dims], handle: t.clone() };
    this.#log.live.add(made);
    return made;
  }
  /** What is in a tensor that is still alive. */
  read(t: RunValue): Tensor {
    if (t && 'space' in t && t.space === this.id && this.#log.live.has(t) && t.handle instanceof Tensor) return t.handle;
    throw new Error(`not a living tensor of ${this.id}`);
  }
  upload(t: Tensor): DeviceTensor | Promise<DeviceTensor> {
    this.#log.uploads++;
    return this.#answer('upload', () => this.make(t));
  }
  download(t: DeviceTensor): Tensor | Promise<Tensor> {
    this.#log.downloads++;
    return this.#answer('download', () => this.read(t).clone());
  }
  free(t: DeviceTensor): void {
    if (this.transfer.broken === 'free') throw new Error('no free');
    if (!this.#log.live.delete(t)) throw new Error(`freed twice in ${this.id}`);
  }
}

/** A vendor that is right in everything `options` does not replace. */
export const vendor = (name: string, options: VendorOptions = {}): KernelProvider & { readonly log: VendorLog } => {
  const log: VendorLog = { prepared: [], disposed: 0, runs: 0, uploads: 0, downloads: 0, live: new Set(), closed: 0 };
  const memory = options.memory && new DeviceMemory(`${name}-memory`, options.memory, log, options.slow ?? false);
  const has = (region: Region): Support => {
    const strange = region.nodes.find((n) => {
      const record = opSet.find(n.domain, n.op);
      return record?.control !== undefined || (options.ops ? !options.ops.includes(n.op) : !record);
    });
    return strange ? { ok: false, reason: 'NO_KERNEL', detail: `has no ${strange.op}` } : supported;
  };
  const prepare = (region: Region): Prepared => {
    log.prepared.push(region);
    const calculate = (inputs: readonly RunValue[], outputs: RunValue[]): void => {
      log.runs++;
      const values = evaluateRegion(
        region,
        inputs.map((v) => (memory ? memory.read(v) : (v as Value))),
      );
      region.outputs.forEach(({ name }, i) => {
        const made = values.get(name)!;
        const place = outputs[i];
        if (memory) outputs[i] = memory.make(made as Tensor);
        else if (isTensor(place) && made instanceof Tensor) (place.data as Float32Array).set(made.data as Float32Array);
        else outputs[i] = made;
      });
    };
    const { run } = options;
    return {
      workspaceBytes: 0,
      run: (inputs, outputs) => {
        if (!options.slow) return run ? run(inputs, outputs, () => calculate(inputs, outputs), region) : calculate(inputs, outputs);
        return Promise.resolve().then(() =>
          run ? run(inputs, outputs, () => calculate(inputs, outputs), region) : calculate(inputs, outputs),
        );
      },
      dispose: () => void log.disposed++,
    };
  };
  const session: ChipSession = {
    regions: options.regions ?? 'single',
    dynamicShapes: options.dynamicShapes ?? false,
    prior: { overheadUs: 1, gflops: 10, gbps: 10, ...options.prior },
    ...(options.instant && { instant: true }),
    supports: (region) => {
      const support = has(region);
      return support.ok && options.supports ? options.supports(region) : support;
    },
    ...(options.variants && { variants: options.variants }),
    ...(memory && { memory }),
    prepare: (region, variant) => (options.prepare ? options.prepare(region, variant, () => prepare(region)) : prepare(region)),
    close: () => void log.closed++,
  };
  return {
    name,
    kind: 'vendor',
    version: '1.0.0',
    log,
    probe: () => ({ chips: [{ id: 'chip', description: name, fingerprint: '1' }] }),
    open: () => session,
  };
};
