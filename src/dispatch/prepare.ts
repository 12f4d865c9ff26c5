/**
 * Preparation: planned regions → steps that run. Kernels are compiled, values get numbered slots,
 * inner tensors places in one arena, copies between memories become steps of their own.
 */
import { dtypeInfo, type NumericData } from '../core/dtype.ts';
import { wrapError, FlagosError } from '../core/errors.ts';
import { concreteShape, nodeReads, opName, typeBytes, type ValueType } from '../core/graph.ts';
import { sizeOf, Tensor, type Value } from '../core/tensor.ts';
import { isPromise, type MaybePromise } from '../core/async.ts';
import type { DeviceTensor, MemorySpace, Prepared, RunValue } from '../plugins/contract.ts';
import { layOut } from './arena.ts';
import type { RunOptions } from './execute.ts';
import type { PlannedGraph, PlannedRegion } from './planner.ts';
import type { Specialized } from './specialize.ts';

/** One thing the executor does. Everything it needs is bound here; nothing is looked up while running. */
export interface Step {
  readonly kernel: string;
  /** For messages and profiles: the nodes it runs. */
  readonly label: string;
  readonly planned: PlannedRegion | undefined;
  readonly prepared: Prepared;
  /** Slots read and written. */
  readonly reads: Int32Array;
  readonly writes: Int32Array;
  /** Reused at every run: what the kernel is handed. */
  readonly inputs: RunValue[];
  readonly outputs: RunValue[];
  /** Arena tensors for outputs that have a place; undefined where the kernel or the caller supplies one. */
  readonly places: readonly (Tensor | undefined)[];
}

export interface OutputBinding {
  readonly name: string;
  /** Slot whose value is handed out, or a constant. */
  readonly slot: number;
  readonly constant: Tensor | undefined;
  /** Known type: a fresh tensor is made for each run. */
  readonly type: ValueType | undefined;
}

/** What is left for when more is known. */
export interface TailBinding {
  readonly run: (values: readonly Value[], options: RunOptions) => MaybePromise<readonly Value[]>;
  /** Slots whose values it gets. */
  readonly reads: Int32Array;
  /** Positions among the graph's outputs that it makes. */
  readonly outputs: Int32Array;
}

export interface PreparedPlan {
  readonly steps: readonly Step[];
  readonly slots: number;
  /** Slot of each graph input; −1 where nothing reads it. */
  readonly inputSlots: Int32Array;
  readonly outputs: readonly OutputBinding[];
  readonly tail: TailBinding | undefined;
  readonly arenaBytes: number;
  readonly planned: PlannedGraph;
  readonly special: Specialized;
}

/** Runs subgraphs for a control-flow node; made by the runner, which knows how graphs are run. */
export type PrepareControl = (planned: PlannedRegion) => Prepared;
export type PrepareTail = (names: readonly string[], outputs: readonly string[]) => TailBinding['run'];

const describeStep = (planned: PlannedRegion): string => {
  const [first] = planned.nodes;
  return planned.nodes.length === 1 ? first!.node.name : `${first!.node.name} … (${planned.nodes.length} nodes)`;
};

/** The trace of an error in a region: its first node, op, chip and kernel. */
export const traceOf = (planned: PlannedRegion): { node: string; op: string; chip: string; kernel: string } => ({
  node: describeStep(planned),
  op: opName(planned.nodes[0]!.node.domain, planned.nodes[0]!.node.op),
  chip: planned.chip?.id ?? 'flagos/host',
  kernel: planned.kernel,
});

/** Prepares one region's kernel. @throws FLAGOS_E_UNSUPPORTED (another kernel may do), FLAGOS_E_KERNEL, with the region's trace. */
export const prepareRegion = (planned: PlannedRegion, control: PrepareControl): MaybePromise<Prepared> => {
  const failed = (thrown: unknown): never => {
    throw wrapError('FLAGOS_E_KERNEL', thrown, { trace: traceOf(planned) });
  };
  try {
    const made = planned.chip ? planned.chip.session.prepare(planned.region, planned.variant) : control(planned);
    return isPromise(made) ? made.catch(failed) : made;
  } catch (e) {
    return failed(e);
  }
};

const isHostTensor = (type: ValueType | undefined): type is Extract<ValueType, { kind: 'tensor' }> =>
  type?.kind === 'tensor' && dtypeInfo(type.dtype).storage !== undefined && concreteShape(type) !== undefined;

/** Slots by value name and memory: the same value may live on the host and on a chip. */
class Slots {
  readonly #byName = new Map<string, number>();
  count = 0;
  of(name: string, space: string): number {
    const key = `${space}\0${name}`;
    let slot = this.#byName.get(key);
    if (slot === undefined) this.#byName.set(key, (slot = this.count++));
    return slot;
  }
  has(name: string, space: string): boolean {
    return this.#byName.has(`${space}\0${name}`);
  }
}

const copyStep = (kind: 'upload' | 'download', memory: MemorySpace, name: string, from: number, to: number): Step => ({
  kernel: `${memory.id}:${kind}`, label: name, planned: undefined,
  prepared: {
    workspaceBytes: 0,
    run: ([x], outputs) => {
      const moved = kind === 'upload' ? memory.upload(x as Tensor) : memory.download(x as DeviceTensor);
      if (isPromise<Tensor | DeviceTensor>(moved)) return moved.then((v) => void (outputs[0] = v));
      outputs[0] = moved;
    },
    dispose: () => {},
  },
  reads: Int32Array.of(from), writes: Int32Array.of(to), inputs: [undefined], outputs: [undefined], places: [undefined],
});

