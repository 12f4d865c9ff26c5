/** The chip `flagos/cpu`: regions compiled to machine code, one library and one call each. */
import type { NumericData } from '../../core/dtype.ts';
import { lower } from '../../compiler/lower.ts';
import { channelsLast } from '../../compiler/contraction/layout.ts';
import { scheduleContractions } from '../../compiler/contraction/schedule.ts';
import { renderC, storageType } from '../../compiler/render/c.ts';
import type { OpSet } from '../../ops/registry.ts';
import { Tensor } from '../../core/tensor.ts';
import { supported, type ChipSession, type Prepared, type Region, type RunValue, type Support, type Variant } from '../contract.ts';
import { contentCheck, hostVariant, isHostRegion, prepareHost } from '../host-kernels.ts';
import type { NativeKernel, NativeToolchain } from './native.ts';
import { regionExpressions, supportsNode } from './region-expressions.ts';

/** Estimated operations above which a region runs on another thread: below, the hop costs more than it frees. */
const ASYNC_FLOPS = 2e6;

interface OutputInfo {
  readonly dims: readonly number[];
  readonly dtype: Tensor['dtype'];
}

class PreparedNative implements Prepared {
  readonly workspaceBytes: number;
  readonly #toolchain: NativeToolchain;
  readonly #kernel: NativeKernel;
  readonly #params: BigInt64Array;
  readonly #addresses: BigUint64Array;
  /** The array each address was taken of: as long as it is the same one, so is the address. */
  readonly #arrays: (NumericData | undefined)[];
  readonly #inputs: Int32Array;
  /** Workspace and constants: the addresses in `b` do not keep them alive. */
  readonly held: readonly unknown[];
  readonly #async: boolean;
  readonly #check: ((inputs: readonly RunValue[]) => void) | undefined;
  readonly #outputs: readonly OutputInfo[];

  constructor(
    toolchain: NativeToolchain,
    kernel: NativeKernel,
    parts: {
      params: readonly number[];
      tempOffsets: readonly number[];
      workspaceBytes: number;
      constants: readonly (Tensor | undefined)[];
      inputs: readonly number[];
      outputs: readonly OutputInfo[];
      work: number;
      check: ((inputs: readonly RunValue[]) => void) | undefined;
    },
  ) {
    this.#toolchain = toolchain;
    this.#kernel = kernel;
    this.#params = BigInt64Array.from(parts.params, BigInt);
    this.#inputs = Int32Array.from(parts.inputs);
    this.#outputs = parts.outputs;
    this.#check = parts.check;
    this.#async = parts.work > ASYNC_FLOPS;
    const count = parts.inputs.length + parts.outputs.length;
    this.#addresses = new BigUint64Array(count + parts.tempOffsets.length);
    this.#arrays = new Array<NumericData | undefined>(count).fill(undefined);
    this.workspaceBytes = parts.workspaceBytes;
    const { memory, address: start } = toolchain.allocate(parts.workspaceBytes);
    parts.tempOffsets.forEach((o, i) => (this.#addresses[count + i] = start + BigInt(o)));
    parts.constants.forEach((c, i) => c && this.#bind(i, c));
    this.held = [memory, parts.constants];
    kernel.prepare(this.#addresses, this.#params);
  }

  #bind(i: number, tensor: Tensor): void {
    const data = tensor.data as NumericData;
    if (this.#arrays[i] === data) return;
    this.#arrays[i] = data;
    this.#addresses[i] = data.byteLength === 0 ? 0n : this.#toolchain.address(data);
  }

  run(inputs: readonly RunValue[], outputs: RunValue[]): void | Promise<void> {
    this.#check?.(inputs);
    for (let i = 0; i < this.#inputs.length; i++) if (this.#inputs[i]! >= 0) this.#bind(i, inputs[this.#inputs[i]!] as Tensor);
    for (let i = 0; i < this.#outputs.length; i++) {
      const place = (outputs[i] ??= Tensor.zeros(this.#outputs[i]!.dtype, this.#outputs[i]!.dims)) as Tensor;
      this.#bind(this.#inputs.length + i, place);
    }
    if (this.#async) return this.#kernel.runAsync(this.#addresses, this.#params);
    this.#kernel.run(this.#addresses, this.#params);
  }

  dispose(): void {
    this.#arrays.fill(undefined);
  }
}

const float32: Variant = { name: 'fp32', numerics: { inputs: 'same', accumulate: 'float32', notes: ['reassociated'] } };

export class CpuSession implements ChipSession {
  readonly regions = 'connected';
  readonly dynamicShapes = true;
  /** A call takes 1 µs; the rest is a compilation of 0.3 s spread over ten thousand runs. The rate is that of ResNet-50’s convolutions on two threads, halved. */
  readonly prior = { overheadUs: 31, gflops: 100, gbps: 8 };
  readonly #ops: OpSet;
  readonly #toolchain: NativeToolchain;

  constructor(ops: OpSet, toolchain: NativeToolchain) {
    this.#ops = ops;
    this.#toolchain = toolchain;
  }

  supports(region: Region): Support {
    if (isHostRegion(this.#ops, region)) return supported;
    for (const node of region.nodes) {
      const support = supportsNode(this.#ops, node, region);
      if (!support.ok) return support;
    }
    return supported;
  }

  variants(region: Region): readonly Variant[] {
    if (isHostRegion(this.#ops, region)) return [hostVariant];
    // What must be checked before it runs has to be at hand then, not inside a fused region.
    return [contentCheck(this.#ops, region) ? { ...float32, alone: true } : float32];
  }

  async prepare(region: Region): Promise<Prepared> {
    if (isHostRegion(this.#ops, region)) return prepareHost(this.#ops, region);
    const { inputs, outputs } = regionExpressions(this.#ops, region);
    const around = { target: this.#toolchain.target, storage: storageType };
    const program = lower(
      inputs.map((i) => i.tensor),
      outputs,
      (body) => scheduleContractions(body, around),
      channelsLast,
    );
    const { source, params, tempOffsets, workspaceBytes } = renderC(program);
    const label = region.nodes.length === 1 ? region.nodes[0]!.op : `${region.nodes.length} ops from ${region.nodes[0]!.name}`;
    const kernel = await this.#toolchain.load(source, label);
    return new PreparedNative(this.#toolchain, kernel, {
      params,
      tempOffsets,
      workspaceBytes,
      constants: inputs.map((i) => i.constant),
      inputs: inputs.map((i) => i.position),
      outputs: outputs.map((o) => ({ dims: o.shape, dtype: o.dtype })),
      work: program.work,
      check: contentCheck(this.#ops, region),
    });
  }

  close(): void {}
}
