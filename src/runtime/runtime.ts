/**
 * The runtime: providers and their open chips, policy, quarantine, and the models that run on them.
 * It needs no host facilities of its own: what finds plugins and reads files hands the results in.
 */
import { FlagosError, asError } from '../core/errors.ts';
import { type Attribute, type Graph, type Model } from '../core/graph.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { typeOfValue } from '../ops/evaluate.ts';
import type { OpSet } from '../ops/registry.ts';
import { mergePolicies, type Policy, type PolicyOverride } from '../opmanager/policy.ts';
import { noEvidence, type EvidenceSnapshot } from '../opmanager/evidence.ts';
import { Quarantine } from '../opmanager/quarantine.ts';
import type { OpenChip } from '../dispatch/planner.ts';
import { GraphRunner, type Dispatcher } from '../dispatch/runner.ts';
import type { Host } from '../plugins/contract.ts';
import { openChip, probeAll, type ProbeResult } from '../plugins/probe.ts';
import type { ProviderRegistry } from '../plugins/registry.ts';
import { FlagosModel } from './model.ts';

export interface RuntimeParts {
  readonly registry: ProviderRegistry;
  readonly ops: OpSet;
  readonly policy: Policy;
  readonly host: Host;
  readonly evidence?: EvidenceSnapshot;
}

export interface LoadOptions {
  /** Changes to the runtime's policy for this model alone. */
  readonly policy?: PolicyOverride;
}

/** Plain attribute values of a single call; numbers that are whole become ints. */
export type PlainAttributes = Readonly<Record<string, number | string | readonly number[] | readonly string[] | Tensor | Attribute>>;

const isAttribute = (v: PlainAttributes[string]): v is Attribute => typeof v === 'object' && !Array.isArray(v) && !(v instanceof Tensor) && 'type' in v && 'value' in v;

const toAttribute = (v: PlainAttributes[string], declared: Attribute['type'] | undefined): Attribute => {
  if (isAttribute(v)) return v;
  if (v instanceof Tensor) return { type: 'tensor', value: v };
  if (typeof v === 'string') return { type: 'string', value: v };
  if (typeof v === 'number') return { type: declared === 'float' || (declared === undefined && !Number.isInteger(v)) ? 'float' : 'int', value: v };
  if (v.every((x) => typeof x === 'string')) return { type: 'strings', value: v as readonly string[] };
  const numbers = v as readonly number[];
  return { type: declared === 'floats' || (declared === undefined && !numbers.every(Number.isInteger)) ? 'floats' : 'ints', value: numbers };
};

/** Single-op graphs kept for {@link Runtime.call}. */
const CALL_LIMIT = 256;

export class Runtime {
  readonly probes: readonly ProbeResult[];
  readonly chips: readonly OpenChip[];
  /** Chips that were found but could not be opened. */
  readonly broken: readonly { readonly chip: string; readonly error: Error }[];
  readonly quarantine = new Quarantine();
  readonly #parts: RuntimeParts;
  readonly #calls = new Map<string, GraphRunner>();
  readonly #models = new Set<FlagosModel>();
  #closed = false;

  private constructor(parts: RuntimeParts, probes: readonly ProbeResult[], chips: readonly OpenChip[], broken: Runtime['broken']) {
    this.#parts = parts;
    this.probes = probes;
    this.chips = chips;
    this.broken = broken;
  }

  /** Probes every registered provider and opens the chips found. A provider that fails is reported, never fatal. */
  static async open(parts: RuntimeParts): Promise<Runtime> {
    const probes = await probeAll(parts.registry.providers(), parts.host);
    const chips: OpenChip[] = [];
    const broken: { chip: string; error: Error }[] = [];
    for (const { provider, chips: found } of probes) {
      for (const chip of found) {
        const id = `${provider.name}/${chip.id}`;
        try {
          chips.push({ id, provider, chip, session: await openChip(provider, chip, parts.host) });
        } catch (e) {
          const error = asError(e);
          broken.push({ chip: id, error });
          parts.host.logger.log('warn', `chip ${id} could not be opened`, { reason: error.message });
        }
      }
    }
    return new Runtime(parts, probes, chips, broken);
  }

