/**
 * From a graph and what is known of its inputs to a plan that runs: specialize, plan, prepare, bind.
 * A region that cannot be prepared after all is taken apart, a node that cannot is given to the next
 * candidate; what was prepared already is kept meanwhile.
 */
import { isPromise } from '../core/async.ts';
import { FlagosError } from '../core/errors.ts';
import type { Graph } from '../core/graph.ts';
import type { OpSet } from '../ops/registry.ts';
import type { Prepared } from '../plugins/contract.ts';
import { bindPlan, type PrepareTail } from './bind.ts';
import { wait, type Flow } from './flow.ts';
import { checkCode } from './plan-lock.ts';
import { planGraph, type PlanContext } from './planner.ts';
import { regionKey, type PlannedGraph, type PlannedRegion } from './planned.ts';
import { describeRegion, disposeKernels, prepareRegion, type PreparedPlan, type PrepareProgress } from './prepare.ts';
import { orFirst, type Blame } from './recover.ts';
import type { Specialized } from './specialize.ts';

export interface BuildContext extends PlanContext, Blame {
  readonly ops: OpSet;
  /** Told before each kernel is prepared, and while it is. */
  readonly preparing?: ((progress: PrepareProgress) => void) | undefined;
}

/** How the parts of a plan that are graphs themselves are run. */
export interface Inner {
  control(planned: PlannedRegion, special: Specialized): Prepared;
  tail(planned: PlannedGraph, special: Specialized): PrepareTail;
}

export interface BuildRequest {
  readonly graph: Graph;
  /** The graph as it is for the inputs at hand. */
  readonly special: Specialized;
  /** Regions that did not work as a whole. */
  readonly parted: ReadonlySet<string>;
}

/** Rounds of planning at most. Each takes regions apart or sets kernels aside, and halving a region of any size takes less. */
const ROUNDS = 64;

const keyOf = (r: PlannedRegion): string => `${r.kernel}\n${regionKey(r.region)}`;

/** Kernels prepared side by side; compilers are limited by themselves, to one a core. */
const AT_ONCE = 8;

type Outcome = { readonly prepared: Prepared } | { readonly thrown: unknown };
const prepared = (made: Prepared): Outcome => ({ prepared: made });
const failed = (thrown: unknown): Outcome => ({ thrown });

interface UnderWay {
  readonly region: PlannedRegion;
  readonly made: Promise<Outcome>;
}

class Building {
  readonly #context: BuildContext;
  readonly #special: Specialized;
  readonly #inner: Inner;
  readonly #parted: Set<string>;
  /** Kernels prepared so far: another round mostly needs the same ones. */
  readonly #ready = new Map<string, Prepared>();
  #first: FlagosError | undefined;

  constructor(context: BuildContext, special: Specialized, inner: Inner, parted: ReadonlySet<string>) {
    this.#context = context;
    this.#special = special;
    this.#inner = inner;
    this.#parted = new Set(parted);
  }

