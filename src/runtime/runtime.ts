/**
 * The runtime: providers and their open chips, policy, quarantine, and the models that run on them.
 * It needs no host facilities of its own: what finds plugins and reads files hands the results in.
 */
import { FlagosError, asError } from '../core/errors.ts';
import type { Model } from '../core/graph.ts';
import type { Value } from '../core/tensor.ts';
import type { Decision } from '../opmanager/decision.ts';
import type { OpSet } from '../ops/registry.ts';
import { mergePolicies, type Policy, type PolicyOverride } from '../opmanager/policy.ts';
import { Lock, withoutTimes, type OnMismatch } from '../opmanager/lock.ts';
import type { LockContents } from '../opmanager/lock-entries.ts';
import { noEvidence, type EvidenceSnapshot } from '../opmanager/evidence.ts';
import { chipFingerprint, identityOf, type ChipIdentity } from '../opmanager/tables/snapshot.ts';
import type { Tables } from '../opmanager/tables/tables.ts';
import { Quarantine } from '../opmanager/quarantine.ts';
import type { OpenChip, PlanContext } from '../dispatch/planner.ts';
import type { PrepareProgress } from '../dispatch/prepare.ts';
import { Probe } from '../dispatch/probe.ts';
import { GraphRunner, type Dispatcher } from '../dispatch/runner.ts';
import type { Host } from '../plugins/contract.ts';
import { openChip, probeAll, type ProbeResult } from '../plugins/probe.ts';
import type { ProviderRegistry } from '../plugins/registry.ts';
import { Background } from './background.ts';
import { CallTable, type CallOptions } from './call-table.ts';
import { callGraph, checkArguments, type PlainAttributes } from './call.ts';
import { FlagosModel } from './model.ts';
import type { IdleWork } from './tune/idle.ts';

export type { PlainAttributes } from './call.ts';
export type { CallOptions } from './call-table.ts';

export interface RuntimeParts {
  readonly registry: ProviderRegistry;
  readonly ops: OpSet;
  readonly policy: Policy;
  readonly host: Host;
  /** What has been measured, where it is not in tables. */
  readonly evidence?: EvidenceSnapshot;
  /** Tables of evidence, read already; closed with the runtime. */
  readonly tables?: Tables;
  /** Which kernels are to be used whatever has been measured. */
  readonly lock?: { readonly name: string; readonly contents: LockContents; readonly onMismatch: OnMismatch } | undefined;
  /** Milliseconds since 1970, for what expires; default the system's clock. */
  readonly now?: () => number;
  /** What measuring needs of the machine. */
  readonly tuning?: TuningHost;
}

export interface TuningHost {
  /** The machine's name, for rows. */
  readonly name: string;
  /** One tuner at a time on a machine. @throws FLAGOS_E_BUSY */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
}

/** Milliseconds without a run after which a model is measured. */
const IDLE_MS = 500;

export interface LoadOptions {
  /** Changes to the runtime's policy for this model alone. */
  readonly policy?: PolicyOverride;
  /** Told how far the preparation of its kernels is, which may take seconds where they are compiled. */
  readonly onPrepare?: (progress: PrepareProgress) => void;
  /**
   * Measures the model while nobody runs it, and moves to what is clearly faster; what was measured is kept in the
   * tables. Needs a runtime with tables. Between two runs at most one turn of measuring is in the way.
   */
  readonly tuneWhenIdle?: boolean | { readonly idleMs?: number; readonly budgetMs?: number };
  /** For measuring: the plan to make for a graph of a signature, see `PlanContext.planFor`. */
  readonly planFor?: PlanContext['planFor'];
  /** For measuring: what counts as known, in place of the runtime's own evidence. */
  readonly evidence?: EvidenceSnapshot;
}

const noAttributes: PlainAttributes = {};
const noOptions: CallOptions = {};

/** Single-op graphs kept for {@link Runtime.call}. */
const CALL_LIMIT = 256;

export class Runtime {
  readonly probes: readonly ProbeResult[];
  readonly chips: readonly OpenChip[];
  /** Chips that were found but could not be opened. */
  readonly broken: readonly { readonly chip: string; readonly error: Error }[];
  readonly quarantine: Quarantine;
  /** By chip id: what rows of evidence about its kernels must say to count now. */
  readonly identities: ReadonlyMap<string, ChipIdentity>;
  readonly #parts: RuntimeParts;
  readonly #lock: Lock | undefined;
  readonly #evidence: EvidenceSnapshot;
  readonly #probe: Probe | undefined;
  readonly #calls: CallTable<GraphRunner>;
  /** Calls that were forgotten, until they are released. */
  readonly #forgotten = new Set<Promise<void>>();
  readonly #background = new Background();
  readonly #models = new Set<FlagosModel>();
  #closed = false;

