/**
 * The planner: a specialized graph → regions with a kernel each, and a decision for every node.
 * It asks every open chip about every node, lets selection and the two dispatch levels judge,
 * assigns nodes to chips for the cheapest whole, and grows regions. That every node can run is
 * proved here, before anything runs: what nobody can run is one error that says who refused and why.
 */
import { captures, describeType, nodeReads, opName, subgraphsOf, typeBytes, type ValueType } from '../core/graph.ts';
import { FlagosError } from '../core/errors.ts';
import type { Chip, ChipSession, KernelProvider, Region, RegionValue, Support } from '../plugins/contract.ts';
import { defaultVariant, refused } from '../plugins/contract.ts';
import { kernelId, type Candidate, type Decision, type Verdict } from '../opmanager/decision.ts';
import { judge, type SelectionContext } from '../opmanager/select.ts';
import { tierOf } from '../opmanager/policy.ts';
import { assign, growing, type AssignmentProblem } from './assign.ts';
import { dispatchLanguage } from './language.ts';
import { dispatchOp } from './op.ts';
import { formRegions } from './regions.ts';
import type { SpecialNode, Specialized } from './specialize.ts';
import { workOf, workUs } from './work.ts';

/** An opened chip of a provider. */
export interface OpenChip {
  /** `provider/chip`. */
  readonly id: string;
  readonly provider: KernelProvider;
  readonly chip: Chip;
  readonly session: ChipSession;
}

export interface PlanContext extends SelectionContext {
  readonly chips: readonly OpenChip[];
  /** Regions (by the names of their nodes) that turned out not to be preparable as a whole. */
  readonly unmergeable?: ReadonlySet<string>;
  /** Everything is known of the graph's inputs that ever will be: only values its own nodes make are worth waiting for. */
  readonly settled?: boolean;
}

/** A region with the kernel that runs it. `chip` is undefined for control flow, which the runtime runs itself. */
export interface PlannedRegion {
  readonly id: number;
  readonly chip: OpenChip | undefined;
  readonly kernel: string;
  readonly variant: string;
  readonly signature: string;
  readonly region: Region;
  readonly nodes: readonly SpecialNode[];
}

export interface PlannedGraph {
  readonly regions: readonly PlannedRegion[];
  /** Nodes that can be planned only when values before them are known. */
  readonly tail: readonly SpecialNode[];
  readonly decisions: ReadonlyMap<string, Decision>;
}

/** What a kernel is measured and quarantined by: op, element types and shapes. */
export const signatureOf = (node: SpecialNode): string =>
  `${opName(node.node.domain, node.node.op)}(${node.args.map((a, i) => (node.node.inputs[i] === '' ? '-' : describeType(a.type))).join(',')})`;

const CONTROL = 'flagos/host';
/** Starting a subgraph from the runtime, microseconds: values are looked up and bound by name. */
const CONTROL_OVERHEAD_US = 30;

/** Makes the region of some nodes: what comes in, what goes out, what is constant. */
export const makeRegion = (nodes: readonly SpecialNode[], special: Specialized, isRead: (name: string) => boolean): Region => {
  const made = new Set(nodes.flatMap((n) => n.node.outputs));
  const inputs = new Map<string, RegionValue>();
  const constants = new Map<string, Region['constants'] extends ReadonlyMap<string, infer T> ? T : never>();
  const types = new Map<string, ValueType>();
  for (const { node } of nodes) {
    for (const name of nodeReads(node)) {
      const type = special.types.get(name);
      if (type) types.set(name, type);
      const constant = special.constants.get(name);
      if (constant) constants.set(name, constant);
      else if (!made.has(name)) inputs.set(name, { name, type });
    }
  }
  const outputs: RegionValue[] = [];
  for (const { node, outputs: outTypes } of nodes) {
    node.outputs.forEach((name, i) => {
      if (name === '') return;
      if (outTypes[i]) types.set(name, outTypes[i]!);
      if (isRead(name)) outputs.push({ name, type: outTypes[i] });
    });
  }
  return { nodes: nodes.map((n) => n.node), inputs: [...inputs.values()], outputs, constants, types };
};

class Planning {
  readonly #verdicts = new Map<SpecialNode, Verdict[]>();
  readonly #readers = new Map<string, Set<SpecialNode>>();
  readonly #outputs: ReadonlySet<string>;
  readonly #made: ReadonlySet<string>;

