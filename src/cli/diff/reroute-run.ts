/** One test of a bisection: the model with some nodes on the chips asked for, all others elsewhere, held against all of them elsewhere. */
import { isPromise } from '../../core/async.ts';
import type { Model } from '../../core/graph.ts';
import { Tensor, type Value } from '../../core/tensor.ts';
import type { Suspect } from '../../diff/bisect.ts';
import type { Gate } from '../../diff/gates.ts';
import { rerouted } from '../../diff/reroute.ts';
import { spreadOf } from '../../diff/spread.ts';
import { cutChips } from '../../diff/split.ts';
import type { OpenChip } from '../../dispatch/planner.ts';
import type { Dispatcher } from '../../dispatch/runner.ts';
import type { Flagos } from '../../host/flagos.ts';
import { parseToken, tokenMatches, type PolicyOverride } from '../../opmanager/policy.ts';
import { FlagosModel } from '../../runtime/model.ts';

export interface RerouteParts {
  readonly flagos: Flagos;
  readonly model: Model;
  readonly feeds: readonly (Value | undefined)[];
  /** Tokens of the chips under suspicion. */
  readonly chips: readonly string[];
  readonly golden: string;
  readonly gate: Gate | undefined;
  /** Largest relative error of an output that is still right. */
  readonly tolerance: number;
}

/** Whether tokens name a chip, or one of its kernels. */
export const namesChip = (tokens: readonly string[], { id, provider, chip }: OpenChip): boolean =>
  tokens.some((token) => {
    const parsed = parseToken(token);
    return parsed.type === 'kernel'
      ? parsed.kernel.startsWith(`${id}:`)
      : tokenMatches(token, { provider: provider.name, kind: provider.kind, chip: chip.id, kernel: '' });
  });

export class Rerouting {
  readonly #parts: RerouteParts;
  #right: readonly Value[] | undefined;
  /** Largest relative difference of two runs without the chips: nothing smaller is a fault. */
  #noise = 0;

  constructor(parts: RerouteParts) {
    this.#parts = parts;
  }

  /** Chips and policy with only these nodes under suspicion on the chips asked for. */
  dispatcher(nodes: Iterable<string>): Dispatcher {
    const { flagos, chips, golden } = this.#parts;
    const policy: PolicyOverride = { prefer: [...chips, golden], fallback: 'any' };
    const base = flagos.runtime.dispatcher(policy);
    return {
      ...base,
      chips: cutChips(
        rerouted(base.chips, (c) => namesChip(chips, c), new Set(nodes)),
        'contraction',
      ),
    };
  }

  async #run(nodes: Iterable<string>): Promise<{ values: readonly Value[]; placed: Suspect[] }> {
    const { model, feeds, chips, flagos } = this.#parts;
    const loaded = new FlagosModel(model, this.dispatcher(nodes), () => {});
    try {
      const made = loaded.runPositional(feeds);
      const values = isPromise(made) ? await made : made;
      const asked = new Set(flagos.runtime.chips.filter((c) => namesChip(chips, c)).map((c) => c.id));
      const placed = loaded.placement().filter((p) => asked.has(p.kernel.split(':')[0]!));
      return { values: values.map((v) => (v instanceof Tensor ? v.clone() : v)), placed };
    } finally {
      await loaded.dispose();
    }
  }

  /** Nodes that run on the chips asked for, if all may. */
  async suspects(): Promise<Suspect[]> {
    const all = this.#parts.model.graph.nodes.map((n) => n.name);
    return (await this.#run(all)).placed.map(({ node, op, kernel }) => ({ node, op, kernel }));
  }

  /** Whether the end is wrong with these nodes on the chips. */
  async shows(nodes: readonly string[]): Promise<boolean> {
    const { gate, tolerance } = this.#parts;
    if (!this.#right) {
      this.#right = (await this.#run([])).values;
      const again = (await this.#run([])).values;
      this.#noise = Math.max(0, ...again.map((v, i) => spreadOf(v, this.#right![i]).relative));
    }
    const { values } = await this.#run(nodes);
    return values.some((v, i) => {
      const right = this.#right![i];
      const verdict = gate && v instanceof Tensor && right instanceof Tensor ? gate.judge(v, right).ok : undefined;
      if (verdict !== undefined) return !verdict;
      const spread = spreadOf(v, right);
      return spread.classMismatches > 0 || spread.relative > Math.max(tolerance, 10 * this.#noise);
    });
  }
}
