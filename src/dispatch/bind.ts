/**
 * Binding: prepared kernels → a plan. Values get numbered slots, inner tensors places in one arena,
 * copies between memories become steps of their own.
 */
import { dtypeInfo, type NumericData } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { concreteShape, nodeReads, typeBytes, type ValueType } from '../core/graph.ts';
import { sizeOf, Tensor } from '../core/tensor.ts';
import { isPromise } from '../core/async.ts';
import type { DeviceTensor, MemorySpace, Prepared, RegionValue, RunValue } from '../plugins/contract.ts';
import { layOut } from './arena.ts';
import type { PlannedGraph, PlannedRegion } from './planned.ts';
import { describeRegion, type DeviceSlot, type OutputBinding, type PreparedPlan, type Step, type TailBinding } from './prepare.ts';
import type { SpecialNode, Specialized } from './specialize.ts';

export type PrepareTail = (names: readonly string[], outputs: readonly string[]) => Pick<TailBinding, 'run' | 'dispose'>;

type TensorType = Extract<ValueType, { kind: 'tensor' }>;
const isHostTensor = (type: ValueType | undefined): type is TensorType =>
  type?.kind === 'tensor' && dtypeInfo(type.dtype).storage !== undefined && concreteShape(type) !== undefined;

/** Slots by value name and memory: the same value may live on the host and on a chip. */
class Slots {
  readonly #byName = new Map<string, number>();
  readonly memories: (MemorySpace | undefined)[] = [];

  of(name: string, memory: MemorySpace | undefined): number {
    const key = `${memory?.id ?? 'host'}\0${name}`;
    let slot = this.#byName.get(key);
    if (slot === undefined) {
      slot = this.memories.push(memory) - 1;
      this.#byName.set(key, slot);
    }
    return slot;
  }
  find(name: string, memory: MemorySpace | undefined): number | undefined {
    return this.#byName.get(`${memory?.id ?? 'host'}\0${name}`);
  }
}

type StepParts = Pick<
  Step,
  'kernel' | 'label' | 'planned' | 'serves' | 'prepared' | 'reads' | 'writes' | 'makes' | 'stated' | 'constants' | 'space'
>;
type MutableStep = StepParts & Pick<Step, 'inputs' | 'outputs' | 'places'> & { frees: DeviceSlot[] | undefined };
/** Spelled out, because the executor reads these fields in every step: objects made by spreading keep their later fields elsewhere. */
const makeStep = ({
  kernel,
  label,
  planned,
  serves,
  prepared,
  reads,
  writes,
  makes,
  stated,
  constants,
  space,
}: StepParts): MutableStep => ({
  prepared,
  inputs: new Array<RunValue>(reads.length).fill(undefined),
  outputs: new Array<RunValue>(writes.length).fill(undefined),
  places: new Array<Tensor | undefined>(writes.length).fill(undefined),
  frees: undefined,
  kernel,
  label,
  planned,
  serves,
  reads,
  writes,
  makes,
  stated,
  constants,
  space,
});

const copyStep = (
  kind: 'upload' | 'download',
  memory: MemorySpace,
  value: RegionValue,
  from: number,
  to: number,
  serves: PlannedRegion | undefined,
): MutableStep =>
  makeStep({
    kernel: `${memory.id}:${kind}`,
    label: value.name,
    planned: undefined,
    serves,
    makes: [value],
    stated: [false],
    constants: [],
    space: kind === 'upload' ? memory.id : 'host',
    prepared: {
      workspaceBytes: 0,
      run: ([x], outputs) => {
        const moved = kind === 'upload' ? memory.upload(x as Tensor) : memory.download(x as DeviceTensor);
        if (isPromise<Tensor | DeviceTensor>(moved)) return moved.then((v) => void (outputs[0] = v));
        outputs[0] = moved;
      },
      dispose: () => {},
    },
    reads: Int32Array.of(from),
    writes: Int32Array.of(to),
  });

/** Whether results may hold on to what was read: sequences, optionals, and whatever subgraphs hand through. */
const mayHold = (r: PlannedRegion): boolean => !r.chip || r.region.outputs.some((o) => o.type?.kind !== 'tensor');
const mayHoldLater = (n: SpecialNode): boolean =>
  n.bound?.record.control !== undefined || n.outputs.some((t, i) => n.node.outputs[i] !== '' && t?.kind !== 'tensor');

/** The steps of a plan, as they are gathered. */
class Binding {
  readonly slots = new Slots();
  readonly steps: MutableStep[] = [];
  /** Where each value made by a region first lives, and who made it. */
  readonly #made = new Map<string, { readonly memory: MemorySpace | undefined; readonly by: PlannedRegion }>();
  readonly #births: { readonly type: TensorType; readonly step: number; readonly slot: number; readonly output: number }[] = [];
  readonly #special: Specialized;
  /** Values that must not be in the arena: handed out, or held on to by others than plain tensors. */
  readonly #outside: ReadonlySet<string>;

  constructor(special: Specialized, planned: PlannedGraph) {
    this.#special = special;
    const held = [
      ...planned.regions.flatMap((r) => (mayHold(r) ? r.region.inputs.map((v) => v.name) : [])),
      ...planned.tail.flatMap((n) => (mayHoldLater(n) ? nodeReads(n.node) : [])),
    ];
    this.#outside = new Set([...special.outputs, ...special.stated, ...held]);
  }

  has(name: string): boolean {
    return this.#made.has(name) || this.slots.find(name, undefined) !== undefined;
  }

