/**
 * A region as a list of calls of kernels on places in XNNPACK's memory. Values of rank 4 may stand there in
 * two forms, as the model has them (NCHW) and with channels last (NHWC), which is the only form in which
 * XNNPACK convolves; one is made out of the other where it is asked for, so chains of such ops stay NHWC.
 */
import {
  bytesOf,
  type DType,
  dtypeInfo,
  type Facts,
  FlagosError,
  type Prepared,
  type Region,
  type RunValue,
  sizeOf,
  Tensor,
} from 'flagos/plugin';
import { codes, type Library } from './library.ts';

/** A tensor in XNNPACK's memory. */
export interface Slot {
  readonly id: number;
  readonly dims: readonly number[];
  readonly dtype: DType;
  readonly bytes: number;
  /** Contents that never change. */
  readonly constant: boolean;
  /** Relative to the arena unless constant. */
  at: number;
}
interface Forms {
  plain?: Slot;
  last?: Slot;
}

const toLast = [0, 2, 3, 1];
const toPlain = [0, 3, 1, 2];
export const permuted = (dims: readonly number[], perm: readonly number[]): number[] => perm.map((p) => dims[p]!);

export class Program {
  readonly library: Library;
  readonly #region: Region;
  readonly #values = new Map<string, Forms>();
  readonly #owned: number[] = [];
  readonly #slots: Slot[] = [];
  readonly steps: (() => void)[] = [];
  arenaBytes = 0;
  /** Where the arena is during a run. */
  base = 0;

  constructor(library: Library, region: Region) {
    this.library = library;
    this.#region = region;
  }

  #slot(dims: readonly number[], dtype: DType, constant = false): Slot {
    const bytes = (sizeOf(dims) * dtypeInfo(dtype).bits) / 8;
    const at = constant ? this.library.allocate(bytes) : this.arenaBytes;
    const slot: Slot = { id: this.library.newId(), dims, dtype, bytes, constant, at };
    if (constant) {
      this.#owned.push(at);
      this.library.register(slot.id, sizeOf(dims), at);
    } else {
      // Kernels read some bytes past the end: XNN_EXTRA_BYTES is 16.
      this.arenaBytes += Math.ceil((bytes + 16) / 64) * 64;
    }
    this.#slots.push(slot);
    return slot;
  }
  temp(dims: readonly number[], dtype: DType = 'float32'): Slot {
    return this.#slot(dims, dtype);
  }
  fixed(tensor: Tensor): Slot {
    const slot = this.#slot(tensor.dims, tensor.dtype, true);
    if (!Array.isArray(tensor.data)) this.library.bytes.set(bytesOf(tensor.data), slot.at);
    return slot;
  }
  /** A list of 32-bit integers: shapes, permutations. @returns where it is. */
  list(values: readonly number[]): number {
    return this.fixed(Tensor.from('int32', [values.length], values)).at;
  }
  place(slot: Slot): number {
    return slot.constant ? slot.at : this.base + slot.at;
  }

  #forms(name: string): Forms {
    let forms = this.#values.get(name);
    if (!forms) this.#values.set(name, (forms = {}));
    const constant = this.#region.constants.get(name);
    if (constant && !forms.plain && !forms.last) forms.plain = this.fixed(constant);
    return forms;
  }
  /** An input as the model has it. */
  plain(facts: Facts, input: number): Slot {
    return this.plainOf(facts.node.inputs[input]!);
  }
  plainOf(name: string): Slot {
    const forms = this.#forms(name);
    return (forms.plain ??= this.transpose(forms.last!, toPlain));
  }
  /** An input with channels last. */
  last(facts: Facts, input: number): Slot {
    const forms = this.#forms(facts.node.inputs[input]!);
    return (forms.last ??= this.transpose(forms.plain!, toLast));
  }
  isLast(facts: Facts, input: number): boolean {
    return this.#values.get(facts.node.inputs[input]!)?.last !== undefined;
  }
  /** Whether all inputs stand there with channels last already. */
  areLast(facts: Facts): boolean {
    return facts.node.inputs.every((_, i) => this.isLast(facts, i));
  }
  output(facts: Facts, slot: Slot, form: 'plain' | 'last' = 'plain', output = 0): void {
    this.#values.set(facts.node.outputs[output]!, { [form]: slot });
  }
  /** Place of a value that comes from outside. */
  incoming(name: string, dims: readonly number[], dtype: DType): Slot {
    const slot = this.temp(dims, dtype);
    this.#values.set(name, { plain: slot });
    return slot;
  }

  call(kernel: string, ...args: readonly (number | boolean | Slot)[]): void {
    const run = this.library.kernel(kernel);
    const numbers = args.map((a) => (typeof a === 'object' ? a.id : Number(a)));
    this.steps.push(() => run(...numbers));
  }
  /** Before a kernel that packs this tensor once and for all: unless it is constant, it packs it anew. */
  fresh(slot: Slot): Slot {
    const size = sizeOf(slot.dims);
    if (!slot.constant) this.steps.push(() => this.library.register(slot.id, size, this.place(slot)));
    return slot;
  }
  /** The same elements under another shape: no step, no bytes. */
  reshaped(slot: Slot, dims: readonly number[]): Slot {
    return { ...slot, dims };
  }
  transpose(from: Slot, perm: readonly number[]): Slot {
    const to = this.temp(permuted(from.dims, perm), from.dtype);
    // Axes of extent 1 only make the kernel slower, and it takes a few axes only.
    const kept = perm.filter((p) => from.dims[p] !== 1);
    const sorted = [...kept].sort((a, b) => a - b);
    if (kept.every((p, i) => p === sorted[i])) this.copy(from, to);
    else {
      const dims = sorted.map((p) => from.dims[p]!);
      const order = kept.map((p) => sorted.indexOf(p));
      this.call('Transpose', from, this.list(dims), dims.length, codes[from.dtype]!, to, this.list(order), order.length);
    }
    return to;
  }
  copy(from: Slot, to: Slot): void {
    this.steps.push(() => this.library.bytes.copyWithin(this.place(to), this.place(from), this.place(from) + from.bytes));
  }

  /** After the last step was added. */
  finish(inputs: readonly Slot[], outputs: readonly Slot[]): Prepared {
    return new PreparedProgram(this, inputs, outputs, this.#slots, this.#owned);
  }
}