  private constructor(parts: RuntimeParts, probes: readonly ProbeResult[], chips: readonly OpenChip[], broken: Runtime['broken']) {
    this.#parts = parts;
    this.quarantine = new Quarantine({ now: parts.now ?? Date.now });
    this.probes = probes;
    this.chips = chips;
    const { tables, host, ops } = parts;
    const evidence = parts.evidence ?? tables ?? noEvidence;
    this.#probe = tables && !parts.evidence ? new Probe({ ops, tables, host }) : undefined;
    this.#evidence = parts.lock ? withoutTimes(evidence) : evidence;
    this.identities = new Map(chips.map(({ id, provider, chip }) => [id, identityOf(provider, chip)]));
    this.broken = broken;
    if (parts.lock) {
      const { name, contents, onMismatch } = parts.lock;
      this.#lock = new Lock(name, contents, onMismatch, this.identities, parts.host.logger);
    }
    this.#calls = new CallTable(CALL_LIMIT, (runner) => {
      const released = this.#release(runner).then(() => void this.#forgotten.delete(released));
      this.#forgotten.add(released);
    });
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
          const session = await openChip(provider, chip, parts.host);
          chips.push({ id, provider, chip: { ...chip, fingerprint: chipFingerprint(chip, parts.host) }, session });
        } catch (e) {
          const error = asError(e);
          broken.push({ chip: id, error });
          parts.host.logger.log('warn', `chip ${id} could not be opened`, { reason: error.message });
        }
      }
    }
    const runtime = new Runtime(parts, probes, chips, broken);
    if (parts.tables) parts.tables.chips = runtime.identities;
    return runtime;
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

  /** Tables of evidence, if it has any: rows added there count in plans made from then on. */
  get tables(): Tables | undefined {
    return this.#parts.tables;
  }

  /** What running a graph needs, under a policy. Kernels that fail are set aside for this dispatcher, or for the whole runtime. */
  dispatcher(override: PolicyOverride = {}): Dispatcher {
    this.#assertOpen();
    const now = this.#parts.now ?? Date.now;
    const local = new Quarantine({ now });
    return {
      now,
      ops: this.#parts.ops,
      chips: this.chips,
      policy: mergePolicies(this.#parts.policy, override),
      evidence: this.#evidence,
      lock: this.#lock,
      probe: this.#probe,
      logger: this.#parts.host.logger,
      quarantined: (kernel, signature) => (local.find(kernel, signature) ?? this.quarantine.find(kernel, signature))?.reason,
      setAside: (kernel, signature, reason, lasting) => {
        const list = lasting ? this.quarantine : local;
        list.add(kernel, signature, reason);
        return () => void list.release(kernel, signature);
      },
      setAsideUntil: ({ kernel, signature }) => {
        const ends = [local, this.quarantine].flatMap((list) => list.find(kernel, signature)?.until ?? []);
        return ends.length ? Math.max(...ends) : undefined;
      },
    };
  }

  /** A model ready to run. Nothing is compiled before shapes are known: at the first run, or by `prepare`. */
  model(model: Model, options: LoadOptions = {}): FlagosModel {
    const dispatcher = this.dispatcher(options.policy);
    const own = {
      ...dispatcher,
      preparing: options.onPrepare,
      planFor: options.planFor,
      evidence: options.evidence ?? dispatcher.evidence,
    };
    const loaded: FlagosModel = new FlagosModel(model, own, () => this.#models.delete(loaded), this.#idleWork(model, options));
    this.#models.add(loaded);
    return loaded;
  }

  /** What measuring a model while it is idle needs. */
  #idleWork(model: Model, { tuneWhenIdle, policy }: LoadOptions): Omit<IdleWork, 'renew'> | undefined {
    const { tables, tuning, host } = this.#parts;
    if (!tuneWhenIdle || !tables) return undefined;
    const { idleMs = IDLE_MS, budgetMs } = tuneWhenIdle === true ? {} : tuneWhenIdle;
    const alone = tuning?.exclusively ?? (<T>(work: () => Promise<T>): Promise<T> => work());
    return {
      logger: host.logger,
      name: model.name,
      idleMs,
      tune: (inputs, quiet) =>
        alone(async () => {
          const { tuneModel } = await import('./tune/tune.ts');
          const result = await tuneModel(this, model, inputs, {
            host: tuning?.name ?? '',
            quiet,
            policy,
            ...(budgetMs ? { budgetMs } : {}),
          });
          tables.note(result.rows);
          return result;
        }),
    };
  }

  /**
   * Runs one op. Plans are kept by op, attributes and shapes, so a second call like the first costs little. The first
   * calls of a kind may run on a chip with nothing to compile, while the better kernel is compiled: see {@link ready}.
   * @param op ONNX name, with domain if not ai.onnx: `MatMul`, `com.microsoft.FusedMatMul`.
   * @returns the outputs in order (as many as `outputs` says).
   */
  async call(
    op: string,
    inputs: readonly (Value | undefined)[],
    attributes: PlainAttributes = noAttributes,
    options: CallOptions = noOptions,
  ): Promise<Value[]> {
    const results = await this.#runnerOf(op, inputs, attributes, options).run(inputs.filter((x) => x !== undefined));
    if (this.#background.busy) await this.#background.breathe();
    return results;
  }

  /**
   * Why a call like this runs where it runs, now: while a kernel is being made for it, its `tier` says so.
   * If there was none yet, it is planned as it would be to run it.
   * @throws FLAGOS_E_USAGE if nothing runs for it, because its result is known beforehand.
   */
  async explainCall(
    op: string,
    inputs: readonly (Value | undefined)[],
    attributes: PlainAttributes = noAttributes,
    options: CallOptions = noOptions,
  ): Promise<Decision> {
    const decisions = await this.#runnerOf(op, inputs, attributes, options).decisions(inputs.filter((x) => x !== undefined));
    const decision = decisions.get(op);
    if (!decision) throw new FlagosError('FLAGOS_E_USAGE', `nothing runs for ${op}: its result is known when the plan is made`);
    return decision;
  }

  #runnerOf(op: string, inputs: readonly (Value | undefined)[], attributes: PlainAttributes, options: CallOptions): GraphRunner {
    this.#assertOpen();
    checkArguments(op, inputs);
    const known = this.#calls.find(op, inputs, attributes, options);
    if (known) return known;
    const graph = callGraph(op, inputs, attributes, options.outputs ?? 1, this.#parts.ops);
    const dispatcher = { ...this.dispatcher(options.policy), later: (work: () => Promise<void>) => this.#background.later(work) };
    const runner = new GraphRunner(graph, dispatcher, true, { handsOut: true });
    this.#calls.add(op, inputs, attributes, options, runner);
    return runner;
  }

  /** Does work that nobody waits for, when the caller has its result; see {@link ready}. @param work must not reject. */
  later(work: () => Promise<void>): Promise<void> {
    this.#assertOpen();
    return this.#background.later(work);
  }

  /** Lets work in the background have a turn of the event loop, if there is some and it had none for long. */
  async breathe(): Promise<void> {
    if (this.#background.busy) await this.#background.breathe();
  }

  #release(runner: GraphRunner): Promise<void> {
    return runner.dispose().catch(this.#failed(runner.graph.name));
  }

  #failed(what: string): (thrown: unknown) => void {
    return (thrown) => this.#parts.host.logger.log('warn', `closing ${what} failed`, { reason: asError(thrown).message });
  }

  /** Resolves when no kernel of a call is being made in the background: from then on calls run where they will stay. */
  ready(): Promise<void> {
    return this.#background.idle();
  }

  /** Releases models, kernels and chips: all of them, whatever one of them throws. Of kernels in the making, the one under way is waited for. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#background.close();
    for (const model of this.#models) await model.dispose().catch(this.#failed(model.name));
    for (const runner of this.#calls.all()) await this.#release(runner);
    await Promise.all([...this.#forgotten, this.#background.idle()]);
    for (const { id, session } of this.chips) await (async () => session.close())().catch(this.#failed(id));
    await this.#parts.tables?.close();
  }

  #assertOpen(): void {
    if (this.#closed) throw new FlagosError('FLAGOS_E_DISPOSED', 'the runtime was closed');
  }
}
