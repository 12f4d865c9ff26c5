/**
 * What tests of dispatch are made of: graphs written as lines, vendors whose every answer can be
 * replaced, and a runtime of these vendors and the reference.
 */
import { tensorType, type Attribute, type Graph, type Node, type ValueType } from '../../src/core/graph.ts';
import type { DType } from '../../src/core/dtype.ts';
import type { LogLevel } from '../../src/core/log.ts';
import { Tensor, type Value } from '../../src/core/tensor.ts';
import { evaluateNode } from '../../src/ops/evaluate.ts';
import { opSet } from '../../src/ops/index.ts';
import { defaultPolicy, mergePolicies, type PolicyOverride } from '../../src/opmanager/policy.ts';
import {
  supported, type ChipSession, type CostPrior, type DeviceTensor, type KernelProvider, type MemorySpace, type Prepared, type Region, type RunValue, type Support, type Variant,
} from '../../src/plugins/contract.ts';
import { referenceProvider } from '../../src/plugins/reference.ts';
import { ProviderRegistry } from '../../src/plugins/registry.ts';
import type { FlagosModel } from '../../src/runtime/model.ts';
import { Runtime, type RuntimeParts } from '../../src/runtime/runtime.ts';

export const f32 = (...shape: (number | string | null)[]): ValueType => tensorType('float32', shape);
export const tensor = (dims: readonly number[], values: readonly (number | bigint | boolean)[], dtype: DType = 'float32'): Tensor => Tensor.from(dtype, dims, values);
export const row = (...values: number[]): Tensor => tensor([values.length], values);
export const i64 = (...values: number[]): Tensor => tensor([values.length], values, 'int64');
export const listOf = (value: Value | undefined): unknown => (value instanceof Tensor ? value.toValues() : value);

type Plain = number | string | readonly number[] | Graph | Tensor;
const attribute = (v: Plain): Attribute => {
  if (v instanceof Tensor) return { type: 'tensor', value: v };
  if (typeof v === 'number') return { type: 'int', value: v };
  if (typeof v === 'string') return { type: 'string', value: v };
  return 'nodes' in v ? { type: 'graph', value: v } : { type: 'ints', value: v };
};

/** `y z = Op a b`: a node named after its first output; `_` leaves an argument out, `domain:Op` names a domain. */
export const node = (line: string, attrs: Readonly<Record<string, Plain>> = {}): Node => {
  const [left = '', right = ''] = line.split('=');
  const outputs = left.trim().split(/\s+/);
  const [op = '', ...inputs] = right.trim().split(/\s+/);
  const [name, domain = ''] = op.split(':').reverse();
  const omit = (n: string): string => (n === '_' ? '' : n);
  return {
    name: outputs[0]!, op: name!, domain, version: 21, inputs: inputs.map(omit), outputs: outputs.map(omit),
    attrs: Object.fromEntries(Object.entries(attrs).map(([k, v]) => [k, attribute(v)])),
  };
};

export interface GraphParts {
  readonly inputs?: Readonly<Record<string, ValueType | undefined>>;
  readonly outputs: readonly string[];
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly types?: Readonly<Record<string, ValueType>>;
  readonly name?: string;
}
/** @param lines nodes, or their lines. */
export const graph = (lines: readonly (string | Node)[], { inputs = {}, outputs, constants = {}, types = {}, name = 'g' }: GraphParts): Graph => ({
  name, nodes: lines.map((l) => (typeof l === 'string' ? node(l) : l)),
  inputs: Object.entries(inputs).map(([n, type]) => ({ name: n, type })), outputs: outputs.map((n) => ({ name: n, type: undefined })),
  initializers: new Map(Object.entries(constants)), types: new Map(Object.entries(types)),
});

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
    const made = evaluateNode(record, n, n.inputs.map((name) => (name === '' ? undefined : values.get(name))));
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
      const values = evaluateRegion(region, inputs.map((v) => (memory ? memory.read(v) : (v as Value))));
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
        return Promise.resolve().then(() => (run ? run(inputs, outputs, () => calculate(inputs, outputs), region) : calculate(inputs, outputs)));
      },
      dispose: () => void log.disposed++,
    };
  };
  const session: ChipSession = {
    regions: options.regions ?? 'single', dynamicShapes: options.dynamicShapes ?? false,
    prior: { overheadUs: 1, gflops: 10, gbps: 10, ...options.prior },
    supports: (region) => {
      const support = has(region);
      return support.ok && options.supports ? options.supports(region) : support;
    },
    ...(options.variants && { variants: options.variants }),
    ...(memory && { memory }),
    prepare: (region, variant) => (options.prepare ? options.prepare(region, variant, () => prepare(region)) : prepare(region)),
    close: () => void log.closed++,
  };
  return { name, kind: 'vendor', version: '1.0.0', log, probe: () => ({ chips: [{ id: 'chip', description: name, fingerprint: '1' }] }), open: () => session };
};

/** A runtime of the reference and these vendors, and what it logged. */
export const openRuntime = async (vendors: readonly KernelProvider[], policy: PolicyOverride = {}, parts: Partial<RuntimeParts> = {}): Promise<Runtime & { readonly lines: string[] }> => {
  const registry = new ProviderRegistry();
  for (const v of [referenceProvider(opSet, '1'), ...vendors]) registry.register(`plugin ${v.name}`, [v]);
  const lines: string[] = [];
  const logger = { log: (level: LogLevel, message: string, fields: object = {}) => void lines.push(`${level} ${message} ${JSON.stringify(fields)}`) };
  const runtime = await Runtime.open({ registry, ops: opSet, policy: mergePolicies(defaultPolicy, policy), host: { logger, threads: 1, env: {} }, ...parts });
  return Object.assign(runtime, { lines });
};

/** A model of a runtime of the reference and these vendors. */
export const loadModel = async (g: Graph, vendors: readonly KernelProvider[] = [], policy: PolicyOverride = {}): Promise<FlagosModel> =>
  (await openRuntime(vendors, policy)).model({ name: 'm', graph: g, metadata: {} });

/** Provider that runs each node. */
export const runners = (model: FlagosModel): Record<string, string> => Object.fromEntries(model.placement().map((p) => [p.node, p.kernel.slice(0, p.kernel.indexOf('/'))]));
