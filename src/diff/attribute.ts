/**
 * Attribution in one run. While a model runs on a chip, each region is held against the golden in up to
 * four ways, with c the chip, g the golden, x the inputs the region had and x* those it should have had:
 *
 *     local        c(x)  − g(x)      what this region adds, on its own inputs
 *     isolated     c(x*) − g(x*)     what it would add on right inputs
 *     accumulated  c(x)  − g(x*)     how far the model is off here
 *     propagated   g(x)  − g(x*)     what came with the inputs: accumulated − local
 *
 * Golden values are kept as long as a region still reads them, so memory stays near the model's own.
 */
import { score, type Bounds } from '../accuracy/index.ts';
import { opName } from '../core/graph.ts';
import { asError, FlagosError } from '../core/errors.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import type { StepObserver } from '../dispatch/execute.ts';
import type { PlannedRegion } from '../dispatch/planner.ts';
import type { PreparedPlan, Step } from '../dispatch/prepare.ts';
import { WideAhead } from './ahead.ts';
import { digestOf, type Alarm } from './alarms.ts';
import { doubtOf, fallsOnGolden, isInDoubt } from './doubt.ts';
import type { Gate } from './gates.ts';
import { makeOracle, type Oracle, type OracleKind, type OracleParts } from './oracle.ts';
import { copyOf, isRandom, isValue, numericsOf, onHost, runAgain } from './step.ts';
import { outputDiff, type OutputDiff } from './output-diff.ts';
import { Roles, type Role } from './roles.ts';
import { gathered } from './sampled.ts';
import { spreadOf } from './spread.ts';
import type { Witness } from './witness.ts';

export type { OutputDiff } from './output-diff.ts';
export type { Role } from './roles.ts';

export const modes = ['local', 'isolated', 'accumulated', 'all'] as const;
export type Mode = (typeof modes)[number];

export interface RegionDiff {
  readonly region: string;
  readonly nodes: readonly string[];
  readonly ops: readonly string[];
  readonly kernel: string;
  readonly chip: string;
  readonly role: Role;
  readonly ok: boolean;
  /** How the golden was made. */
  readonly oracle: OracleKind | undefined;
  readonly outputs: readonly OutputDiff[];
  readonly alarms: readonly Alarm[];
  /** Why it was not compared; it counts as neither right nor wrong. */
  readonly skipped?: string | undefined;
  /** Whether the second witness is itself out of bounds here. */
  readonly suspect: boolean;
  /** Values it reads, for the graph. */
  readonly reads: readonly string[];
}

/** A region's tensors, valid while it is looked at. */
export interface RegionTensors {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** What is right on these inputs; undefined where it was not compared. */
  readonly golden: readonly (Value | undefined)[];
  readonly planned: PlannedRegion;
}

export interface AttributionParts extends OracleParts {
  readonly mode: Mode;
  /** In place of the error model's verdict. */
  readonly gate?: Gate | undefined;
  /** Times each kernel runs on the same inputs, to see whether it gives the same bits. */
  readonly repeats: number;
  /** Whether a kernel runs where it was asked to; undefined: anywhere. */
  readonly asked?: ((kernel: string) => boolean) | undefined;
  /** Whether reports need the picture of every output. */
  readonly pictures: boolean;
  /** Asked once for each run of a region: others are not compared. */
  readonly only?: ((planned: PlannedRegion) => boolean) | undefined;
  /** Whose values stand in for the right ones, where it is not the reference. */
  readonly witness?: Witness | undefined;
  readonly plans: () => readonly PreparedPlan[];
  readonly before: (label: string) => void;
  readonly done: (region: RegionDiff, parts: RegionTensors) => void;
}

/** Which region of a plan reads a value last; what the plan hands out or its tail reads is kept. */
const lastReaders = (plan: PreparedPlan): Map<string, PlannedRegion> => {
  const last = new Map<string, PlannedRegion>();
  for (const p of plan.planned.regions) for (const v of p.region.inputs) last.set(v.name, p);
  for (const name of plan.special.outputs) last.delete(name);
  for (const { node } of plan.planned.tail) for (const name of node.inputs) last.delete(name);
  return last;
};

export class Attribution implements StepObserver {
  /** Golden values by name, as long as they are read. */
  readonly golden = new Map<string, Value>();
  readonly #roles = new Roles();
  readonly #last = new Map<PreparedPlan, Map<string, PlannedRegion>>();
  readonly #parts: AttributionParts;
  readonly #ahead: WideAhead;
  #digests: number[] = [];

