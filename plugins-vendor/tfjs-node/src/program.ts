/**
 * A region as a list of TensorFlow ops on handles of its tensors, which live until the end of a run. Values of rank 4
 * may stand there twice, as the model has them (NCHW) and with channels last: the only form in which TensorFlow
 * convolves on a processor. One is made out of the other where it is asked for, so chains of such ops stay NHWC.
 */
import { FlagosError, Tensor, wrapError, type DType, type Facts, type Prepared, type Region, type RunValue } from 'flagos/plugin';
import { attr, download, typeAttr, upload, type Attr, type Binding } from './library.ts';

/** A place in the list of handles. */
export interface Slot {
  readonly at: number;
  readonly dtype: DType;
}
interface Forms {
  plain?: Slot;
  last?: Slot;
}

export class Program {
  readonly binding: Binding;
  readonly #region: Region;
  readonly #values = new Map<string, Forms>();
  /** Handles of constants, made once. */
  readonly fixed: number[] = [];
  readonly handles: number[] = [];
  readonly steps: (() => void)[] = [];

  constructor(binding: Binding, region: Region) {
    this.binding = binding;
    this.#region = region;
  }

  slot(dtype: DType): Slot {
    this.handles.push(-1);
    return { at: this.handles.length - 1, dtype };
  }
  constant(tensor: Tensor): Slot {
    const slot = this.slot(tensor.dtype);
    this.handles[slot.at] = upload(this.binding, tensor);
    this.fixed.push(this.handles[slot.at]!);
    return slot;
  }
  /** A list of 32-bit integers: shapes, axes. */
  list(values: readonly number[]): Slot {
    return this.constant(Tensor.from('int32', [values.length], values));
  }
  scalar(value: number, dtype: DType = 'float32'): Slot {
    return this.constant(Tensor.from(dtype, [], [dtype === 'int64' ? BigInt(value) : value]));
  }

  #forms(name: string): Forms {
    let forms = this.#values.get(name);
    if (!forms) this.#values.set(name, (forms = {}));
    const constant = this.#region.constants.get(name);
    if (constant && !forms.plain && !forms.last) forms.plain = this.constant(constant);
    return forms;
  }
  plainOf(name: string): Slot {
    const forms = this.#forms(name);
    return (forms.plain ??= this.transpose(forms.last!, [0, 3, 1, 2]));
  }
  /** An input as the model has it. */
  plain(f: Facts, input: number): Slot {
    return this.plainOf(f.node.inputs[input]!);
  }
  /** An input of rank 4 with channels last. */
  last(f: Facts, input: number): Slot {
    const forms = this.#forms(f.node.inputs[input]!);
    return (forms.last ??= this.transpose(forms.plain!, [0, 2, 3, 1]));
  }
  isLast(f: Facts, input: number): boolean {
    return this.#values.get(f.node.inputs[input]!)?.last !== undefined;
  }
  output(f: Facts, slot: Slot, form: 'plain' | 'last' = 'plain', output = 0): void {
    if (f.node.outputs[output]) this.#values.set(f.node.outputs[output]!, { [form]: slot });
  }
  incoming(name: string, dtype: DType): Slot {
    const slot = this.slot(dtype);
    this.#values.set(name, { plain: slot });
    return slot;
  }

  /** Runs an op. @returns the places of its results, whose element types are given. */
  ops(name: string, attrs: readonly Attr[], inputs: readonly Slot[], types: readonly DType[]): Slot[] {
    const outputs = types.map((t) => this.slot(t));
    const ids = inputs.map(() => 0);
    this.steps.push(() => {
      for (let i = 0; i < ids.length; i++) ids[i] = this.handles[inputs[i]!.at]!;
      const results = this.binding.executeOp(name, attrs, ids, outputs.length);
      for (let i = 0; i < outputs.length; i++) this.handles[outputs[i]!.at] = results[i]!.id;
    });
    return outputs;
  }
  op(name: string, attrs: readonly Attr[], inputs: readonly Slot[], type: DType): Slot {
    return this.ops(name, attrs, inputs, [type])[0]!;
  }
  transpose(x: Slot, perm: readonly number[]): Slot {
    if (perm.every((p, i) => p === i)) return x;
    return this.op('Transpose', [typeAttr(x.dtype), typeAttr('int32', 'Tperm')], [x, this.list(perm)], x.dtype);
  }
  reshape(x: Slot, dims: readonly number[]): Slot {
    return this.op('Reshape', [typeAttr(x.dtype), typeAttr('int32', 'Tshape')], [x, this.list(dims)], x.dtype);
  }
  /** Result of another element type. */
  cast(x: Slot, to: DType): Slot {
    const attrs = [typeAttr(x.dtype, 'SrcT'), typeAttr(to, 'DstT'), attr('Truncate', 'bool', false)];
    return x.dtype === to ? x : this.op('Cast', attrs, [x], to);
  }
}

export class PreparedProgram implements Prepared {
  /** Not known: TensorFlow keeps its memory to itself. */
  readonly workspaceBytes = 0;
  #program: Program | undefined;
  readonly #inputs: readonly Slot[];
  readonly #outputs: readonly { readonly slot: Slot; readonly dims: readonly number[] }[];
  /** Places that hold constants. */
  readonly #keep: ReadonlySet<number>;

  constructor(program: Program, inputs: readonly Slot[], outputs: readonly { readonly slot: Slot; readonly dims: readonly number[] }[]) {
    this.#program = program;
    this.#inputs = inputs;
    this.#outputs = outputs;
    this.#keep = new Set(program.handles.flatMap((id, at) => (id >= 0 ? [at] : [])));
  }

  run(inputs: readonly RunValue[], outputs: RunValue[]): void {
    const program = this.#program;
    if (!program) throw new FlagosError('FLAGOS_E_DISPOSED', 'the region was disposed');
    const { binding, handles } = program;
    try {
      for (let i = 0; i < this.#inputs.length; i++) {
        const value = inputs[i];
        if (!(value instanceof Tensor)) throw new FlagosError('FLAGOS_E_KERNEL_CONTRACT', `input ${i} is no tensor`);
        handles[this.#inputs[i]!.at] = upload(binding, value);
      }
      for (const step of program.steps) step();
      for (let i = 0; i < this.#outputs.length; i++) {
        const { slot, dims } = this.#outputs[i]!;
        const given = outputs[i];
        const to = given instanceof Tensor ? given : Tensor.zeros(slot.dtype, dims);
        download(binding, handles[slot.at]!, to);
        outputs[i] = to;
      }
    } catch (thrown) {
      throw wrapError('FLAGOS_E_KERNEL', thrown);
    } finally {
      for (let at = 0; at < handles.length; at++) {
        if (this.#keep.has(at) || handles[at]! < 0) continue;
        binding.deleteTensor(handles[at]!);
        handles[at] = -1;
      }
    }
  }

  dispose(): void {
    const program = this.#program;
    this.#program = undefined;
    for (const id of program?.fixed ?? []) program!.binding.deleteTensor(id);
  }
}
