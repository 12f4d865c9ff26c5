/** A region that runs: our tensors in and out of a session, without copies where that pays. */
import {
  bytesOf,
  describeValue,
  dtypeInfo,
  FlagosError,
  isDType,
  Tensor,
  wrapError,
  type Prepared,
  type Region,
  type RunValue,
} from 'flagos/plugin';
import type { OrtTensor, Runner, Tensors } from './session.ts';

const sameDims = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

const isShared = ({ data }: Tensor): boolean => !Array.isArray(data) && data.buffer instanceof SharedArrayBuffer;

/** onnxruntime's tensor over the memory of ours, kept for as long as the same memory comes. */
class Slot {
  readonly name: string;
  #tensor: Tensor | undefined;
  #wrapped: OrtTensor | undefined;

  constructor(name: string) {
    this.name = name;
  }

  wrap(tensor: Tensor): OrtTensor {
    // Before Node 22 the native side cannot read shared memory: a copy each time, because others may write to it.
    if (isShared(tensor)) return { type: tensor.dtype, data: tensor.data.slice(), dims: [...tensor.dims], location: 'cpu' };
    const last = this.#tensor;
    if (tensor !== last) {
      if (!this.#wrapped || !last || tensor.data !== last.data || tensor.dtype !== last.dtype || !sameDims(tensor.dims, last.dims)) {
        this.#wrapped = { type: tensor.dtype, data: tensor.data, dims: [...tensor.dims], location: 'cpu' };
      }
      this.#tensor = tensor;
    }
    return this.#wrapped!;
  }
}

const isTensor = (value: RunValue): value is Tensor => value !== undefined && value !== null && 'data' in value;

/** A result as a tensor of ours, over the same memory: float16 may come as a Float16Array, which is stored as codes. */
const adopt = ({ type, dims, data }: OrtTensor): Tensor => {
  if (!isDType(type)) throw new FlagosError('FLAGOS_E_KERNEL', `onnxruntime gave a tensor of unknown type ${type}`);
  const { storage } = dtypeInfo(type);
  const plain = Array.isArray(data) || !storage || data instanceof storage ? data : new storage(data.buffer, data.byteOffset, data.length);
  return new Tensor(type, [...dims], plain);
};

/**
 * Up to this many bytes a result is copied to where it is wanted: handing over a place costs a little more
 * than that (measured: even at 128 KiB), and the native binding makes a copy for its answer in any case.
 */
const copiedBytes = 1 << 16;

const copy = (from: Tensor, to: Tensor): void => {
  if (from.dtype !== to.dtype || !sameDims(from.dims, to.dims)) {
    throw new FlagosError('FLAGOS_E_KERNEL', `the result is ${describeValue(from)}, where ${describeValue(to)} was expected`);
  }
  if (Array.isArray(from.data) && Array.isArray(to.data)) for (let i = 0; i < to.data.length; i++) to.data[i] = from.data[i]!;
  else if (!Array.isArray(from.data) && !Array.isArray(to.data)) bytesOf(to.data).set(bytesOf(from.data));
};

export class OnnxruntimePrepared implements Prepared {
  /** Not known: onnxruntime keeps its memory to itself. */
  readonly workspaceBytes = 0;
  #runner: Runner | undefined;
  readonly #inputs: readonly Slot[];
  readonly #outputs: readonly Slot[];
  readonly #feeds: Tensors<OrtTensor> = {};
  readonly #fetches: Tensors<OrtTensor | null> = {};

  constructor(runner: Runner, region: Region) {
    this.#runner = runner;
    this.#inputs = region.inputs.map((v) => new Slot(v.name));
    this.#outputs = region.outputs.map((v) => new Slot(v.name));
  }

  run(inputs: readonly RunValue[], outputs: RunValue[]): void | Promise<void> {
    if (!this.#runner) throw new FlagosError('FLAGOS_E_DISPOSED', 'the region was disposed');
    for (let i = 0; i < this.#inputs.length; i++) {
      const slot = this.#inputs[i]!;
      const value = inputs[i];
      if (!isTensor(value)) throw new FlagosError('FLAGOS_E_KERNEL_CONTRACT', `input '${slot.name}' must be a tensor`);
      this.#feeds[slot.name] = slot.wrap(value);
    }
    for (let i = 0; i < this.#outputs.length; i++) {
      const slot = this.#outputs[i]!;
      const place = outputs[i];
      this.#fetches[slot.name] =
        this.#runner.takesPlaces && isTensor(place) && place.byteLength > copiedBytes && !isShared(place) ? slot.wrap(place) : null;
    }
    let results: Tensors<OrtTensor> | Promise<Tensors<OrtTensor>>;
    try {
      results = this.#runner.run(this.#feeds, this.#fetches);
    } catch (thrown) {
      throw wrapError('FLAGOS_E_KERNEL', thrown);
    }
    if (!(results instanceof Promise)) return this.#handOut(results, outputs);
    return results.then(
      (r) => this.#handOut(r, outputs),
      (thrown: unknown) => {
        throw wrapError('FLAGOS_E_KERNEL', thrown);
      },
    );
  }

  #handOut(results: Tensors<OrtTensor>, outputs: RunValue[]): void {
    for (let i = 0; i < this.#outputs.length; i++) {
      const { name } = this.#outputs[i]!;
      const place = outputs[i];
      if (!isTensor(place)) outputs[i] = adopt(results[name]!);
      else if (this.#fetches[name] === null) copy(adopt(results[name]!), place);
    }
  }

  dispose(): void | Promise<void> {
    const runner = this.#runner;
    this.#runner = undefined;
    return runner?.dispose();
  }
}