  constructor(readonly special: Specialized, readonly context: PlanContext) {
    this.#outputs = new Set(special.outputs);
    this.#made = new Set(special.nodes.flatMap((n) => n.node.outputs));
    for (const n of special.nodes) {
      for (const name of nodeReads(n.node)) {
        let set = this.#readers.get(name);
        if (!set) this.#readers.set(name, (set = new Set()));
        set.add(n);
      }
    }
  }

  #isReadOutside(nodes: ReadonlySet<SpecialNode>): (name: string) => boolean {
    return (name) => this.#outputs.has(name) || [...(this.#readers.get(name) ?? [])].some((r) => !nodes.has(r));
  }

  region(nodes: readonly SpecialNode[]): Region {
    return makeRegion(nodes, this.special, this.#isReadOutside(new Set(nodes)));
  }

  #candidates(n: SpecialNode): Candidate[] {
    const op = opName(n.node.domain, n.node.op);
    const region = this.region([n]);
    const work = workOf(n.bound, n.args, n.outputs);
    const found: Candidate[] = [];
    for (const { provider, chip, session } of this.context.chips) {
      const support = n.waits && !session.dynamicShapes ? refused('SHAPE_UNKNOWN', 'shapes depend on values that are not known yet') : session.supports(region);
      const variants = support.ok ? (session.variants?.(region) ?? [defaultVariant]) : [defaultVariant];
      for (const variant of variants) {
        found.push({
          kernel: kernelId(provider.name, chip.id, op, variant.name),
          provider: provider.name, kind: provider.kind, chip: chip.id, variant: variant.name, numerics: variant.numerics, alone: variant.alone ?? false,
          refusal: support.ok ? undefined : support,
          priorUs: support.ok ? workUs(work, session.prior) : undefined,
          overheadUs: session.prior.overheadUs,
        });
      }
    }
    return found;
  }

  /** The runtime itself runs control flow; its subgraphs are planned by the same policy when their turn comes. */
  #control(n: SpecialNode): Verdict[] {
    if (!n.bound?.record.control) return [];
    const op = opName(n.node.domain, n.node.op);
    const inner = subgraphsOf(n.node).reduce((count, [, g]) => count + g.nodes.length, 0);
    const candidate: Candidate = {
      kernel: `${CONTROL}:${op}.control`, provider: 'flagos', kind: 'flagos', chip: 'host', variant: 'control',
      numerics: { inputs: 'same', accumulate: 'exact', notes: [] }, alone: true, refusal: undefined, priorUs: inner * 5, overheadUs: CONTROL_OVERHEAD_US,
    };
    // It calculates nothing, so no policy about kernels forbids it; it only yields to what policy names.
    const tier = tierOf(candidate, op, this.context.policy) ?? Number.MAX_SAFE_INTEGER;
    const exact = { level: 'bitwise' as const };
    return [{ ...candidate, tier, status: 'eligible', reason: undefined, detail: undefined, expectedUs: candidate.priorUs, measured: false, accuracy: exact, performance: {} }];
  }

  verdicts(n: SpecialNode): Verdict[] {
    let known = this.#verdicts.get(n);
    if (!known) {
      const op = opName(n.node.domain, n.node.op);
      const signature = signatureOf(n);
      known = [...this.#candidates(n).map((c) => judge(c, op, signature, this.context)), ...this.#control(n)];
      this.#verdicts.set(n, known);
    }
    return known;
  }

  /** Whether the best candidate policy knows for this node waits for shapes, and waiting can bring them. */
  deferred(n: SpecialNode): boolean {
    if (this.context.settled && !nodeReads(n.node).some((name) => this.#made.has(name))) return false;
    if (!n.waits) return false;
    const all = this.verdicts(n);
    const best = (of: readonly Verdict[]): number => Math.min(Infinity, ...of.map((v) => v.tier ?? Infinity));
    const waiting = all.filter((v) => v.reason === 'SHAPE_UNKNOWN');
    return waiting.length > 0 && best(waiting) < best(all.filter((v) => v.status === 'eligible'));
  }

  /** One kernel per chip, of the providers policy ranks first. */
  field(n: SpecialNode): Verdict[] {
    return dispatchLanguage(this.verdicts(n)).flatMap(dispatchOp);
  }
}

const noKernel = (stuck: readonly { node: SpecialNode; verdicts: readonly Verdict[] }[]): FlagosError => {
  const lines = stuck.slice(0, 8).map(({ node, verdicts }) => {
    const who = verdicts.length ? verdicts.map((v) => `${v.provider}/${v.chip} ${v.reason} (${v.detail})`).join('; ') : 'no chip is open';
    return `${node.node.name}: ${signatureOf(node)}: ${who}`;
  });
  const first = stuck[0]!.node.node;
  return new FlagosError('FLAGOS_E_NO_KERNEL', `nobody can run ${stuck.length === 1 ? 'this op' : `these ${stuck.length} ops`}\n  ${lines.join('\n  ')}`, {
    trace: { node: first.name, op: opName(first.domain, first.op) },
    hint: stuck.some((s) => s.verdicts.some((v) => v.reason === 'POLICY')) ? 'policy excludes some providers: see `prefer`, `fallback`, `denyVendors`' : 'a vendor plugin that has the op may be missing: see `flagos doctor`',
    details: { nodes: stuck.map(({ node, verdicts }) => ({ node: node.node.name, signature: signatureOf(node), refusals: verdicts.map((v) => ({ kernel: v.kernel, reason: v.reason, detail: v.detail })) })) },
  });
};

/** Nodes from the first one that waits on, everything that depends on it included. */
const splitTail = (nodes: readonly SpecialNode[], planning: Planning): { now: SpecialNode[]; tail: SpecialNode[] } => {
  const late = new Set<string>();
  const now: SpecialNode[] = [];
  const tail: SpecialNode[] = [];
  for (const n of nodes) {
    if (nodeReads(n.node).some((name) => late.has(name)) || planning.deferred(n)) {
      tail.push(n);
      for (const o of n.node.outputs) late.add(o);
    } else now.push(n);
  }
  return { now, tail };
};

const explainChoice = (chosen: Verdict, all: readonly Verdict[], region: number[], regionId: number): Pick<Decision, 'language' | 'kernel' | 'region' | 'verdicts'> => {
  const time = (v: Verdict): number => v.expectedUs! + v.overheadUs;
  const rivals = all.filter((v) => v !== chosen && v.status === 'eligible');
  const basis = chosen.measured ? 'measured' : 'by declared speed';
  const verdicts = all.map((v): Verdict => {
    if (v === chosen) return { ...v, status: 'chosen' };
    if (v.status !== 'eligible') return v;
    const rejected = (reason: Verdict['reason'], detail: string): Verdict => ({ ...v, status: 'rejected', reason, detail });
    if (v.tier! > chosen.tier!) return rejected('POLICY', `policy ranks ${chosen.provider} before it`);
    if (time(v) < time(chosen)) return rejected('REGION', `faster alone (${time(v).toFixed(1)} µs against ${time(chosen).toFixed(1)}), but not with its neighbours: a region boundary or a copy would cost more`);
    return rejected('SLOWER', `${time(v).toFixed(1)} µs against ${time(chosen).toFixed(1)} (${basis})`);
  });
  const sameTier = rivals.filter((v) => v.tier === chosen.tier);
  const why = rivals.length === 0 ? 'nobody else can' : sameTier.length === 0 ? 'policy prefers it' : `cheapest for the whole graph, ${basis}`;
  const chips = sameTier.filter((v) => v.provider === chosen.provider);
  return {
    language: { provider: chosen.provider, kind: chosen.kind, why },
    kernel: { id: chosen.kernel, why: chips.length ? `cheapest of ${chips.length + 1} kernels of ${chosen.provider}` : `the only kernel of ${chosen.provider} that can` },
    region: { id: regionId, nodes: region.length },
    verdicts,
  };
};

/** Plans a specialized graph. @throws FLAGOS_E_NO_KERNEL */
export const planGraph = (special: Specialized, context: PlanContext): PlannedGraph => {
  const planning = new Planning(special, context);
  const { now, tail } = splitTail(special.nodes, planning);
  const fields = now.map((n) => planning.field(n));
  const stuck = now.flatMap((node, i) => (fields[i]!.length === 0 ? [{ node, verdicts: planning.verdicts(node) }] : []));
  if (stuck.length) throw noKernel(stuck);

  const labelOf = new Map(context.chips.map((c, i) => [c.id, i]));
  labelOf.set(CONTROL, context.chips.length);
  const label = (v: Verdict): number => labelOf.get(`${v.provider}/${v.chip}`)!;
  const position = new Map<string, number>();
  now.forEach((n, i) => n.node.outputs.forEach((o) => o !== '' && position.set(o, i)));
  const inputs = now.map((n) => [...new Set(nodeReads(n.node).flatMap((name) => (position.has(name) ? [position.get(name)!] : [])))]);
  const sessions = [
    ...context.chips.map(({ session }) => ({ overheadUs: session.prior.overheadUs, grows: session.regions === 'connected', space: session.memory?.id ?? 'host' })),
    { overheadUs: CONTROL_OVERHEAD_US, grows: false, space: 'host' },
  ];
  const transfers = new Map(context.chips.flatMap(({ session }) => (session.memory ? [[session.memory.id, session.memory.transfer] as const] : [])));
  const copyUs = (bytes: number, space: string): number => {
    const t = transfers.get(space);
    return t ? t.latencyUs + bytes / (t.gbps * 1e3) : 0;
  };
  const handed = (from: number, to: number): number =>
    now[from]!.node.outputs.reduce((n, o, i) => (nodeReads(now[to]!.node).includes(o) ? n + (typeBytes(now[from]!.outputs[i]) ?? 0) : n), 0);
  // What a chip with its own memory reads from the graph's inputs, or hands to its outputs, is copied too.
  const boundary = now.map((n) => {
    const outside = nodeReads(n.node).filter((name) => !position.has(name) && !special.constants.has(name));
    const bytesIn = outside.reduce((sum, name) => sum + (typeBytes(special.types.get(name)) ?? 0), 0);
    const bytesOut = n.node.outputs.reduce((sum, o, i) => (special.outputs.includes(o) ? sum + (typeBytes(n.outputs[i]) ?? 0) : sum), 0);
    return { bytesIn, bytesOut };
  });
  const boundaryUs = (i: number, space: string): number => {
    const { bytesIn, bytesOut } = boundary[i]!;
    return space === 'host' ? 0 : (bytesIn ? copyUs(bytesIn, space) : 0) + (bytesOut ? copyUs(bytesOut, space) : 0);
  };
  const problem: AssignmentProblem = {
    inputs,
    options: fields.map((field, i) => new Map(field.map((v) => [label(v), { us: v.expectedUs! + boundaryUs(i, sessions[label(v)]!.space), alone: v.alone }]))),
    sessions,
    transferUs: (from, to, a, b) => copyUs(handed(from, to), a) + copyUs(handed(from, to), b),
  };
  const labels = assign(problem);

  const regions: PlannedRegion[] = [];
  const decisions = new Map<string, Decision>();
  const add = (members: number[]): void => {
    const id = regions.length;
    const nodes = members.map((i) => now[i]!);
    const chip = context.chips[labels[members[0]!]!];
    const region = planning.region(nodes);
    if (chip && members.length > 1) {
      const whole = context.unmergeable?.has(regionKey(region)) ? { ok: false } : chip.session.supports(region);
      if (!whole.ok) return members.forEach((i) => add([i]));
    }
    for (const i of members) {
      const chosen = fields[i]!.find((v) => label(v) === labels[i])!;
      const { node } = now[i]!;
      decisions.set(node.name, { node: node.name, op: opName(node.domain, node.op), signature: signatureOf(now[i]!), ...explainChoice(chosen, planning.verdicts(now[i]!), members, id) });
    }
    const first = fields[members[0]!]!.find((v) => label(v) === labels[members[0]!])!;
    regions.push({ id, chip, kernel: first.kernel, variant: first.variant, signature: signatureOf(nodes[0]!), region, nodes });
  };
  for (const members of formRegions(problem, labels, growing(problem, labels))) add(members);
  return { regions, tail, decisions };
};

/** Names of a region's nodes, as a key. */
export const regionKey = (region: Region): string => region.nodes.map((n) => n.name).join('\n');

/** Values a node's subgraphs capture. */
export const capturedBy = (n: SpecialNode): string[] => [...new Set(subgraphsOf(n.node).flatMap(([, g]) => captures(g)))];
