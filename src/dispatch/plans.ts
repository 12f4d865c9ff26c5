/**
 * The plans of one graph: found for inputs, built when there is none, given up and released. What
 * was learned while running (regions that failed as a whole, types that are not as the model states
 * them) goes into every plan built after it.
 */
import { asError, FlagosError } from '../core/errors.ts';
import type { Graph } from '../core/graph.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import type { Decision } from '../opmanager/decision.ts';
import type { MaybePromise } from '../core/async.ts';
import type { Arg } from '../ops/bind.ts';
import { buildPlan, type BuildContext, type Inner } from './build.ts';
import { Executor } from './execute.ts';
import { carryOut, type Flow } from './flow.ts';
import { decidingInputs, PlanCache, typeOfInput } from './plan-cache.ts';
import type { KernelUse, PlannedGraph } from './planned.ts';
import type { PreparedPlan } from './prepare.ts';
import type { Probe, Unproved } from './probe.ts';
import { specialize, type Specialized } from './specialize.ts';
import { afterMoving, startOf, whereItStays, whileCompiling, type Start } from './tiers.ts';

/** What running needs of the world: ops, open chips, selection. One per runtime and policy. */
export interface Dispatcher extends BuildContext {
  /** Milliseconds since 1970. */
  now(): number;
  /** Checks kernels nobody has measured on their first real inputs; absent: nothing is checked. */
  readonly probe?: Probe | undefined;
  /** When a kernel that is set aside for a signature may run it again, in milliseconds since 1970. */
  setAsideUntil(use: KernelUse): number | undefined;
  /** Told of each plan that was made, and of each that was given up, for reports. */
  planned?(plan: PreparedPlan): void;
  dropped?(plan: PreparedPlan): void;
  /**
   * Does work that nobody waits for; given, runs start on kernels with nothing to compile while others are
   * made. @returns settles when the work is done or given up.
   */
  readonly later?: ((work: () => Promise<void>) => Promise<void>) | undefined;
}

/** A plan ready to run. */
export interface Ready {
  readonly executor: Executor;
  /** When a kernel it does without may be tried again. */
  readonly reviewAt: number | undefined;
  /** Whether a better plan is being made in the background. */
  moving: boolean;
  /** That one, when it is ready: the next run is its. */
  next: Ready | undefined;
  /** Whether it was given up: nobody needs what would follow it. */
  gone: boolean;
  /** Steps to be checked when they run; undefined: nothing is left to check. */
  unproved: Unproved | undefined;
  /** The choices behind it. */
  decisions: ReadonlyMap<string, Decision>;
}

const withDecisions = (plan: PreparedPlan, say: (d: Decision) => Decision): ReadonlyMap<string, Decision> =>
  new Map([...plan.planned.decisions].map(([node, d]) => [node, say(d)]));

export interface PlansOptions {
  /** Whether input contents may be used for planning. */
  readonly byContent: boolean;
  /** Whether shapes are taken on the model's word where they cannot be inferred. */
  readonly trusting: boolean;
  readonly inner: Inner;
  /** For messages. */
  readonly model: string | undefined;
}

export class Plans {
  /** Regions that failed as a whole while running. */
  readonly parted = new Set<string>();
  trusting: boolean;
  readonly #graph: Graph;
  readonly #dispatcher: Dispatcher;
  readonly #inner: Inner;
  readonly #model: string | undefined;
  /** Inputs whose contents decide shapes of the nodes that read them: part of a plan's key. */
  readonly #byValue: readonly boolean[];
  readonly #cache: PlanCache<Ready>;
  readonly #releasing = new Set<Promise<void>>();
  readonly #moving = new Set<Promise<void>>();

  constructor(graph: Graph, dispatcher: Dispatcher, options: PlansOptions) {
    this.#graph = graph;
    this.#dispatcher = dispatcher;
    this.#inner = options.inner;
    this.#model = options.model;
    this.trusting = options.trusting;
    this.#byValue = options.byContent ? decidingInputs(graph, dispatcher.ops) : graph.inputs.map(() => false);
    this.#cache = new PlanCache(this.#byValue, (ready) => this.#release(ready));
  }

  /**
   * The plan for inputs of these shapes; a seen signature costs a comparison of dimensions.
   * @throws FLAGOS_E_NO_KERNEL, and user errors for what no kernel could run.
   */
  resolve(inputs: readonly (Value | undefined)[]): MaybePromise<Ready> {
    const known = this.#cache.find(inputs);
    if (known !== undefined && known.reviewAt === undefined && !known.moving) return known;
    return (known && this.#current(known)) ?? carryOut(this.#build(inputs));
  }

  /** What a plan has become meanwhile; undefined if it is to be made anew. */
  #current(known: Ready): Ready | undefined {
    if (known.next) {
      const { next } = known;
      known.next = undefined;
      this.#cache.replace(known, next);
      return next;
    }
    if (known.reviewAt === undefined || this.#dispatcher.now() < known.reviewAt) return known;
    this.#cache.remove(known);
    return undefined;
  }

  #specialize(inputs: readonly (Value | undefined)[]): Specialized {
    const known = new Map<string, Arg>();
    inputs.forEach((v, i) => {
      if (v !== undefined)
        known.set(this.#graph.inputs[i]!.name, {
          type: typeOfInput(v),
          value: v instanceof Tensor && this.#byValue[i] ? v.clone() : undefined,
        });
    });
    return specialize(this.#graph, known, { ops: this.#dispatcher.ops, trusting: this.trusting });
  }

