/**
 * Run-to-run spread: each kernel again on the very same inputs (its own noise), and the whole model again
 * (what shows only when everything runs at once, and what noise does further on). A kernel that does not
 * declare to be nondeterministic must give the same bits; one that does may differ as far as two results
 * that are both within the error model's bounds.
 */
import type { Numerics } from '../core/numerics.ts';
import { opName } from '../core/graph.ts';
import type { Value } from '../core/tensor.ts';
import type { StepObserver } from '../dispatch/execute.ts';
import type { PlannedRegion } from '../dispatch/planner.ts';
import type { Step } from '../dispatch/prepare.ts';
import { etaApart, farther, noSpread, sameBits, ulpsApart } from './apart.ts';
import { digestOf } from './alarms.ts';
import { makeOracle, type OracleParts } from './oracle.ts';
import { spreadOf, type Spread } from './spread.ts';
import { copyOf, isRandom, numericsOf, onHost, runAgain } from './step.ts';

/**
 * `steady`: the same bits every time; `declared`: other bits, as its kernel declares and not further apart than
 * it may be; `inherits`: other bits, from inputs that differ; `flaky`: other bits, and nothing declares that.
 */
export type NoiseState = 'steady' | 'declared' | 'inherits' | 'flaky' | 'not compared';

export interface RegionNoise {
  /** With `#2` behind it where it ran a second time in one run of the model. */
  readonly region: string;
  readonly nodes: readonly string[];
  readonly ops: readonly string[];
  readonly kernel: string;
  readonly chip: string;
  readonly declares: Numerics['notes'];
  readonly state: NoiseState;
  /** Times its kernel ran on the same inputs, the first included. */
  readonly repeats: number;
  /** Of these, how many gave other bits than the first. */
  readonly differing: number;
  /** The farthest of them. */
  readonly spread: Spread;
  /** The same in units in the last place of the first. */
  readonly maxUlp: number;
  /** Largest difference in units of what the error model allows one result; undefined where nothing differed, or nothing is declared. */
  readonly eta: number | undefined;
  /** Whole runs that gave other bits here than the first. */
  readonly runsDiffering: number;
  readonly skipped: string | undefined;
}

/** Two results within T of the right one are within 2·T of each other. */
const APART = 2;

interface First {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly noise: Omit<RegionNoise, 'state' | 'runsDiffering'>;
  /** Whether its own noise is more than is declared. */
  readonly beyond: boolean;
  runsDiffering: number;
  /** Whether it once gave other bits on the same inputs in another run. */
  unsteady: boolean;
}

export interface NoiseParts extends OracleParts {
  /** Times each kernel runs on the same inputs. */
  readonly repeats: number;
  readonly before: (label: string) => void;
}

/** Watches all runs of a model; `run()` is called before each. */
export class NoiseObserver implements StepObserver {
  readonly #parts: NoiseParts;
  readonly #first = new Map<string, First>();
  #times = new Map<string, number>();
  #runs = 0;

  constructor(parts: NoiseParts) {
    this.#parts = parts;
  }

  run(): void {
    this.#runs++;
    this.#times = new Map();
  }

  before(step: Step): void {
    this.#parts.before(step.label);
  }

  after(step: Step): Promise<void> | undefined {
    const { planned } = step;
    return planned?.chip ? this.#look(step, planned) : undefined;
  }

  async #look(step: Step, planned: PlannedRegion): Promise<void> {
    const time = (this.#times.get(step.label) ?? 0) + 1;
    this.#times.set(step.label, time);
    const name = time === 1 ? step.label : `${step.label}#${time}`;
    const memory = planned.chip!.session.memory;
    const host = (vs: Step['inputs']): Promise<(Value | undefined)[]> => Promise.all(vs.map((v) => onHost(v, memory)));
    const [inputs, outputs] = [await host(step.inputs), await host(step.outputs)];
    const digests = { inputs: inputs.map(digestOf), outputs: outputs.map(digestOf) };
    const known = this.#first.get(name);
    if (!known) {
      if (this.#runs === 1) this.#first.set(name, await this.#measure(name, step, planned, inputs, outputs, digests));
      return;
    }
    if (digests.outputs.every((d, i) => d === known.outputs[i])) return;
    known.runsDiffering++;
    if (digests.inputs.every((d, i) => d === known.inputs[i])) known.unsteady = true;
  }

  async #measure(
    name: string,
    step: Step,
    planned: PlannedRegion,
    inputs: readonly (Value | undefined)[],
    outputs: readonly (Value | undefined)[],
    digests: { inputs: readonly number[]; outputs: readonly number[] },
  ): Promise<First> {
    const { region, chip } = planned;
    const numerics = numericsOf(planned);
    const declared = numerics.notes.includes('nondeterministic');
    const skipped = isRandom(planned) ? 'it is random' : undefined;
    // Repeating in a chip's own memory would need its outputs allocated there: whole runs show that noise.
    const repeats = skipped === undefined && !chip!.session.memory && inputs.every((v) => v !== undefined) ? this.#parts.repeats : 1;
    const first = repeats > 1 ? outputs.map((v) => v && copyOf(v)) : outputs;
    let [differing, spread, maxUlp] = [0, noSpread, 0];
    const apart: Value[][] = [];
    for (let r = 1; r < repeats; r++) {
      const made = await runAgain(step, region, step.inputs as Value[]);
      if (made.every((v, i) => sameBits(v, first[i]))) continue;
      differing++;
      made.forEach((v, i) => {
        spread = farther(spread, spreadOf(v, first[i]));
        maxUlp = Math.max(maxUlp, ulpsApart(v, first[i]));
      });
      if (declared) apart.push(made);
    }
    const eta =
      apart.length > 0
        ? await etaApart(await makeOracle(region, inputs as Value[], numerics, this.#parts), inputs as Value[], first, apart)
        : undefined;
    return {
      ...digests,
      beyond: differing > 0 && (!declared || spread.classMismatches > 0 || (eta ?? 0) > APART),
      noise: {
        region: name,
        nodes: region.nodes.map((n) => n.name),
        ops: region.nodes.map((n) => opName(n.domain, n.op)),
        kernel: step.kernel,
        chip: chip!.id,
        declares: numerics.notes,
        repeats,
        differing,
        spread,
        maxUlp,
        eta,
        skipped,
      },
      runsDiffering: 0,
      unsteady: false,
    };
  }

  /** What was seen, in the order of the first run. */
  regions(): RegionNoise[] {
    return [...this.#first.values()].map(({ noise, beyond, runsDiffering, unsteady }): RegionNoise => {
      const declared = noise.declares.includes('nondeterministic');
      const state: NoiseState =
        noise.skipped !== undefined
          ? 'not compared'
          : beyond || (unsteady && !declared)
            ? 'flaky'
            : noise.differing > 0 || unsteady
              ? 'declared'
              : runsDiffering > 0
                ? 'inherits'
                : 'steady';
      return { ...noise, state, runsDiffering };
    });
  }
}