class PreparedProgram implements Prepared {
  readonly workspaceBytes: number;
  #program: Program | undefined;

  constructor(
    program: Program,
    private readonly inputs: readonly Slot[],
    private readonly outputs: readonly Slot[],
    private readonly slots: readonly Slot[],
    private readonly owned: readonly number[],
  ) {
    this.#program = program;
    this.workspaceBytes = program.arenaBytes;
  }

  run(inputs: readonly RunValue[], outputs: RunValue[]): void {
    const program = this.#program;
    if (!program) throw new FlagosError('FLAGOS_E_DISPOSED', 'the region was disposed');
    const { library } = program;
    const base = library.arena(program.arenaBytes);
    if (base !== program.base) {
      program.base = base;
      for (const slot of this.slots) if (!slot.constant) library.register(slot.id, sizeOf(slot.dims), base + slot.at);
    }
    for (let i = 0; i < this.inputs.length; i++) {
      const value = inputs[i];
      if (!(value instanceof Tensor) || Array.isArray(value.data))
        throw new FlagosError('FLAGOS_E_KERNEL_CONTRACT', `input ${i} is no tensor`);
      library.bytes.set(bytesOf(value.data), base + this.inputs[i]!.at);
    }
    for (const step of program.steps) step();
    for (let i = 0; i < this.outputs.length; i++) {
      const slot = this.outputs[i]!;
      const given = outputs[i];
      const to = given instanceof Tensor ? given : Tensor.zeros(slot.dtype, slot.dims);
      const at = program.place(slot);
      if (!Array.isArray(to.data)) bytesOf(to.data).set(library.bytes.subarray(at, at + slot.bytes));
      outputs[i] = to;
    }
  }

  dispose(): void {
    const program = this.#program;
    this.#program = undefined;
    if (!program) return;
    for (const { id } of this.slots) program.library.forget(id);
    for (const at of this.owned) program.library.free(at);
  }
}