/**
 * Binds prepared kernels (one per planned region, in order) into a plan.
 * @param inputNames the graph's inputs, in order.
 */
export const bindPlan = (
  special: Specialized, planned: PlannedGraph, kernels: readonly Prepared[], inputNames: readonly string[],
  outputNames: readonly string[], makeTail: PrepareTail,
): PreparedPlan => {
  const slots = new Slots();
  const inputSlots = new Map(inputNames.map((n) => [n, slots.of(n, 'host')]));
  const steps: Step[] = [];
  const memories = new Map<string, MemorySpace>();
  /** Where each value made by a region first lives. */
  const home = new Map<string, string>();
  const fetch = (name: string, space: string): number => {
    if (slots.has(name, space)) return slots.of(name, space);
    const from = home.get(name) ?? 'host';
    // Between two chips a value goes through the host.
    if (from !== 'host' && space !== 'host') fetch(name, 'host');
    const source = space === 'host' ? from : 'host';
    const memory = memories.get(space === 'host' ? from : space);
    if (!memory) throw new FlagosError('FLAGOS_E_INTERNAL', `value '${name}' is nowhere when it is needed`);
    const at = slots.of(name, source);
    steps.push(copyStep(space === 'host' ? 'download' : 'upload', memory, name, at, slots.of(name, space)));
    return slots.of(name, space);
  };

  const wanted = new Set(special.outputs);
  // What a sequence, an optional or control flow may hold on to must not be overwritten by the next run.
  const kept = new Set(planned.regions.flatMap((r) => (r.chip && r.region.outputs.every((o) => o.type?.kind === 'tensor') ? [] : r.region.inputs.map((v) => v.name))));
  const births: { type: ValueType; step: number; slot: number; output: number }[] = [];
  planned.regions.forEach((r, i) => {
    const memory = r.chip?.session.memory;
    const space = memory?.id ?? 'host';
    if (memory) memories.set(space, memory);
    const reads = Int32Array.from(r.region.inputs, (v) => fetch(v.name, space));
    const writes = Int32Array.from(r.region.outputs, (v) => slots.of(v.name, space));
    r.region.outputs.forEach((v, j) => {
      home.set(v.name, space);
      if (space === 'host' && isHostTensor(v.type) && !wanted.has(v.name) && !kept.has(v.name)) births.push({ type: v.type, step: steps.length, slot: writes[j]!, output: j });
    });
    steps.push({
      kernel: r.kernel, label: describeStep(r), planned: r, prepared: kernels[i]!, reads, writes,
      inputs: new Array<RunValue>(reads.length).fill(undefined), outputs: new Array<RunValue>(writes.length).fill(undefined),
      places: new Array<Tensor | undefined>(writes.length).fill(undefined),
    });
  });

  const boundary = tailBoundary(special, planned, (name) => slots.has(name, 'host') || home.has(name));
  const tailSlots = Int32Array.from(boundary, (name) => fetch(name, 'host'));
  const madeByTail = new Set(planned.tail.flatMap((n) => n.node.outputs));
  const tailOutputs = special.outputs.flatMap((name, i) => (madeByTail.has(name) ? [i] : []));
  const outputs = special.outputs.map((name, i): OutputBinding => {
    const constant = special.constants.get(name);
    const late = madeByTail.has(name);
    return { name: outputNames[i]!, slot: constant || late ? -1 : fetch(name, 'host'), constant, type: special.types.get(name) };
  });

  const end = steps.length;
  const lifetimes = births.map((b) => {
    let last = b.step;
    steps.forEach((s, i) => s.reads.includes(b.slot) && (last = Math.max(last, i)));
    return { bytes: typeBytes(b.type)!, first: b.step, last: tailSlots.includes(b.slot) ? end : last };
  });
  const { offsets, bytes } = layOut(lifetimes);
  const arena = new ArrayBuffer(bytes);
  births.forEach((b, i) => {
    if (b.type.kind !== 'tensor') return;
    const dims = concreteShape(b.type)!;
    const { storage, lanes } = dtypeInfo(b.type.dtype);
    const data: NumericData = new storage!(arena, offsets[i]!, sizeOf(dims) * lanes);
    (steps[b.step]!.places as (Tensor | undefined)[])[b.output] = new Tensor(b.type.dtype, dims, data);
  });

  return {
    steps, slots: slots.count, inputSlots: Int32Array.from(inputNames, (n) => inputSlots.get(n)!), outputs,
    tail: planned.tail.length ? { run: makeTail(boundary, special.outputs.filter((n) => madeByTail.has(n))), reads: tailSlots, outputs: Int32Array.from(tailOutputs) } : undefined,
    arenaBytes: bytes, planned, special,
  };
};

/** Values made (or given) before the tail that its nodes read. */
const tailBoundary = (special: Specialized, planned: PlannedGraph, exists: (name: string) => boolean): string[] => {
  const made = new Set(planned.tail.flatMap((n) => n.node.outputs));
  const names = new Set<string>();
  for (const n of planned.tail) for (const name of nodeReads(n.node)) if (!made.has(name) && !special.constants.has(name) && exists(name)) names.add(name);
  return [...names];
};