  constructor(parts: AttributionParts, inputs: ReadonlyMap<string, Value>) {
    this.#ahead = new WideAhead(parts);
    this.#parts = { ...parts, ahead: (region) => this.#ahead.take(region) };
    for (const [name, v] of inputs) this.golden.set(name, v);
  }

  before(step: Step): void {
    this.#parts.before(step.label);
    if (step.planned?.chip) this.#digests = step.inputs.map((v) => (isValue(v) ? digestOf(v) : 0));
  }

  after(step: Step): Promise<void> | undefined {
    const { only } = this.#parts;
    const { planned } = step;
    return planned?.chip && (!only || only(planned)) ? this.#compare(step, planned) : undefined;
  }

  /** Releases what was made for regions that never ran. */
  dispose(): Promise<void> {
    return this.#ahead.dispose();
  }

  #lookAhead(planned: PlannedRegion): void {
    // Of a few regions nobody knows which; asking about a region may be counted.
    if (this.#parts.only) return;
    const regions = this.#planOf(planned)?.planned.regions ?? [];
    this.#ahead.begin(regions.slice(regions.indexOf(planned)));
  }

  #planOf(planned: PlannedRegion): PreparedPlan | undefined {
    return this.#parts.plans().find((p) => p.planned.regions.includes(planned));
  }

  get #follows(): boolean {
    return this.#parts.mode !== 'local';
  }

  async #compare(step: Step, planned: PlannedRegion): Promise<void> {
    const { region, chip } = planned;
    const memory = chip!.session.memory;
    this.#lookAhead(planned);
    const base = {
      region: step.label,
      nodes: region.nodes.map((n) => n.name),
      ops: region.nodes.map((n) => opName(n.domain, n.op)),
      kernel: step.kernel,
      chip: chip!.id,
      reads: region.inputs.map((i) => i.name),
    };
    const inputs = await Promise.all(step.inputs.map((v) => onHost(v, memory)));
    const outputs = await Promise.all(step.outputs.map((v) => onHost(v, memory)));
    const alarms: Alarm[] = [];
    step.inputs.forEach((v, i) => {
      if (isValue(v) && digestOf(v) !== this.#digests[i])
        alarms.push({ kind: 'input-modified', text: `it wrote to its input '${region.inputs[i]!.name}'` });
    });
    if (this.#parts.asked?.(step.kernel) === false)
      alarms.push({ kind: 'other-chip', text: `it ran as ${step.kernel}, which is not what was asked for` });
    const skip = (why: string): void => {
      this.#keep(planned, why === 'it is random' ? outputs : []);
      this.#parts.done(
        { ...base, role: 'clean', ok: alarms.length === 0, oracle: undefined, outputs: [], alarms, suspect: false, skipped: why },
        { inputs: inputs as Value[], outputs: outputs as Value[], golden: [], planned },
      );
    };
    if (!inputs.every((v) => v !== undefined) || !outputs.every((v) => v !== undefined))
      return skip("its tensors are in a chip's own memory");
    if (isRandom(planned)) return skip('it is random');
    let oracle: Oracle | undefined;
    let found: readonly (Bounds | undefined)[];
    try {
      oracle = await makeOracle(region, inputs, numericsOf(planned), this.#parts);
      found = await oracle.evaluate(inputs);
    } catch (thrown) {
      await oracle?.dispose();
      const error = asError(thrown);
      if (error instanceof FlagosError && (error.code === 'FLAGOS_E_UNSUPPORTED' || error.kind === 'user'))
        return skip(`there is no golden for it: ${error.reason}`);
      throw error;
    }
    try {
      const result = await this.#regionDiff(step, planned, oracle, found, inputs, outputs, alarms);
      const { golden, ...rest } = result;
      this.#parts.done({ ...base, ...rest }, { inputs, outputs, golden, planned });
    } catch (thrown) {
      // What the witness cannot run cannot be compared with it; any other failure is a finding.
      if (thrown instanceof FlagosError && thrown.code === 'FLAGOS_E_NO_KERNEL') skip('the golden cannot run it');
      else throw thrown;
    } finally {
      await oracle.dispose();
    }
  }

  async #regionDiff(
    step: Step,
    planned: PlannedRegion,
    oracle: Oracle,
    found: readonly (Bounds | undefined)[],
    inputs: readonly Value[],
    outputs: readonly Value[],
    alarms: Alarm[],
  ): Promise<Pick<RegionDiff, 'role' | 'ok' | 'oracle' | 'outputs' | 'alarms' | 'suspect'> & Pick<RegionTensors, 'golden'>> {
    const { region } = planned;
    const { mode, repeats, gate, pictures, witness } = this.#parts;
    const witnessed = witness && (await witness(region, inputs, step.label));
    const part = (v: Value, i: number): Value => {
      const sample = oracle.samples?.[i];
      return sample && v instanceof Tensor && v.size === sample.of ? gathered(v, sample.positions) : v;
    };
    const failing = witnessed?.some((v, i) => score(part(v, i), found[i]!).level === 'fail') ?? false;
    const bounds = witnessed ? found.map((b, i) => b && { ...b, golden: part(witnessed[i]!, i) }) : found;
    if (repeats > 1 && !(await this.#steady(step, planned, outputs, repeats)))
      alarms.push({ kind: 'flaky', text: `${repeats} runs on the same inputs gave different bits` });
    const right = this.#follows ? region.inputs.map((i) => this.golden.get(i.name)) : [];
    const known = this.#follows && right.every((v) => v !== undefined);
    const same =
      known &&
      right.every((v, i) => v === inputs[i] || (v instanceof Tensor && inputs[i] instanceof Tensor && digestOf(v) === digestOf(inputs[i])));
    const goldens = known
      ? same
        ? oracle.samples
          ? witnessed
          : bounds.map((b) => b?.golden)
        : await this.#goldens(planned, oracle, right as Value[], step.label)
      : undefined;
    const isolatedValues =
      known && (mode === 'isolated' || mode === 'all') && !planned.chip!.session.memory
        ? same
          ? outputs
          : await runAgain(step, planned.region, right as Value[])
        : undefined;
    const ops = region.nodes.map((n) => opName(n.domain, n.op));
    const made = region.outputs.map((o, i) => {
      const b = bounds[i]!;
      const g = goldens?.[i];
      const made = outputDiff({
        output: o.name,
        actual: outputs[i]!,
        bounds: b,
        inputs,
        ops,
        gate,
        pictures,
        sample: oracle.samples?.[i],
        other: witness !== undefined,
        isolated: isolatedValues && spreadOf(isolatedValues[i], g),
        accumulated: g === undefined ? undefined : spreadOf(outputs[i], g),
        propagated: g === undefined || oracle.samples ? undefined : spreadOf(b.golden, g),
      });
      // Samples are calculated in double-double already.
      if (!isInDoubt(made) || made.sampled) return made;
      return {
        ...made,
        doubt: doubtOf({ ops: this.#parts.ops, region, inputs, output: i, actual: outputs[i]!, golden: b.golden, bounds: b }),
      };
    });
    const ok = made.every((o) => o.ok) && alarms.length === 0;
    const suspect = failing || made.some(fallsOnGolden);
    const role = this.#roles.of(planned.region, made, ok);
    this.#keep(
      planned,
      region.outputs.map((_, i) => goldens?.[i]),
    );
    return {
      role,
      ok,
      oracle: oracle.kind,
      outputs: made,
      alarms,
      suspect,
      golden: oracle.samples ? (witnessed ?? []) : bounds.map((b) => b?.golden),
    };
  }

  async #goldens(planned: PlannedRegion, oracle: Oracle, right: readonly Value[], label: string): Promise<readonly (Value | undefined)[]> {
    return (await this.#parts.witness?.(planned.region, right, label)) ?? oracle.golden(right);
  }

  /** Keeps golden outputs, and lets go of what no later region reads. */
  #keep(planned: PlannedRegion, right: readonly (Value | undefined)[]): void {
    if (!this.#follows) return;
    planned.region.outputs.forEach((o, i) => {
      const v = right[i];
      // What is not known is not made up: nothing behind it has an accumulated error then.
      if (v === undefined) this.golden.delete(o.name);
      else this.golden.set(o.name, copyOf(v));
    });
    const plan = this.#planOf(planned);
    if (!plan) return;
    let last = this.#last.get(plan);
    if (!last) this.#last.set(plan, (last = lastReaders(plan)));
    for (const { name } of planned.region.inputs) if (last.get(name) === planned) this.golden.delete(name);
  }

  async #steady(step: Step, planned: PlannedRegion, first: readonly Value[], repeats: number): Promise<boolean> {
    if (planned.chip!.session.memory) return true;
    const digests = first.map(digestOf);
    for (let r = 1; r < repeats; r++) {
      const made = await runAgain(step, planned.region, step.inputs as Value[]);
      if (made.some((v, i) => digestOf(v) !== digests[i])) return false;
    }
    return true;
  }
}
