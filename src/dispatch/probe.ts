/**
 * Checks on real inputs: a kernel nobody has measured is held against the reference the first time it runs,
 * on what it was given then. It costs time on those runs only, within a budget; afterwards a plan has nothing to check.
 * What was found becomes rows of the accuracy table, so that the next process need not look again.
 */
import { compileErrorModel, metrics, modelLevels, score, type Metrics, type ModelLevel, type Score } from '../accuracy/index.ts';
import { compareValues } from '../core/compare.ts';
import { dtypeInfo } from '../core/dtype.ts';
import { asError, FlagosError } from '../core/errors.ts';
import { opName, typeBytes } from '../core/graph.ts';
import { hashOf } from '../core/hash.ts';
import type { Logger } from '../core/log.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { isPromise } from '../core/async.ts';
import { evaluateNode } from '../ops/evaluate.ts';
import type { OpSet } from '../ops/registry.ts';
import { satisfies, type Level } from '../opmanager/evidence.ts';
import { levelFor, type Policy } from '../opmanager/policy.ts';
import type { AccuracyRow } from '../opmanager/tables/rows.ts';
import { bucketOf, opOf } from '../opmanager/tables/signature.ts';
import { chipOf, worseLevel } from '../opmanager/tables/snapshot.ts';
import type { Tables } from '../opmanager/tables/tables.ts';
import { defaultVariant, type DeviceTensor, type Host, type Numerics, type RunValue } from '../plugins/contract.ts';
import type { StepObserver } from './execute.ts';
import { regionKey, type PlannedRegion } from './planned.ts';
import type { PreparedPlan, Step } from './prepare.ts';
import type { SpecialNode } from './specialize.ts';
import { workOf } from './work.ts';

/** Operations a millisecond, for guessing what a check costs: measured with a product of two 256 × 256 matrices, value and bound both. */
const REFERENCE_RATE = 7e4;
/** Roundings a node of a region may add, in units of the region's largest values. */
const ROUNDINGS = 256;
/** Of a region as a whole no more is said than this: its inner values were not looked at. */
const REGION_CAP: Level = 'standard';

/** What a check found. */
export interface Finding {
  readonly step: Step;
  readonly level: Level;
  readonly maxEta: number;
  /** Whether that is less than policy asks for. */
  readonly tooLittle: boolean;
}

/** Steps of a plan that are to be checked when they run. */
export type Unproved = Set<Step>;

export interface ProbeParts {
  readonly ops: OpSet;
  readonly tables: Tables;
  readonly host: Host;
  /** Milliseconds, for the budget. */
  readonly clock?: () => number;
}

interface Judged extends Pick<Score, 'level' | 'maxEta' | 'p999Eta' | 'classMismatches'> {
  readonly metrics: Metrics | undefined;
}

const usesOf = (region: PlannedRegion): readonly string[] => region.nodes.map((n) => opName(n.node.domain, n.node.op));

export class Probe {
  readonly #parts: ProbeParts;
  readonly #clock: () => number;
  readonly #logger: Logger;
  /** What the kernel chosen for a node declares of its arithmetic: it is held to that. */
  readonly #numerics = new WeakMap<SpecialNode, Numerics>();
  #spentMs = 0;

  constructor(parts: ProbeParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? (() => performance.now());
    this.#logger = parts.host.logger;
  }

  /** Time all checks took so far, in milliseconds. */
  get spentMs(): number {
    return this.#spentMs;
  }