  get policy(): Policy {
    return this.#parts.policy;
  }
  get ops(): OpSet {
    return this.#parts.ops;
  }
  get host(): Host {
    return this.#parts.host;
  }
  get registry(): ProviderRegistry {
    return this.#parts.registry;
  }

  /** What running a graph needs, under a policy. Kernels that fail are set aside for this dispatcher, or for the whole runtime. */
  dispatcher(override: PolicyOverride = {}): Dispatcher {
    this.#assertOpen();
    const local = new Quarantine();
    return {
      ops: this.#parts.ops,
      chips: this.chips,
      policy: mergePolicies(this.#parts.policy, override),
      evidence: this.#parts.evidence ?? noEvidence,
      logger: this.#parts.host.logger,
      quarantined: (kernel, signature) => (local.find(kernel, signature) ?? this.quarantine.find(kernel, signature))?.reason,
      setAside: (kernel, signature, reason, lasting) => (lasting ? this.quarantine : local).add(kernel, signature, reason),
    };
  }

  /** A model ready to run. Nothing is compiled before shapes are known: at the first run, or by `prepare`. */
  model(model: Model, options: LoadOptions = {}): FlagosModel {
    const loaded = new FlagosModel(model, this.dispatcher(options.policy));
    this.#models.add(loaded);
    return loaded;
  }

  /**
   * Runs one op. Plans are kept by op, attributes and shapes, so a second call like the first costs little.
   * @param op ONNX name, with domain if not ai.onnx: `MatMul`, `com.microsoft.FusedMatMul`.
   * @returns the outputs in order (as many as `outputs` says).
   */
  async call(op: string, inputs: readonly (Value | undefined)[], attributes: PlainAttributes = {}, options: { outputs?: number; policy?: PolicyOverride } = {}): Promise<Value[]> {
    const dot = op.lastIndexOf('.');
    const [domain, name] = dot < 0 ? ['', op] : [op.slice(0, dot), op.slice(dot + 1)];
    const record = this.#parts.ops.find(domain, name);
    const attrs = Object.fromEntries(Object.entries(attributes).map(([k, v]) => [k, toAttribute(v, record?.attrs[k]?.type)] as const));
    const outputs = options.outputs ?? 1;
    const key = `${op}/${inputs.map((x) => (x === undefined ? '-' : 'x')).join('')}/${outputs}/${JSON.stringify(attributes, (_, v: unknown) => (typeof v === 'bigint' ? `${v}n` : v))}/${options.policy ? JSON.stringify(options.policy) : ''}`;
    let runner = this.#calls.get(key);
    if (!runner) {
      const graph: Graph = {
        name: op,
        inputs: inputs.flatMap((x, i) => (x === undefined ? [] : [{ name: `x${i}`, type: typeOfValue(x) }])),
        outputs: Array.from({ length: outputs }, (_, i) => ({ name: `y${i}`, type: undefined })),
        initializers: new Map(),
        nodes: [{ name: op, op: name, domain, version: record?.since ?? 1, inputs: inputs.map((x, i) => (x === undefined ? '' : `x${i}`)), outputs: Array.from({ length: outputs }, (_, i) => `y${i}`), attrs }],
        types: new Map(),
      };
      runner = new GraphRunner(graph, this.dispatcher(options.policy), true);
      if (this.#calls.size >= CALL_LIMIT) {
        const [oldest, old] = this.#calls.entries().next().value!;
        this.#calls.delete(oldest);
        void old.dispose();
      }
      this.#calls.set(key, runner);
    }
    return runner.run(inputs.filter((x) => x !== undefined));
  }

  /** Releases models, kernels and chips. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const model of this.#models) await model.dispose();
    for (const runner of this.#calls.values()) await runner.dispose();
    for (const { session } of this.chips) await session.close();
  }

  #assertOpen(): void {
    if (this.#closed) throw new FlagosError('FLAGOS_E_DISPOSED', 'the runtime was closed');
  }
}
