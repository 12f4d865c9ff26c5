/** What runs: steps, plans of steps, and the preparation of a region's kernel. */
import { asError, FlagosError, wrapError } from '../core/errors.ts';
import { opName, type ValueType } from '../core/graph.ts';
import type { Tensor, Value } from '../core/tensor.ts';
import { isPromise, type MaybePromise } from '../core/async.ts';
import type { MemorySpace, Prepared, PrepareWatch, RegionValue, RunValue } from '../plugins/contract.ts';
import type { PlannedGraph, PlannedRegion } from './planned.ts';
import type { Specialized } from './specialize.ts';

/** One thing the executor does. Everything it needs is bound here; nothing is looked up while running. */
export interface Step {
  readonly kernel: string;
  /** For messages and profiles: the nodes it runs. */
  readonly label: string;
  /** Undefined for copies between memories. */
  readonly planned: PlannedRegion | undefined;
  /** The region it runs, or for which it copies. */
  readonly serves: PlannedRegion | undefined;
  readonly prepared: Prepared;
  /** Slots read and written. */
  readonly reads: Int32Array;
  readonly writes: Int32Array;
  /** Reused at every run: what the kernel is handed. */
  readonly inputs: RunValue[];
  readonly outputs: RunValue[];
  /** Where each output goes: its place in the arena, or a graph output's tensor while a run lasts; undefined where the kernel supplies one. */
  readonly places: (Tensor | undefined)[];
  /** What each output is, as far as known: outputs a kernel supplies are held to it. */
  readonly makes: readonly RegionValue[];
  /** Outputs whose type is the model's word alone. */
  readonly stated: readonly boolean[];
  /** Constants its kernel was prepared with. */
  readonly constants: readonly Tensor[];
  /** Memory its outputs are in. */
  readonly space: string;
  /** Slots whose tensors nobody reads any more after this step, in memories that want to be told. */
  readonly frees: readonly DeviceSlot[] | undefined;
}

/** A slot that holds a tensor of a memory of its own. */
export interface DeviceSlot {
  readonly slot: number;
  readonly memory: MemorySpace;
}

export interface OutputBinding {
  readonly name: string;
  /** Slot whose value is handed out; −1 for a constant, and for what the tail makes. */
  readonly slot: number;
  readonly constant: Tensor | undefined;
  /** Type it is certain to have: a fresh tensor is made for each run. */
  readonly type: ValueType | undefined;
}

/** What is left for when more is known. */
export interface TailBinding {
  readonly run: (values: readonly Value[]) => MaybePromise<readonly Value[]>;
  /** Slots whose values it gets. */
  readonly reads: Int32Array;
  /** Positions among the graph's outputs that it makes. */
  readonly outputs: Int32Array;
  dispose(): Promise<void>;
}

export interface PreparedPlan {
  readonly steps: readonly Step[];
  readonly slots: number;
  /** Slot of each graph input. */
  readonly inputSlots: Int32Array;
  readonly outputs: readonly OutputBinding[];
  readonly tail: TailBinding | undefined;
  /** Slots that hold tensors of other memories than the host's. */
  readonly deviceSlots: readonly DeviceSlot[];
  readonly arenaBytes: number;
  readonly planned: PlannedGraph;
  readonly special: Specialized;
  /** Whether it ran to its end, at least once. */
  ran: boolean;
}

/** For people: a region's only node, or its first and how many there are. */
export const describeRegion = ({ nodes }: PlannedRegion): string =>
  nodes.length === 1 ? nodes[0]!.node.name : `${nodes[0]!.node.name} … (${nodes.length} nodes)`;

/** The trace of an error in a region: its first node, op, chip and kernel. */
export const traceOf = (planned: PlannedRegion): { node: string; op: string; chip: string; kernel: string } => ({
  node: describeRegion(planned),
  op: opName(planned.nodes[0]!.node.domain, planned.nodes[0]!.node.op),
  chip: planned.chip?.id ?? 'flagos/host',
  kernel: planned.kernel,
});

/** How far the preparation of a plan is. */
export interface PrepareProgress {
  /** Regions that are ready, and all there are. */
  readonly done: number;
  readonly regions: number;
  /** What is being prepared, and by which kernel. */
  readonly label: string;
  readonly kernel: string;
  /** Parts of it that are ready, where its chip says so. */
  readonly parts: { readonly done: number; readonly total: number } | undefined;
}

/** Runs subgraphs for a control-flow node; made by the runner, which knows how graphs are run. */
export type PrepareControl = (planned: PlannedRegion) => Prepared;

const isKernel = (made: unknown): boolean =>
  typeof made === 'object' &&
  made !== null &&
  'run' in made &&
  typeof made.run === 'function' &&
  'dispose' in made &&
  typeof made.dispose === 'function';

/** Prepares one region's kernel. @throws FLAGOS_E_UNSUPPORTED (another kernel may do), FLAGOS_E_KERNEL, FLAGOS_E_KERNEL_CONTRACT, with the region's trace. */
export const prepareRegion = (planned: PlannedRegion, control: PrepareControl, watch?: PrepareWatch): MaybePromise<Prepared> => {
  const failed = (thrown: unknown): never => {
    throw wrapError('FLAGOS_E_KERNEL', thrown, { trace: traceOf(planned) });
  };
  const checked = (made: Prepared): Prepared => {
    if (isKernel(made)) return made;
    return failed(
      new FlagosError('FLAGOS_E_KERNEL_CONTRACT', 'prepare gave nothing that has run and dispose', {
        hint: 'see Prepared in docs/plugin-guide.md',
      }),
    );
  };
  try {
    const made = planned.chip ? planned.chip.session.prepare(planned.region, planned.variant, watch) : control(planned);
    return isPromise(made) ? made.then(checked, failed) : checked(made);
  } catch (e) {
    return failed(e);
  }
};

/** Releases kernels, all of them, whatever one of them throws. @returns what was thrown. */
export const disposeKernels = async (kernels: Iterable<Pick<Prepared, 'dispose'>>): Promise<Error[]> => {
  const faults: Error[] = [];
  for (const kernel of kernels) {
    try {
      await kernel.dispose();
    } catch (e) {
      faults.push(asError(e));
    }
  }
  return faults;
};
