/**
 * Tiers of a single call: the first call of its kind runs at once, on a chip that has nothing to
 * compile, while the kernel that policy and expected time prefer is made ready in the background; when
 * it is, calls move to it. Nobody waits for a compiler by accident, and nobody stays on the slow chip.
 * A policy that names its order is obeyed: chips it ranks later are no help in waiting.
 */
import { isPromise, type MaybePromise } from '../core/async.ts';
import { asError, FlagosError } from '../core/errors.ts';
import { opName, type Graph } from '../core/graph.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { decidingInputs } from '../dispatch/plan-cache.ts';
import type { Dispatcher } from '../dispatch/plans.ts';
import { GraphRunner } from '../dispatch/runner.ts';
import { tierOf } from '../opmanager/policy.ts';
import type { OpenChip } from '../dispatch/planned.ts';

type Inputs = readonly Value[];

/** An instant run expected to take longer than this is worth waiting for a compiler, microseconds. */
const LONG_US = 100_000;
/** Signatures of one call kept ready. */
const SIGNATURES = 64;

/** Where calls of one signature run at present. */
export type TierState = 'instant' | 'moved' | 'stays';

interface Entry {
  readonly best: GraphRunner;
  state: TierState;
  /** Why it stays on the instant chip. */
  reason: string | undefined;
  /** Settles when it has moved, or cannot. */
  readonly moving: Promise<void>;
}

/** Chips with nothing to compile that policy ranks as high as any other for an op; none if every chip it ranks so is one of them. */
const instantChips = ({ chips, policy }: Dispatcher, op: string): readonly OpenChip[] => {
  const rank = ({ provider, chip }: OpenChip): number =>
    tierOf({ provider: provider.name, kind: provider.kind, chip: chip.id, kernel: `${provider.name}/${chip.id}:${op}` }, op, policy) ??
    Infinity;
  const best = Math.min(...chips.map(rank));
  const first = chips.filter((c) => rank(c) === best);
  const instant = first.filter((c) => c.session.instant === true);
  return instant.length === first.length ? [] : instant;
};

export class TieredCall {
  readonly graph: Graph;
  readonly #dispatcher: Dispatcher;
  readonly #instant: GraphRunner | undefined;
  readonly #entries = new Map<string, Entry>();
  /** Inputs whose contents decide shapes. */
  readonly #deciding: readonly boolean[];

  constructor(graph: Graph, dispatcher: Dispatcher) {
    this.graph = graph;
    this.#dispatcher = dispatcher;
    const node = graph.nodes[0]!;
    const chips = instantChips(dispatcher, opName(node.domain, node.op));
    this.#deciding = decidingInputs(graph, dispatcher.ops);
    this.#instant = chips.length ? this.#runner({ ...dispatcher, chips }) : undefined;
  }

  #runner(dispatcher: Dispatcher): GraphRunner {
    return new GraphRunner(this.graph, dispatcher, true, { handsOut: true });
  }

  /** What of the inputs a plan depends on: types, shapes, and the contents of those that decide shapes. */
  #signature(inputs: Inputs): string {
    const of = (x: Value, i: number): string =>
      x instanceof Tensor ? `${x.dtype}[${x.dims.join(',')}]${this.#deciding[i] ? String(x.data) : ''}` : typeof x;
    return inputs.map(of).join(' ');
  }

  /** Runs once. @throws what {@link GraphRunner.run} throws. */
  run(inputs: Inputs): MaybePromise<Value[]> {
    const signature = this.#signature(inputs);
    let entry = this.#entries.get(signature);
    if (!entry) this.#entries.set(signature, (entry = this.#start(inputs, signature)));
    if (entry.state === 'moved' || !this.#instant) return entry.best.run(inputs);
    return this.#meanwhile(this.#instant, entry, inputs);
  }

  async #meanwhile(instant: GraphRunner, entry: Entry, inputs: Inputs): Promise<Value[]> {
    try {
      const ready = instant.resolve(inputs);
      const { executor } = isPromise(ready) ? await ready : ready;
      const chosen = [...executor.plan.planned.decisions.values()].flatMap((d) => d.verdicts.filter((v) => v.status === 'chosen'));
      const expected = chosen.reduce((us, v) => us + (v.expectedUs ?? 0), 0);
      if (entry.state === 'stays' || expected <= LONG_US) return await instant.run(inputs);
    } catch (e) {
      if (!(e instanceof FlagosError) || e.code !== 'FLAGOS_E_NO_KERNEL') throw e;
    }
    await entry.moving;
    return entry.best.run(inputs);
  }

  #start(inputs: Inputs, signature: string): Entry {
    if (this.#entries.size >= SIGNATURES) {
      const [oldest, old] = this.#entries.entries().next().value!;
      this.#entries.delete(oldest);
      void old.best.dispose();
    }
    const best = this.#runner(this.#dispatcher);
    const { logger } = this.#dispatcher;
    const what = { op: this.graph.name, inputs: signature };
    const moving = best.prepare(inputs).then(
      () => {
        entry.state = 'moved';
        if (this.#instant) logger.log('debug', 'a call moves to its compiled kernel', what);
      },
      (e: unknown) => {
        entry.state = this.#instant ? 'stays' : 'moved';
        entry.reason = asError(e).message;
        // A wrong call is the caller's to hear of, from the call itself.
        const wrongCall = e instanceof FlagosError && e.kind === 'user';
        if (wrongCall) this.#entries.delete(signature);
        else if (this.#instant)
          logger.log('warn', 'a call stays on the instant chip: its kernel could not be made', { ...what, reason: entry.reason });
      },
    );
    const entry: Entry = { best, state: this.#instant ? 'instant' : 'moved', reason: undefined, moving };
    return entry;
  }

  /** Where calls run, by signature. */
  states(): readonly { readonly signature: string; readonly state: TierState; readonly reason: string | undefined }[] {
    return [...this.#entries].map(([signature, { state, reason }]) => ({ signature, state, reason }));
  }

  /** Resolves when no kernel is being made in the background. */
  async settled(): Promise<void> {
    await Promise.all([...this.#entries.values()].map((e) => e.moving));
  }

  async dispose(): Promise<void> {
    await this.settled();
    await Promise.all([this.#instant, ...[...this.#entries.values()].map((e) => e.best)].map((r) => r?.dispose()));
  }
}