  /** Notes that a region could not be prepared. @throws if that is the end of it. */
  #refused(region: PlannedRegion, thrown: unknown, round: number): void {
    const { policy, logger } = this.#context;
    if (!(thrown instanceof FlagosError) || thrown.kind === 'user' || !region.chip || round >= ROUNDS) throw thrown;
    const unsupported = thrown.kind === 'unsupported';
    if (!unsupported && policy.onFailure === 'error') throw thrown;
    this.#first ??= thrown;
    logger.log(unsupported ? 'info' : 'warn', `${region.kernel} cannot be prepared`, {
      node: region.nodes[0]!.node.name,
      nodes: region.nodes.length,
      reason: thrown.reason,
    });
    if (region.nodes.length > 1) this.#parted.add(regionKey(region.region));
    else this.#context.setAside(region.kernel, region.signature, thrown.reason, !unsupported && policy.onFailure === 'quarantine');
  }

  #watching(region: PlannedRegion, done: () => number, regions: number): ((parts?: number, total?: number) => void) | undefined {
    const { preparing } = this.#context;
    return (
      preparing &&
      ((parts, total) =>
        preparing({
          done: done(),
          regions,
          label: describeRegion(region),
          kernel: region.kernel,
          parts: parts === undefined || total === undefined ? undefined : { done: parts, total },
        }))
    );
  }

  /** Several at a time: most of it is waiting for compilers, which run on other cores. */
  *#prepare(planned: PlannedGraph, round: number): Flow<boolean> {
    let complete = true;
    let done = planned.regions.filter((r) => this.#ready.has(keyOf(r))).length;
    const underWay: UnderWay[] = [];
    const begun = new Set<string>();
    const refused = (region: PlannedRegion, thrown: unknown): void => {
      this.#refused(region, thrown, round);
      complete = false;
    };
    const ready = (region: PlannedRegion, prepared: Prepared): void => {
      this.#ready.set(keyOf(region), prepared);
      done++;
    };
    try {
      for (const region of planned.regions) {
        const key = keyOf(region);
        if (this.#ready.has(key) || begun.has(key)) continue;
        begun.add(key);
        if (underWay.length >= AT_ONCE) yield* this.#ended(underWay.shift()!, ready, refused);
        const say = this.#watching(region, () => done, planned.regions.length);
        say?.();
        try {
          const made = prepareRegion(region, (r) => this.#inner.control(r, this.#special), say);
          if (isPromise(made)) underWay.push({ region, made: made.then(prepared, failed) });
          else ready(region, made);
        } catch (e) {
          refused(region, e);
        }
      }
      while (underWay.length > 0) yield* this.#ended(underWay.shift()!, ready, refused);
    } finally {
      // One that failed for good ends this; the others are to be released with the rest.
      for (const { region, made } of underWay) {
        const outcome = yield* wait(made);
        if ('prepared' in outcome) ready(region, outcome.prepared);
      }
    }
    return complete;
  }

  *#ended(
    { region, made }: UnderWay,
    ready: (region: PlannedRegion, prepared: Prepared) => void,
    refused: (region: PlannedRegion, thrown: unknown) => void,
  ): Flow<void> {
    const outcome = yield* wait(made);
    if ('prepared' in outcome) ready(region, outcome.prepared);
    else refused(region, outcome.thrown);
  }

  #plan(): PlannedGraph {
    try {
      return planGraph(this.#special, { ...this.#context, unmergeable: this.#parted });
    } catch (e) {
      throw orFirst(e, this.#first);
    }
  }

  *#release(kernels: readonly Prepared[]): Flow<void> {
    for (const fault of yield* wait(disposeKernels(kernels)))
      this.#context.logger.log('warn', 'releasing a kernel failed', { reason: fault.message });
  }

  *run(graph: Graph): Flow<PreparedPlan> {
    try {
      for (let round = 0; ; round++) {
        const planned = this.#plan();
        if (!(yield* this.#prepare(planned, round))) continue;
        const kernels = planned.regions.map((r) => this.#ready.get(keyOf(r))!);
        const { lock } = this.#context;
        if (lock && checkCode(lock, planned, kernels)) continue;
        const plan = bindPlan(
          this.#special,
          planned,
          kernels,
          graph.inputs.map((i) => i.name),
          graph.outputs.map((o) => o.name),
          this.#inner.tail(planned, this.#special),
        );
        const unused = [...this.#ready.values()].filter((k) => !kernels.includes(k));
        if (unused.length) yield* this.#release(unused);
        return plan;
      }
    } catch (e) {
      yield* this.#release([...this.#ready.values()]);
      throw e;
    }
  }
}

/** @throws FLAGOS_E_NO_KERNEL, and user errors for what no kernel could run. */
export function* buildPlan({ graph, special, parted }: BuildRequest, context: BuildContext, inner: Inner): Flow<PreparedPlan> {
  return yield* new Building(context, special, inner, parted).run(graph);
}
