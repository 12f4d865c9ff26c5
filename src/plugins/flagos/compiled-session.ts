/**
 * What chips of this library have in common that compile regions in the process itself: a region's
 * expressions are lowered and handed to the chip, which gives back something that runs on arrays.
 */
import { chain, type MaybePromise } from '../../core/async.ts';
import type { NumericData } from '../../core/dtype.ts';
import { Tensor } from '../../core/tensor.ts';
import type { ChipClass } from '../../compiler/explicit/schedule.ts';
import { lower } from '../../compiler/lower.ts';
import type { Buffer, Program } from '../../compiler/loops.ts';
import type { OpSet } from '../../ops/registry.ts';
import {
  supported,
  type ChipSession,
  type CostPrior,
  type Prepared,
  type Region,
  type RunValue,
  type Support,
  type Variant,
} from '../contract.ts';
import { contentCheck, hostVariant, isHostRegion, prepareHost } from '../host-kernels.ts';
import { accumulating } from './numerics.ts';
import { regionExpressions, supportsNode } from './region-expressions.ts';

/** A compiled program. */
export interface CompiledProgram {
  readonly workspaceBytes: number;
  /** See `Prepared.code`. */
  readonly code: string;
  /** One array per input and per output of the program, in its order. */
  run(inputs: readonly NumericData[], outputs: readonly NumericData[]): void;
  dispose(): void;
}

export abstract class CompiledSession implements ChipSession {
  readonly regions = 'connected';
  readonly dynamicShapes = true;
  abstract readonly prior: CostPrior;
  protected abstract readonly variant: Variant;
  protected abstract readonly chipClass: ChipClass;
  readonly #ops: OpSet;

  constructor(ops: OpSet) {
    this.#ops = ops;
  }

  /** @param constants inputs whose contents are the same at every run, with those. */
  protected abstract compile(program: Program, constants: ReadonlyMap<Buffer, Tensor>, variant: string): MaybePromise<CompiledProgram>;

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
    const variant = accumulating(this.variant, region);
    return [contentCheck(this.#ops, region) ? { ...variant, alone: true } : variant];
  }

  prepare(region: Region, variant: string): MaybePromise<Prepared> {
    if (isHostRegion(this.#ops, region)) return prepareHost(this.#ops, region);
    const { inputs, outputs } = regionExpressions(this.#ops, region);
    const program = lower(
      inputs.map((i) => i.tensor),
      outputs,
      undefined,
      undefined,
      this.chipClass,
    );
    const constants = new Map(inputs.flatMap(({ constant }, i) => (constant ? [[program.inputs[i]!, constant] as const] : [])));
    const made = outputs.map((o) => ({ dims: o.shape, dtype: o.dtype }));
    return chain(this.compile(program, constants, variant), (compiled) =>
      prepared(compiled, inputs, made, contentCheck(this.#ops, region)),
    );
  }

  close(): void {}
}

type InputSource = { readonly constant: Tensor | undefined; readonly position: number };

const prepared = (
  compiled: CompiledProgram,
  inputs: readonly InputSource[],
  made: readonly { dims: readonly number[]; dtype: Tensor['dtype'] }[],
  check: ((inputs: readonly RunValue[]) => void) | undefined,
): Prepared => {
  const from = inputs.map((i) => i.position);
  // Reused at every run; constants stay in their places.
  const read = inputs.map((i) => i.constant?.data as NumericData);
  const written = new Array<NumericData>(made.length);
  return {
    workspaceBytes: compiled.workspaceBytes,
    code: compiled.code,
    run: (given, outputs) => {
      check?.(given);
      for (let i = 0; i < from.length; i++) if (from[i]! >= 0) read[i] = (given[from[i]!] as Tensor).data as NumericData;
      for (let i = 0; i < made.length; i++) {
        // Programs write every element.
        const place = (outputs[i] ??= Tensor.uncleared(made[i]!.dtype, made[i]!.dims)) as Tensor;
        written[i] = place.data as NumericData;
      }
      compiled.run(read, written);
    },
    dispose: () => compiled.dispose(),
  };
};