  /** The slot of a value in a memory, after a copy if it is not there yet. */
  fetch(name: string, memory: MemorySpace | undefined, reader?: PlannedRegion): number {
    const there = this.slots.find(name, memory);
    if (there !== undefined) return there;
    const maker = this.#made.get(name);
    // Between two chips a value goes through the host.
    const from = memory ? this.fetch(name, undefined, reader) : maker?.memory && this.slots.find(name, maker.memory);
    const through = memory ?? maker?.memory;
    if (from === undefined || !through) throw new FlagosError('FLAGOS_E_INTERNAL', `value '${name}' is nowhere when it is needed`);
    const to = this.slots.of(name, memory);
    const kind = memory ? 'upload' : 'download';
    this.steps.push(copyStep(kind, through, { name, type: this.#special.types.get(name) }, from, to, memory ? reader : maker?.by));
    return to;
  }

  add(planned: PlannedRegion, prepared: Prepared): void {
    const { region, chip } = planned;
    const memory = chip?.session.memory;
    const reads = Int32Array.from(region.inputs, (v) => this.fetch(v.name, memory, planned));
    const writes = Int32Array.from(region.outputs, (v) => this.slots.of(v.name, memory));
    region.outputs.forEach(({ name, type }, output) => {
      this.#made.set(name, { memory, by: planned });
      if (!memory && isHostTensor(type) && !this.#outside.has(name))
        this.#births.push({ type, step: this.steps.length, slot: writes[output]!, output });
    });
    this.steps.push(
      makeStep({
        kernel: planned.kernel,
        label: describeRegion(planned),
        planned,
        serves: planned,
        prepared,
        reads,
        writes,
        makes: region.outputs,
        stated: region.outputs.map((v) => this.#special.stated.has(v.name)),
        constants: [...region.constants.values()],
        space: memory?.id ?? 'host',
      }),
    );
  }

  /** Gives inner tensors their places and device tensors their ends. @param late slots read after the last step. @returns bytes of the arena. */
  settle(late: ReadonlySet<number>): number {
    const { steps } = this;
    const last = new Map<number, number>();
    steps.forEach((s, i) => [...s.writes, ...s.reads].forEach((slot) => last.set(slot, i)));
    const { offsets, bytes } = layOut(
      this.#births.map((b) => ({ bytes: typeBytes(b.type)!, first: b.step, last: late.has(b.slot) ? steps.length : last.get(b.slot)! })),
    );
    const arena = allocateArena(bytes);
    this.#births.forEach((b, i) => {
      const dims = concreteShape(b.type)!;
      const { storage, lanes } = dtypeInfo(b.type.dtype);
      const data: NumericData = new storage!(arena, offsets[i]!, sizeOf(dims) * lanes);
      steps[b.step]!.places[b.output] = new Tensor(b.type.dtype, dims, data);
    });
    for (const [slot, i] of last) {
      const memory = this.slots.memories[slot];
      if (memory) (steps[i]!.frees ??= []).push({ slot, memory });
    }
    return bytes;
  }
}

const allocateArena = (bytes: number): ArrayBuffer => {
  try {
    return new ArrayBuffer(bytes);
  } catch (e) {
    if (!(e instanceof RangeError)) throw e;
    throw new FlagosError('FLAGOS_E_LIMIT', `the values between its nodes need ${bytes} bytes at once, more than can be had`, { cause: e });
  }
};

/**
 * Binds prepared kernels (one per planned region, in order) into a plan.
 * @param inputNames the graph's inputs, in order; `outputNames`, its outputs.
 * @throws FLAGOS_E_LIMIT if there is not the memory for its inner tensors.
 */
export const bindPlan = (
  special: Specialized,
  planned: PlannedGraph,
  kernels: readonly Prepared[],
  inputNames: readonly string[],
  outputNames: readonly string[],
  makeTail: PrepareTail,
): PreparedPlan => {
  const binding = new Binding(special, planned);
  const { slots } = binding;
  const inputSlots = Int32Array.from(inputNames, (n) => slots.of(n, undefined));
  planned.regions.forEach((r, i) => binding.add(r, kernels[i]!));

  const madeByTail = new Set(planned.tail.flatMap((n) => n.node.outputs));
  const boundary = [...new Set(planned.tail.flatMap((n) => nodeReads(n.node)))].filter(
    (n) => !madeByTail.has(n) && !special.constants.has(n) && binding.has(n),
  );
  const tailSlots = Int32Array.from(boundary, (name) => binding.fetch(name, undefined));
  const outputs = special.outputs.map((name, i): OutputBinding => {
    const constant = special.constants.get(name);
    const slot = constant || madeByTail.has(name) ? -1 : binding.fetch(name, undefined);
    return { name: outputNames[i]!, slot, constant, type: special.stated.has(name) ? undefined : special.types.get(name) };
  });
  const arenaBytes = binding.settle(new Set([...tailSlots, ...outputs.map((o) => o.slot)]));
  return {
    steps: binding.steps,
    slots: slots.memories.length,
    inputSlots,
    outputs,
    arenaBytes,
    planned,
    special,
    ran: false,
    deviceSlots: slots.memories.flatMap((memory, slot) => (memory ? [{ slot, memory }] : [])),
    tail:
      planned.tail.length === 0
        ? undefined
        : {
            ...makeTail(
              boundary,
              special.outputs.filter((n) => madeByTail.has(n)),
            ),
            reads: tailSlots,
            outputs: Int32Array.from(special.outputs.flatMap((n, i) => (madeByTail.has(n) ? [i] : []))),
          },
  };
};
