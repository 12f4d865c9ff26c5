/**
 * Candidates: every open chip is asked about every node, and selection judges the answers. A chip
 * that throws or talks nonsense when asked is one that cannot, with the reason.
 */
import { asError } from '../core/errors.ts';
import { describeType, nodeReads, opName, subgraphsOf } from '../core/graph.ts';
import type { Tensor } from '../core/tensor.ts';
import { defaultVariant, refused, type ChipSession, type CostPrior, type Region, type Support, type Variant } from '../plugins/contract.ts';
import { kernelId, type Candidate, type Verdict } from '../opmanager/decision.ts';
import { namesKernel, tierOf } from '../opmanager/policy.ts';
import { judge, type SelectionContext } from '../opmanager/select.ts';
import { PRIOR_DOUBT } from '../opmanager/timing.ts';
import { dispatchLanguage } from './language.ts';
import { dispatchOp } from './op.ts';
import { planLabel, type PlanLabel } from './plan-text.ts';
import { graphSignature } from './graph-signature.ts';
import { makeRegion, signatureOf, type OpenChip } from './planned.ts';
import type { SpecialNode, Specialized } from './specialize.ts';
import { workOf, workUs } from './work.ts';

/** The name control flow goes by where the runtime runs it itself. */
export const CONTROL = 'flagos/host';
/** Starting a subgraph from the runtime, microseconds: values are looked up and bound by name. */
export const CONTROL_OVERHEAD_US = 30;

/** Runs a kernel is expected to live for: what it takes to make it is spread over them. */
const RUNS = 10_000;
/** Microseconds to start a region: the call, and its part of making the kernel. */
export const startUsOf = (prior: CostPrior): number => prior.overheadUs + (prior.prepareUs ?? 0) / RUNS;

/** What a session says of a region, whatever it does when asked. */
export const supportOf = (session: ChipSession, region: Region): Support => {
  try {
    const said: Support | undefined = session.supports(region);
    if (said?.ok === true) return said;
    if (said?.ok === false) return refused(said.reason, said.detail);
    return refused('ERROR', 'answered neither yes nor no');
  } catch (thrown) {
    return refused('ERROR', `failed when asked: ${asError(thrown).message}`);
  }
};

const isName = (v: unknown): v is string => typeof v === 'string' && v !== '';
const isVariant = (v: unknown): v is Variant =>
  typeof v === 'object' &&
  v !== null &&
  'name' in v &&
  isName(v.name) &&
  (!('schedules' in v) || v.schedules === undefined || (Array.isArray(v.schedules) && v.schedules.every(isName)));
const namesOf = (variants: readonly Variant[]): string[] => variants.flatMap((v) => [v.name, ...(v.schedules ?? [])]);

const variantsOf = (session: ChipSession, region: Region): readonly Variant[] | Support => {
  if (!session.variants) return [defaultVariant];
  try {
    const found: unknown = session.variants(region);
    if (!Array.isArray(found) || found.length === 0 || !found.every(isVariant))
      return refused('ERROR', 'names no variants of what it says it supports');
    // A name is how a kernel is chosen, measured and set aside.
    const names = namesOf(found);
    return new Set(names).size === names.length ? found : refused('ERROR', 'names a variant twice');
  } catch (thrown) {
    return refused('ERROR', `failed when asked for variants: ${asError(thrown).message}`);
  }
};

/** Where some kernels were measured, a declared speed is not taken at its word: it has to promise much more to be preferred. */
const doubted = (verdicts: readonly Verdict[]): readonly Verdict[] =>
  verdicts.some((v) => v.measured)
    ? verdicts.map((v) => (v.measured || v.expectedUs === undefined ? v : { ...v, expectedUs: v.expectedUs * PRIOR_DOUBT }))
    : verdicts;

/** Who may run the nodes of one graph. */
export class Candidates {
  readonly #special: Specialized;
  readonly #context: SelectionContext & { readonly chips: readonly OpenChip[] };
  readonly #judged = new Map<SpecialNode, readonly Verdict[]>();
  readonly #alike = new Map<string, readonly Verdict[]>();
  readonly #constants = new Map<Tensor, number>();
  readonly #fields = new Map<readonly Verdict[], readonly Verdict[]>();
  readonly #verdicts = new Map<SpecialNode, readonly Verdict[]>();
  readonly #named = new Map<readonly Verdict[], ReadonlyMap<PlanLabel, Verdict>>();
  readonly #readers = new Map<string, Set<SpecialNode>>();
  readonly #outputs: ReadonlySet<string>;
  readonly #byName: boolean;

  constructor(special: Specialized, context: SelectionContext & { readonly chips: readonly OpenChip[] }) {
    this.#special = special;
    this.#context = context;
    this.#outputs = new Set(special.outputs);
    this.#byName = context.chips.some(({ session }) => session.byName);
    for (const n of special.nodes) {
      for (const name of nodeReads(n.node)) {
        const known = this.#readers.get(name);
        if (known) known.add(n);
        else this.#readers.set(name, new Set([n]));
      }
    }
  }