  *#build(inputs: readonly (Value | undefined)[]): Flow<Ready> {
    try {
      const special = this.#specialize(inputs);
      const start = this.#dispatcher.later && startOf(special, { ...this.#dispatcher, unmergeable: this.parted });
      const ready = (start && (yield* this.#meanwhile(special, start))) ?? this.#ready(yield* this.#plan(special, this.#dispatcher));
      this.#cache.add(inputs, ready);
      return ready;
    } catch (e) {
      throw e instanceof FlagosError ? e.at({ model: this.#model }) : e;
    }
  }

  #plan(special: Specialized, context: BuildContext): Flow<PreparedPlan> {
    return buildPlan({ graph: this.#graph, special, parted: this.parted }, context, this.#inner);
  }

  #ready(plan: PreparedPlan, decisions = plan.planned.decisions, moving = false): Ready {
    this.#dispatcher.planned?.(plan);
    const executor = new Executor(plan, this.#dispatcher.logger);
    const { probe, policy } = this.#dispatcher;
    const unproved = probe?.unproved(plan, policy);
    return { executor, unproved, reviewAt: this.#reviewOf(plan.planned), moving, next: undefined, gone: false, decisions };
  }

  /** A plan with nothing to compile, and the better one in the making; undefined if there turns out to be none. */
  *#meanwhile(special: Specialized, start: Start): Flow<Ready | undefined> {
    let plan: PreparedPlan;
    try {
      plan = yield* this.#plan(special, { ...this.#dispatcher, instantOnly: true });
    } catch (e) {
      // Those kernels cannot after all, so there is nothing to run on while others are made.
      if (e instanceof FlagosError && (e.kind !== 'user' || e.code === 'FLAGOS_E_NO_KERNEL')) return undefined;
      throw e;
    }
    const ready = this.#ready(
      plan,
      withDecisions(plan, (d) => whileCompiling(d, start)),
      true,
    );
    // Another one took its place, which policy may rank lower.
    if ([...start].some(([node, { startedOn }]) => plan.planned.decisions.get(node)?.kernel?.id !== startedOn)) {
      this.#release(ready);
      return undefined;
    }
    const moved = this.#dispatcher.later!(() => this.#move(ready, special, start)).then(() => void this.#moving.delete(moved));
    this.#moving.add(moved);
    return ready;
  }

  /** Makes the plan that takes the place of one that was only there not to wait. */
  async #move(ready: Ready, special: Specialized, start: Start): Promise<void> {
    if (ready.gone) return;
    const { logger } = this.#dispatcher;
    const names = [...start.values()].map((s) => s.movesTo).join(', ');
    try {
      const plan = await carryOut(this.#plan(special, this.#dispatcher));
      const next = this.#ready(
        plan,
        withDecisions(plan, (d) => afterMoving(d, start)),
      );
      if (ready.gone) return this.#release(next);
      ready.next = next;
      const stays = [...next.decisions.values()].find((d) => d.tier?.state === 'stays');
      if (stays) logger.log('warn', `a call ${stays.tier!.why}`, { model: this.#model });
      else logger.log('debug', `a call moves to ${names}`, { model: this.#model });
    } catch (e) {
      const { message } = asError(e);
      const reason = e instanceof FlagosError ? e.reason : message;
      ready.moving = false;
      ready.decisions = withDecisions(ready.executor.plan, (d) => whereItStays(d, start, reason));
      if (!ready.gone) logger.log('warn', `a call does not move to ${names}`, { model: this.#model, reason });
    }
  }

  /**
   * Makes the plan for inputs like these anew, by what is known now; it takes the place of the present one at the next
   * run. Nothing if there is no plan to replace, or another one is in the making. @throws what planning and preparing throw.
   */
  async renew(inputs: readonly (Value | undefined)[]): Promise<void> {
    const known = this.#cache.find(inputs);
    if (!known || known.moving) return;
    known.moving = true;
    const made = (async (): Promise<void> => {
      try {
        const next = this.#ready(await carryOut(this.#plan(this.#specialize(inputs), this.#dispatcher)));
        if (known.gone) this.#release(next);
        else known.next = next;
      } catch (e) {
        known.moving = false;
        throw e;
      }
    })();
    const settled: Promise<void> = made.then(
      () => undefined,
      () => undefined,
    );
    this.#moving.add(settled);
    try {
      await made;
    } finally {
      this.#moving.delete(settled);
    }
  }

  #reviewOf({ waitedFor }: PlannedGraph): number | undefined {
    const ends = waitedFor.flatMap((use) => this.#dispatcher.setAsideUntil(use) ?? []);
    return ends.length ? Math.min(...ends) : undefined;
  }

  /** Gives one plan up: a kernel it uses failed. */
  drop(ready: Ready): void {
    this.#cache.remove(ready);
  }

  /** Gives up all plans, and with them what the model says of shapes. */
  distrust(): void {
    this.trusting = false;
    this.#cache.clear();
  }

  #release(ready: Ready): void {
    ready.gone = true;
    if (ready.next) this.#release(ready.next);
    const { executor } = ready;
    this.#dispatcher.dropped?.(executor.plan);
    const released = executor.dispose().then((faults) => {
      for (const fault of faults)
        this.#dispatcher.logger.log('warn', 'releasing a kernel failed', { model: this.#model, reason: fault.message });
      this.#releasing.delete(released);
    });
    this.#releasing.add(released);
  }

  /** Gives up all plans, and waits until all that were ever given up are released. */
  async close(): Promise<void> {
    this.#cache.clear();
    await Promise.all(this.#moving);
    while (this.#releasing.size) await Promise.all(this.#releasing);
  }
}
