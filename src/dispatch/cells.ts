/**
 * What of a plan's values changes from run to run. Tensors in the arena stay where they are, so they
 * are bound to the steps that read and write them once; the rest is listed here, to be bound in each
 * run and forgotten after it, so that a plan at rest keeps nothing of a caller's alive.
 */
import { concreteShape } from '../core/graph.ts';
import { Tensor } from '../core/tensor.ts';
import type { RunValue } from '../plugins/contract.ts';
import type { OutputBinding, PreparedPlan, Step } from './prepare.ts';

/** A step output that is a graph output: it gets a tensor of its own for each run. */
interface Fresh {
  readonly step: Step;
  readonly at: number;
  readonly slot: number;
  readonly position: number;
}

const nothing = new Int32Array(0);

/** Whether a graph output is a tensor that can be made before it is calculated. */
const isPlaceable = ({ type, slot }: OutputBinding): boolean =>
  slot >= 0 && type?.kind === 'tensor' && type.dtype !== 'string' && concreteShape(type) !== undefined;

/** A tensor for a graph output: the caller's, if it is of the right type and shape. */
const placeFor = ({ type }: OutputBinding, into: Tensor | undefined): Tensor | undefined => {
  const dims = concreteShape(type);
  if (type?.kind !== 'tensor' || !dims) return undefined;
  if (into && into.dtype === type.dtype && into.dims.length === dims.length && into.dims.every((d, i) => d === dims[i])) return into;
  return Tensor.uncleared(type.dtype, dims);
};

export class Cells {
  /** Value of each slot, as far as it is there. */
  readonly slots: RunValue[];
  /** Per step: positions among its inputs, and their slots, in turn, of what must be bound in each run. */
  readonly late: readonly Int32Array[];
  /** Graph outputs that have a tensor of their own in each run. */
  readonly fresh: readonly Fresh[];
  readonly #plan: PreparedPlan;
  readonly #cells: readonly { readonly array: RunValue[]; readonly at: number }[];
  readonly #lateSlots: Int32Array;

  constructor(plan: PreparedPlan) {
    this.#plan = plan;
    const slots = (this.slots = new Array<RunValue>(plan.slots).fill(undefined));
    const positions = new Map<number, number>();
    plan.outputs.forEach((o, i) => isPlaceable(o) && !positions.has(o.slot) && positions.set(o.slot, i));
    const fresh: Fresh[] = [];
    for (const step of plan.steps) {
      step.writes.forEach((slot, at) => {
        const place = step.places[at];
        const position = positions.get(slot);
        if (place) slots[slot] = step.outputs[at] = place;
        else if (position !== undefined && step.planned?.chip && step.space === 'host') fresh.push({ step, at, slot, position });
      });
    }
    this.fresh = fresh;
    const cells: { array: RunValue[]; at: number }[] = [];
    this.late = plan.steps.map(({ reads, inputs, outputs, places }) => {
      const late: number[] = [];
      reads.forEach((slot, at) => {
        if (slots[slot] !== undefined) inputs[at] = slots[slot];
        else late.push(at, slot);
      });
      for (let i = 0; i < late.length; i += 2) cells.push({ array: inputs, at: late[i]! });
      places.forEach((place, at) => place ?? cells.push({ array: outputs, at }));
      return late.length ? Int32Array.from(late) : nothing;
    });
    this.#cells = cells;
    this.#lateSlots = Int32Array.from(slots.flatMap((v, slot) => (v === undefined ? [slot] : [])));
  }

  /** Makes the graph outputs' tensors for a run. */
  open(into: readonly (Tensor | undefined)[] | undefined): void {
    for (const { step, at, slot, position } of this.fresh)
      this.slots[slot] = step.places[at] = step.outputs[at] = placeFor(this.#plan.outputs[position]!, into?.[position]);
  }

  /** Forgets what belonged to one run. */
  close(): void {
    const { slots } = this;
    for (let i = 0; i < this.#lateSlots.length; i++) slots[this.#lateSlots[i]!] = undefined;
    for (const { array, at } of this.#cells) array[at] = undefined;
    for (const { step, at } of this.fresh) step.places[at] = undefined;
  }

  /** As {@link close}, after a failure: a kernel may have exchanged what it was handed. */
  restore(): void {
    this.close();
    this.#plan.steps.forEach(({ reads, inputs, outputs, places }) => {
      reads.forEach((slot, at) => (inputs[at] = this.slots[slot]));
      places.forEach((place, at) => (outputs[at] = place));
    });
  }
}