  /** The region of some of the graph's nodes. */
  region(nodes: readonly SpecialNode[]): Region {
    const own = new Set(nodes);
    return makeRegion(
      nodes,
      this.#special,
      (name) => this.#outputs.has(name) || [...(this.#readers.get(name) ?? [])].some((r) => !own.has(r)),
    );
  }

  #find(n: SpecialNode): Candidate[] {
    const op = opName(n.node.domain, n.node.op);
    const region = this.region([n]);
    const work = workOf(n.bound, n.args, n.outputs);
    return this.#context.chips.flatMap(({ provider, chip, session }): Candidate[] => {
      const support =
        n.waits && !session.dynamicShapes
          ? refused('SHAPE_UNKNOWN', 'shapes depend on values that are not known yet')
          : supportOf(session, region);
      const variants = support.ok ? variantsOf(session, region) : support;
      const base = (v: Variant): Omit<Candidate, 'refusal' | 'priorUs'> => ({
        kernel: kernelId(provider.name, chip.id, op, v.name),
        provider: provider.name,
        kind: provider.kind,
        chip: chip.id,
        variant: v.name,
        numerics: v.numerics,
        alone: v.alone ?? false,
        instant: v.instant ?? session.instant ?? false,
        overheadUs: startUsOf(session.prior),
        ...(v.schedules?.length ? { schedules: v.schedules } : {}),
      });
      if ('ok' in variants) return [{ ...base(defaultVariant), refusal: variants.ok ? undefined : variants, priorUs: undefined }];
      return variants.map((v) => ({ ...base(v), refusal: undefined, priorUs: workUs(work, { ...session.prior, ...v.prior }) }));
    });
  }

  /** The runtime itself runs control flow; its subgraphs are planned by the same policy when their turn comes. */
  #control(n: SpecialNode): Verdict[] {
    if (!n.bound?.record.control) return [];
    const op = opName(n.node.domain, n.node.op);
    const inner = subgraphsOf(n.node).reduce((count, [, g]) => count + g.nodes.length, 0);
    const candidate: Candidate = {
      kernel: `${CONTROL}:${op}.control`,
      provider: 'flagos',
      kind: 'flagos',
      chip: 'host',
      variant: 'control',
      numerics: { inputs: 'same', accumulate: 'exact', notes: [] },
      alone: true,
      instant: true,
      refusal: undefined,
      priorUs: inner * 5,
      overheadUs: CONTROL_OVERHEAD_US,
    };
    // It calculates nothing, so no policy about kernels forbids it; it only yields to what policy names.
    const tier = tierOf(candidate, op, this.#context.policy) ?? Number.MAX_SAFE_INTEGER;
    return [
      {
        ...candidate,
        tier,
        status: 'eligible',
        reason: undefined,
        detail: undefined,
        expectedUs: candidate.priorUs,
        measured: false,
        accuracy: { level: 'bitwise' },
        performance: {},
      },
    ];
  }

  /** Every candidate for a node, as selection leaves it before a lock is asked. */
  judged(n: SpecialNode): readonly Verdict[] {
    let known = this.#judged.get(n);
    if (!known) {
      const key = this.#likeness(n);
      known = key === undefined ? this.#judge(n) : this.#alike.get(key);
      if (!known) this.#alike.set(key!, (known = this.#judge(n)));
      this.#judged.set(n, known);
    }
    return known;
  }

  #judge(n: SpecialNode): readonly Verdict[] {
    const op = opName(n.node.domain, n.node.op);
    const { policy, lock } = this.#context;
    const judged = doubted([...this.#find(n).map((c) => judge(c, op, signatureOf(n), this.#context)), ...this.#control(n)]);
    // Who names a schedule means it; nobody else has any use for one before it was measured in a whole plan.
    const locked = lock?.kernels(signatureOf(n)) ?? [];
    return [...judged, ...this.#schedulesAmong(n, judged, (c) => namesKernel(c, op, policy) || locked.includes(c.kernel))];
  }

  /** The schedules of kernels, judged. One that was not measured is expected to take what the kernel does. */
  #schedulesAmong(n: SpecialNode, verdicts: readonly Verdict[], wanted: (c: Candidate) => boolean = () => true): Verdict[] {
    const op = opName(n.node.domain, n.node.op);
    return verdicts.flatMap((v) => {
      if (v.scheduleOf !== undefined) return [];
      return (v.schedules ?? []).flatMap((variant): Verdict[] => {
        const candidate: Candidate = { ...v, variant, kernel: kernelId(v.provider, v.chip, op, variant), scheduleOf: v.kernel };
        if (!wanted(candidate)) return [];
        const verdict = judge(candidate, op, signatureOf(n), this.#context);
        return [verdict.measured ? verdict : { ...verdict, expectedUs: v.expectedUs }];
      });
    });
  }

  /** Every candidate and every schedule of one: what a plan that was written down may name. */
  all(n: SpecialNode): readonly Verdict[] {
    const judged = this.judged(n);
    const known = new Set(judged.map((v) => v.kernel));
    return [...judged, ...this.#schedulesAmong(n, judged).filter((v) => !known.has(v.kernel))];
  }

  /** Equal for nodes of which every candidate says the same: they differ in nothing but names. Undefined where there are subgraphs. */
  #likeness(n: SpecialNode): string | undefined {
    if (this.#byName || n.bound?.record.control || subgraphsOf(n.node).length > 0) return undefined;
    const { inputs, outputs } = n.node;
    const read = inputs.map((name, i) => {
      const value = n.args[i]?.value ?? this.#special.constants.get(name);
      return value ? `#${this.#constantId(value)}` : inputs.indexOf(name);
    });
    const made = outputs.map((o) => (o === '' ? 0 : this.#outputs.has(o) || this.#readers.has(o) ? 1 : 2));
    return `${signatureOf(n)} v${n.node.version} ${read.join()} ${made.join()} ${n.outputs.map(describeType).join()} ${n.waits}`;
  }

  #constantId(value: Tensor): number {
    let id = this.#constants.get(value);
    if (id === undefined) this.#constants.set(value, (id = this.#constants.size));
    return id;
  }

  /** Every candidate for a node, as selection and the lock left it. */
  verdicts(n: SpecialNode): readonly Verdict[] {
    let known = this.#verdicts.get(n);
    if (!known) {
      const { lock } = this.#context;
      known = this.judged(n);
      // Nodes that wait for shapes are planned again, with the signature they have then.
      if (lock && !n.waits) known = lock.apply(n.node.name, signatureOf(n), known);
      this.#verdicts.set(n, known);
    }
    return known;
  }

  /** Refuses every candidate of a node but this one: a lock has the whole plan. */
  pin(n: SpecialNode, to: Verdict, lock: string): void {
    const detail = `${lock} locks ${to.kernel} in the plan of this graph`;
    this.#verdicts.set(
      n,
      this.#with(this.judged(n), to).map((v): Verdict =>
        v === to || v.status !== 'eligible' ? v : { ...v, status: 'rejected', reason: 'LOCKED', detail },
      ),
    );
  }

  /** What there is to say of a node that is run by this kernel: a schedule that only a plan named is among it then. */
  considered(n: SpecialNode, chosen: Verdict): readonly Verdict[] {
    return this.#with(this.verdicts(n), chosen);
  }

  #with(verdicts: readonly Verdict[], chosen: Verdict): readonly Verdict[] {
    return verdicts.includes(chosen) ? verdicts : [...verdicts, chosen];
  }

  /**
   * Whether planning a node should wait until more is known of its inputs: the best candidate policy
   * knows for it waits for shapes. A node whose inputs are all that they will ever be never waits, so
   * each tail plans at least its first node, and there is an end to tails of tails.
   */
  deferred(n: SpecialNode): boolean {
    if (!n.waits) return false;
    const all = this.verdicts(n);
    const best = (of: readonly Verdict[]): number => Math.min(Infinity, ...of.map((v) => v.tier ?? Infinity));
    const waiting = all.filter((v) => v.reason === 'SHAPE_UNKNOWN');
    return waiting.length > 0 && best(waiting) < best(all.filter((v) => v.status === 'eligible'));
  }

  /** Every eligible kernel of the providers policy ranks first. */
  able(n: SpecialNode): Verdict[] {
    return dispatchLanguage(this.verdicts(n)).flatMap((choice) => choice.kernels);
  }

  /** The kernel of a node that a plan names by its label: one of the able ones, or a schedule of one of them. */
  named(n: SpecialNode, label: PlanLabel): Verdict | undefined {
    const verdicts = this.verdicts(n);
    let known = this.#named.get(verdicts);
    if (!known) {
      const able = this.able(n);
      // A lock says itself which one is meant.
      const schedules = this.#schedulesAmong(n, this.#context.lock ? [] : able).filter(
        (v) => v.status === 'eligible' && v.tier === able[0]!.tier,
      );
      this.#named.set(verdicts, (known = new Map([...schedules, ...able].map((v) => [planLabel(v), v]))));
    }
    return known.get(label);
  }

  /** What some of the graph's nodes are measured by, together. */
  signature(nodes: readonly SpecialNode[]): string {
    const outputs = new Set(this.region(nodes).outputs.map((o) => o.name));
    return graphSignature(nodes, this.#special.constants, (name) => outputs.has(name));
  }

  /** One kernel per chip, of the providers policy ranks first. */
  field(n: SpecialNode): readonly Verdict[] {
    const verdicts = this.verdicts(n);
    let known = this.#fields.get(verdicts);
    if (!known) this.#fields.set(verdicts, (known = dispatchLanguage(verdicts).flatMap(dispatchOp)));
    return known;
  }
}
