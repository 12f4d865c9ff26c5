/** What planning makes of a graph: regions with a kernel each, in the order in which they run, and the decisions behind them. */
import { describeType, nodeReads, opName, type ValueType } from '../core/graph.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Chip, ChipSession, KernelProvider, Region, RegionValue } from '../plugins/contract.ts';
import type { Decision } from '../opmanager/decision.ts';
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
}

/** What a kernel is measured and quarantined by: op, element types and shapes. */
export const signatureOf = (node: SpecialNode): string =>
  `${opName(node.node.domain, node.node.op)}(${node.args.map((a, i) => (node.node.inputs[i] === '' ? '-' : describeType(a.type))).join(',')})`;

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