  /** What of a plan is to be checked; undefined: nothing. */
  unproved(plan: PreparedPlan, policy: Policy): Unproved | undefined {
    if (policy.accuracy.unknown !== 'probe') return undefined;
    const found = new Set(plan.steps.filter((step) => step.planned && this.#wants(step.planned, policy)));
    if (found.size === 0) return undefined;
    for (const { planned } of found)
      for (const n of planned!.nodes) {
        const chosen = plan.planned.decisions.get(n.node.name)?.verdicts.find((v) => v.status === 'chosen');
        if (chosen?.numerics) this.#numerics.set(n, chosen.numerics);
      }
    return found;
  }

  #wants(planned: PlannedRegion, { accuracy: { budget } }: Policy): boolean {
    const { chip, nodes, region, uses } = planned;
    if (!chip || chip.provider.kind === 'reference') return false;
    if (!uses.some((u) => this.#parts.tables.accuracy(u.kernel, u.signature).level === 'unknown')) return false;
    // Random ops have no right value, control flow is many.
    if (nodes.some(({ bound }) => !bound || bound.record.control || bound.record.nondeterministic)) return false;
    const sizes = [...region.inputs, ...region.outputs].map((v) => typeBytes(v.type));
    const constants = [...region.constants.values()].map((t) => t.size * dtypeInfo(t.dtype).bytes);
    const bytes = [...sizes, ...constants].reduce<number>((n, x) => n + (x ?? Infinity), 0);
    if (bytes > budget.bytes) return false;
    const flops = nodes.reduce((n, { bound, args, outputs }) => n + workOf(bound, args, outputs).flops, 0);
    return this.#spentMs + flops / REFERENCE_RATE <= budget.ms;
  }

  /** Watches a run: checks what is unproved, and takes off the list what it checked. @param found gets what was found. */
  observer(unproved: Unproved, policy: Policy, found: Finding[], other: StepObserver | undefined): StepObserver {
    return {
      before: (step, index) => other?.before?.(step, index),
      after: (step, index, start, end) => {
        const watched = other?.after?.(step, index, start, end);
        if (!unproved.has(step)) return watched;
        if (isPromise(watched)) return watched.then(() => this.#check(step, policy, unproved, found));
        return this.#check(step, policy, unproved, found);
      },
    };
  }

  /** Values as the host sees them, if all are, or can be brought, there. */
  #onHost(step: Step, values: readonly RunValue[]): (Value | undefined)[] | Promise<(Value | undefined)[]> {
    const memory = step.planned?.chip?.session.memory;
    const brought = values.map((v) => (v !== undefined && v !== null && 'space' in v ? memory!.download(v as DeviceTensor) : v));
    return brought.some(isPromise) ? Promise.all(brought as (Value | undefined)[]) : (brought as (Value | undefined)[]);
  }

  #check(step: Step, policy: Policy, unproved: Unproved, found: Finding[]): void | Promise<void> {
    unproved.delete(step);
    // Time of an earlier check of the same plan counts.
    if (!this.#wants(step.planned!, policy)) return undefined;
    const begun = this.#clock();
    const failed = (thrown: unknown): void => {
      const error = asError(thrown);
      const reason = error instanceof FlagosError ? error.reason : error.message;
      this.#logger.log('info', `${step.kernel} could not be checked on its first inputs`, { node: step.label, reason });
    };
    const judge = (inputs: readonly (Value | undefined)[], outputs: readonly (Value | undefined)[]): void => {
      found.push(this.#conclude(step, policy, this.#judge(step.planned!, policy, inputs, outputs)));
    };
    try {
      const values = [this.#onHost(step, step.inputs), this.#onHost(step, step.outputs)] as const;
      if (values.some(isPromise))
        return Promise.all(values)
          .then(([inputs, outputs]) => judge(inputs, outputs))
          .catch(failed)
          .then(() => void (this.#spentMs += this.#clock() - begun));
      judge(values[0] as (Value | undefined)[], values[1] as (Value | undefined)[]);
    } catch (thrown) {
      failed(thrown);
    }
    this.#spentMs += this.#clock() - begun;
    return undefined;
  }

  #judge(planned: PlannedRegion, policy: Policy, inputs: readonly (Value | undefined)[], outputs: readonly (Value | undefined)[]): Judged {
    const { region, nodes } = planned;
    const values = new Map<string, Value | undefined>([...region.constants, ...region.inputs.map((v, i) => [v.name, inputs[i]] as const)]);
    if (nodes.length === 1) {
      const op = usesOf(planned)[0]!;
      const asked = levelFor(op, policy);
      // η is always that of `standard`. One level costs half of what all do; all are looked at to say how wrong a kernel is.
      const judged = this.#judgeNode(planned, [...new Set(['standard', asked === 'bitwise' ? 'tight' : asked] as const)], values, outputs);
      return satisfies(judged.level, asked) ? judged : this.#judgeNode(planned, modelLevels, values, outputs);
    }
    for (const node of region.nodes) {
      const given = node.inputs.map((name) => (name === '' ? undefined : values.get(name)));
      const made = evaluateNode(this.#parts.ops.find(node.domain, node.op)!, node, given);
      if (isPromise(made)) throw new FlagosError('FLAGOS_E_INTERNAL', `${node.op} is not evaluated at once`);
      node.outputs.forEach((name, i) => name !== '' && values.set(name, made[i]));
    }
    return worst(region.outputs.map(({ name }, i) => asWhole(outputs[i], values.get(name), nodes.length)));
  }

  #judgeNode(
    { region, nodes }: PlannedRegion,
    levels: readonly ModelLevel[],
    values: ReadonlyMap<string, Value | undefined>,
    outputs: readonly (Value | undefined)[],
  ): Judged {
    const [node] = region.nodes;
    const numerics = nodes[0] && this.#numerics.get(nodes[0]);
    const given = node!.inputs.map((name) => (name === '' ? undefined : values.get(name)));
    const record = this.#parts.ops.find(node!.domain, node!.op)!;
    const model = compileErrorModel(record, node!, given, { levels, numerics: numerics ?? defaultVariant.numerics });
    const bounds = model.evaluate(given);
    return worst(
      region.outputs.map(({ name }, i): Judged => {
        const bound = bounds[node!.outputs.indexOf(name)];
        if (!bound) throw new FlagosError('FLAGOS_E_INTERNAL', `there is no right value of '${name}'`);
        const scored = score(outputs[i], bound);
        const [actual, golden] = [outputs[i], bound.golden];
        const comparable = actual instanceof Tensor && golden instanceof Tensor && actual.size === golden.size && golden.dtype !== 'string';
        return { ...scored, metrics: comparable ? metrics(actual, golden, { exact: bound.exact, topK: [] }) : undefined };
      }),
    );
  }

  #conclude(step: Step, policy: Policy, judged: Judged): Finding {
    const planned = step.planned!;
    const whole = planned.nodes.length > 1;
    const level = whole && (judged.level === 'bitwise' || judged.level === 'tight') ? REGION_CAP : judged.level;
    // A region is as good as its op with the highest demands asks; beyond what can be said of regions, nothing is asked of them.
    const tooLittle = usesOf(planned).some((op) => !satisfies(judged.level, levelFor(op, policy)));
    // A region that is wrong says nothing about each of its kernels: they are checked by themselves next.
    if (!whole || !tooLittle) this.#parts.tables.note(planned.uses.map((use) => this.#row(use, level, judged, planned)));
    return { step, level, maxEta: judged.maxEta, tooLittle };
  }

  #row(use: { readonly kernel: string; readonly signature: string }, level: Level, judged: Judged, planned: PlannedRegion): AccuracyRow {
    const { fingerprint, chip } = this.#parts.tables.chips.get(chipOf(use.kernel)) ?? { fingerprint: '', chip: '' };
    const m = judged.metrics;
    return {
      table: 'accuracy',
      schema: 1,
      id: globalThis.crypto.randomUUID(),
      date: new Date().toISOString(),
      host: this.#parts.host.name ?? '',
      op: opOf(use.signature),
      signature: use.signature,
      bucket: bucketOf(use.signature),
      kernel: use.kernel,
      fingerprint,
      chip,
      level,
      maxEta: judged.maxEta,
      p999Eta: judged.p999Eta,
      maxUlp: m?.maxUlp ?? 0,
      maxAbs: m?.maxAbs ?? 0,
      maxRel: m?.maxRel ?? 0,
      cosine: m?.cosine ?? 1,
      sqnr: m?.sqnr ?? Infinity,
      sqnrCeiling: m?.sqnrCeiling ?? Infinity,
      classMismatches: judged.classMismatches,
      cases: 1,
      inputClasses: ['first real input'],
      seed: 0,
      golden: 'reference',
      evidence: hashOf(`${regionKey(planned.region)} ${judged.level} ${judged.maxEta}`),
      failed: [],
    };
  }
}

const worst = (all: readonly Judged[]): Judged =>
  all.reduce((a, b) => ({
    level: worseLevel(a.level, b.level) as Judged['level'],
    maxEta: Math.max(a.maxEta, b.maxEta),
    p999Eta: Math.max(a.p999Eta, b.p999Eta),
    classMismatches: a.classMismatches + b.classMismatches,
    metrics: (a.metrics?.maxUlp ?? -1) >= (b.metrics?.maxUlp ?? -1) ? a.metrics : b.metrics,
  }));

const unequal: Judged = { level: 'fail', maxEta: Infinity, p999Eta: Infinity, classMismatches: 0, metrics: undefined };
const equal: Judged = { level: 'bitwise', maxEta: 0, p999Eta: 0, classMismatches: 0, metrics: undefined };

/** One output of a region of several nodes: errors are in proportion to its largest value, since what happens to them inside is not known. */
const asWhole = (actual: Value | undefined, golden: Value | undefined, nodes: number): Judged => {
  if (golden === undefined) return equal;
  if (compareValues(actual, golden, { rtol: 0, atol: 0 }).ok) return equal;
  if (!(actual instanceof Tensor) || !(golden instanceof Tensor) || actual.dtype !== golden.dtype || actual.size !== golden.size)
    return unequal;
  const m = golden.dtype === 'string' ? undefined : metrics(actual, golden, { topK: [] });
  const { kind } = dtypeInfo(golden.dtype);
  if (!m || m.classMismatches > 0 || kind !== 'float') return { ...unequal, metrics: m, classMismatches: m?.classMismatches ?? 0 };
  const largest = golden.toNumbers().reduce((a, x) => (Number.isFinite(x) ? Math.max(a, Math.abs(x)) : a), 0);
  const unit = unitOf(golden);
  const eta = largest === 0 ? Infinity : m.maxAbs / (largest * unit * ROUNDINGS * Math.sqrt(nodes));
  const level = eta <= 1 / 16 ? 'tight' : eta <= 1 ? 'standard' : eta <= 16 ? 'loose' : 'fail';
  return { level, maxEta: eta, p999Eta: eta, classMismatches: 0, metrics: m };
};

/** Half a spacing at 1. */
const unitOf = ({ dtype }: Tensor): number => {
  const bits: Readonly<Record<string, number>> = { float64: 53, float32: 24, float16: 11, bfloat16: 8 };
  return 2 ** -(bits[dtype] ?? 4);
};
