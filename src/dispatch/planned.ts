/** What planning makes of a graph: regions with a kernel each, in the order in which they run, and the decisions behind them. */
import { describeType, nodeReads, opName, type Attribute, type Attributes, type ValueType } from '../core/graph.ts';
import { hashOf } from '../core/hash.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Chip, ChipSession, KernelProvider, Region, RegionValue } from '../plugins/contract.ts';
import type { Decision } from '../opmanager/decision.ts';
import type { PlanText } from './plan-text.ts';
import type { SpecialNode, Specialized } from './specialize.ts';

/** An opened chip of a provider. */
export interface OpenChip {
  /** `provider/chip`. */
  readonly id: string;
  readonly provider: KernelProvider;
  readonly chip: Chip;
  readonly session: ChipSession;
}

/** A kernel and what it was chosen for: what is measured, and set aside when it fails. */
export interface KernelUse {
  readonly kernel: string;
  readonly signature: string;
}

/** A region with the kernel that runs it. `chip` is undefined for control flow, which the runtime runs itself. */
export interface PlannedRegion {
  readonly id: number;
  readonly chip: OpenChip | undefined;
  /** Kernel of its first node, by whose name the region goes. */
  readonly kernel: string;
  readonly variant: string;
  readonly signature: string;
  readonly region: Region;
  readonly nodes: readonly SpecialNode[];
  /** What was chosen for each node. */
  readonly uses: readonly KernelUse[];
}

export interface PlannedGraph {
  readonly regions: readonly PlannedRegion[];
  /** Nodes that can be planned only when values before them are known. */
  readonly tail: readonly SpecialNode[];
  readonly decisions: ReadonlyMap<string, Decision>;
  /** Kernels that were passed over only because they are set aside: when that ends, the plan is worth another look. */
  readonly waitedFor: readonly KernelUse[];
  /** Nodes of each region, as positions among those planned now. */
  readonly members: readonly (readonly number[])[];
  /** Which chip and variant runs each node: what was planned now, in its order. */
  readonly choice: PlanText;
  /** What the nodes that were planned now are measured by as a whole, see `graphSignature`. */
  readonly signature: () => string;
}

/** Attributes as part of a signature; what is long, or no plain value, goes by its hash. */
const attributeText = ({ type, value }: Attribute): string => {
  const plain = Array.isArray(value) ? value.join(',') : typeof value === 'object' ? undefined : String(value);
  if (plain !== undefined && plain.length <= 64 && /^[\w.,:+-]*$/.test(plain)) return plain;
  return `${type}#${hashOf(JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? `${v}n` : v instanceof Map ? [...v] : v)))}`;
};

const attributesText = (attrs: Attributes): string => {
  const names = Object.keys(attrs).sort();
  return names.length === 0 ? '' : `{${names.map((name) => `${name}=${attributeText(attrs[name]!)}`).join(';')}}`;
};

/**
 * What a kernel is measured and quarantined by: op, attributes, element types and shapes; where the contents of
 * an input decide what comes out (Slice, Resize), the results' too.
 */
export const signatureOf = (n: SpecialNode): string => {
  let known = signatures.get(n);
  if (known === undefined) signatures.set(n, (known = signatureText(n)));
  return known;
};

const signatures = new WeakMap<SpecialNode, string>();

const signatureText = ({ node, bound, args, outputs }: SpecialNode): string => {
  const types = args.map((a, i) => (node.inputs[i] === '' ? '-' : describeType(a.type))).join(',');
  const inputs = bound?.record.inputs ?? [];
  const byContents = args.some((_, i) => inputs[Math.min(i, inputs.length - 1)]?.role === 'value');
  const results = byContents ? `->${outputs.map(describeType).join(',')}` : '';
  return `${opName(node.domain, node.op)}${attributesText(node.attrs)}(${types})${results}`;
};

/** Names of a region's nodes, as a key. */
export const regionKey = (region: Region): string => region.nodes.map((n) => n.name).join('\n');

/** Makes the region of some nodes: what comes in, what goes out (what `isRead` says is read elsewhere), what is constant. */
export const makeRegion = (nodes: readonly SpecialNode[], special: Specialized, isRead: (name: string) => boolean): Region => {
  const made = new Set(nodes.flatMap((n) => n.node.outputs));
  const inputs = new Map<string, RegionValue>();
  const constants = new Map<string, Tensor>();
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
