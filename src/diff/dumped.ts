/**
 * Attribution where one side, or both, come from elsewhere: tensors by name that another program wrote down. The
 * model runs here besides, region by region, so that it is known which op made which tensor.
 *
 * - A dump of the chip: each region it has inputs and outputs of is held against the error model on the dump's
 *   own inputs (local), and against what ran here (accumulated).
 * - A dump of the golden: the chip runs here and is judged on its own inputs; the dump is what the accumulated and
 *   the isolated error are measured against. Where it has a region's inputs too, it is itself held against the error
 *   model, so that it shows which of both is wrong.
 *
 * What a dump lacks is not compared, and said.
 */
import { score } from '../accuracy/index.ts';
import { asError, FlagosError } from '../core/errors.ts';
import { opName, type ValueType } from '../core/graph.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import type { StepObserver } from '../dispatch/execute.ts';
import type { PlannedRegion } from '../dispatch/planner.ts';
import type { Step } from '../dispatch/prepare.ts';
import { defaultVariant } from '../plugins/contract.ts';
import { digestOf, type Alarm } from './alarms.ts';
import type { RegionDiff, RegionTensors } from './attribute.ts';
import { doubtOf, fallsOnGolden, isInDoubt } from './doubt.ts';
import type { Gate } from './gates.ts';
import { makeOracle, type Oracle, type OracleParts } from './oracle.ts';
import { outputDiff } from './output-diff.ts';
import { Roles } from './roles.ts';
import { spreadOf } from './spread.ts';
import { isRandom, numericsOf, onHost, runAgain } from './step.ts';

/** Values by name. */
export interface NamedValues {
  /** What messages call it. */
  readonly label: string;
  /** @param type what the model says of it. @returns undefined where it has none. @throws FLAGOS_E_INPUT where it is damaged. */
  get(name: string, type: ValueType | undefined): Value | undefined;
}

export interface DumpParts extends OracleParts {
  /** What the chip made; undefined: it runs here. */
  readonly chip: NamedValues | undefined;
  /** What is right; undefined: what runs here. One of both is there. */
  readonly golden: NamedValues | undefined;
  /** Whether what runs here in the golden's place is the reference, which needs no check of its own. */
  readonly trusted: boolean;
  readonly gate: Gate | undefined;
  readonly pictures: boolean;
  /** Whether a kernel runs where it was asked to; undefined: anywhere. */
  readonly asked: ((kernel: string) => boolean) | undefined;
  readonly before: (label: string) => void;
  readonly done: (region: RegionDiff, tensors: RegionTensors) => void;
  /** Told of values of both sides that no region could be judged by: its inputs are lacking. */
  readonly apart: (name: string, actual: Value, golden: Value) => void;
}

const same = (a: Value | undefined, b: Value | undefined): boolean =>
  a === b || (a instanceof Tensor && b instanceof Tensor && a.dtype === b.dtype && a.size === b.size && digestOf(a) === digestOf(b));
const allKnown = (vs: readonly (Value | undefined)[]): vs is readonly Value[] => vs.every((v) => v !== undefined);

export class DumpComparison implements StepObserver {
  readonly #parts: DumpParts;
  readonly #feeds: ReadonlyMap<string, Value>;
  readonly #roles = new Roles();
  readonly #seen = new Set<string>();

  /** @param feeds inputs and weights of the model by name, which both sides share. */
  constructor(parts: DumpParts, feeds: ReadonlyMap<string, Value>) {
    this.#parts = parts;
    this.#feeds = feeds;
  }

  before(step: Step): void {
    this.#parts.before(step.label);
  }

  after(step: Step): Promise<void> | undefined {
    return step.planned?.chip ? this.#compare(step, step.planned) : undefined;
  }

  async #compare(step: Step, planned: PlannedRegion): Promise<void> {
    const { chip, golden, asked } = this.#parts;
    const { region } = planned;
    const memory = planned.chip!.session.memory;
    const here = {
      inputs: await Promise.all(step.inputs.map((v) => onHost(v, memory))),
      outputs: await Promise.all(step.outputs.map((v) => onHost(v, memory))),
    };
    const from = (side: NamedValues): typeof here => ({
      inputs: region.inputs.map(({ name, type }) => side.get(name, type) ?? this.#feeds.get(name)),
      outputs: region.outputs.map(({ name, type }) => side.get(name, type)),
    });
    const [ours, right] = [chip ? from(chip) : here, golden ? from(golden) : here];
    const alarms: Alarm[] = [];
    if (!chip && asked?.(step.kernel) === false)
      alarms.push({ kind: 'other-chip', text: `it ran as ${step.kernel}, which is not what was asked for` });
    const base = {
      region: step.label,
      nodes: region.nodes.map((n) => n.name),
      ops: region.nodes.map((n) => opName(n.domain, n.op)),
      kernel: chip ? chip.label : step.kernel,
      chip: chip ? chip.label : planned.chip!.id,
      reads: region.inputs.map((i) => i.name),
    };
    const skip = (why: string): void =>
      this.#parts.done(
        { ...base, role: 'clean', ok: alarms.length === 0, oracle: undefined, outputs: [], alarms, suspect: false, skipped: why },
        { inputs: ours.inputs as Value[], outputs: ours.outputs as Value[], golden: [], planned },
      );
    const again = this.#seen.has(step.label);
    this.#seen.add(step.label);
    if (again) return skip('it runs more than once, and a dump has one value of a name');
    if (isRandom(planned)) return skip('it is random');
    const lacks = (
      side: NamedValues | undefined,
      what: readonly (Value | undefined)[],
      names: readonly { name: string }[],
    ): string | undefined => {
      const at = what.indexOf(undefined);
      return at < 0 ? undefined : side ? `${side.label} lacks '${names[at]!.name}'` : "its tensors are in a chip's own memory";
    };
    const why =
      lacks(chip, ours.outputs, region.outputs) ?? lacks(golden, right.outputs, region.outputs) ?? lacks(chip, ours.inputs, region.inputs);
    if (why !== undefined) {
      region.outputs.forEach(({ name }, i) => {
        const [a, g] = [ours.outputs[i], right.outputs[i]];
        if (a !== undefined && g !== undefined) this.#parts.apart(name, a, g);
      });
      return skip(why);
    }
    let oracle: Oracle;
    try {
      // What another machine's kernels declare is not known: they are held to the tensors' own types.
      oracle = await makeOracle(region, ours.inputs as Value[], chip ? defaultVariant.numerics : numericsOf(planned), this.#parts);
    } catch (thrown) {
      const error = asError(thrown);
      if (error instanceof FlagosError && (error.code === 'FLAGOS_E_UNSUPPORTED' || error.kind === 'user'))
        return skip(`there is no golden for it: ${error.reason}`);
      throw error;
    }
    try {
      const made = await this.#judge(step, planned, oracle, ours as Sided, right, alarms);
      const { goldens, ...rest } = made;
      this.#parts.done(
        { ...base, ...rest },
        { inputs: ours.inputs as Value[], outputs: ours.outputs as Value[], golden: goldens, planned },
      );
    } finally {
      await oracle.dispose();
    }
  }

  async #judge(
    step: Step,
    planned: PlannedRegion,
    oracle: Oracle,
    ours: Sided,
    right: { readonly inputs: readonly (Value | undefined)[]; readonly outputs: readonly (Value | undefined)[] },
    alarms: readonly Alarm[],
  ): Promise<Pick<RegionDiff, 'role' | 'ok' | 'oracle' | 'outputs' | 'alarms' | 'suspect'> & { goldens: readonly (Value | undefined)[] }> {
    const { region } = planned;
    const { chip, golden, gate, pictures, trusted } = this.#parts;
    const bounds = await oracle.evaluate(ours.inputs);
    const known = allKnown(right.inputs);
    const sameInputs = known && right.inputs.every((v, i) => same(v, ours.inputs[i]));
    const boundsRight = !golden && trusted ? undefined : sameInputs ? bounds : known ? await oracle.evaluate(right.inputs) : undefined;
    const failing = boundsRight?.some((b, i) => b !== undefined && score(right.outputs[i], b).level === 'fail') ?? false;
    const isolated = sameInputs
      ? ours.outputs
      : known && !chip && !planned.chip!.session.memory
        ? await runAgain(step, region, right.inputs)
        : undefined;
    const ops = region.nodes.map((n) => opName(n.domain, n.op));
    const outputs = region.outputs.map((o, i) => {
      const [b, actual, g] = [bounds[i]!, ours.outputs[i]!, right.outputs[i]!];
      const made = outputDiff({
        output: o.name,
        actual,
        bounds: b,
        inputs: ours.inputs,
        ops,
        gate: undefined,
        pictures,
        other: false,
        isolated: isolated && spreadOf(isolated[i], g),
        accumulated: spreadOf(actual, g),
        propagated: spreadOf(b.golden, g),
      });
      // Others' rules compare tensor with tensor, and know nothing of the inputs these were made from.
      const passes = gate && actual instanceof Tensor && g instanceof Tensor ? gate.judge(actual, g).ok : undefined;
      const ok = passes ?? made.ok;
      if (!isInDoubt({ ...made, gate: passes, ok })) return { ...made, gate: passes, ok };
      // The other side's tensor is about these inputs only where both had the same.
      const against = sameInputs ? g : b.golden;
      const doubt = doubtOf({ ops: this.#parts.ops, region, inputs: ours.inputs, output: i, actual, golden: against, bounds: b });
      return { ...made, gate: passes, ok, doubt };
    });
    const ok = outputs.every((o) => o.ok) && alarms.length === 0;
    const suspect = failing || outputs.some(fallsOnGolden);
    const role = this.#roles.of(region, outputs, ok);
    return { role, ok, oracle: oracle.kind, outputs, alarms, suspect, goldens: bounds.map((b) => b?.golden) };
  }
}

interface Sided {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}
