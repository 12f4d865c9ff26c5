/** The chip `flagos/cpu`: regions compiled to machine code, one library and one call each. */
import { lower } from '../../compiler/lower.ts';
import { channelsLast } from '../../compiler/contraction/layout.ts';
import type { Target } from '../../compiler/contraction/types.ts';
import type { Surroundings } from '../../compiler/contraction/plan.ts';
import { scheduleContractions } from '../../compiler/contraction/schedule.ts';
import { renderC } from '../../compiler/render/c.ts';
import { storageType } from '../../compiler/render/c-types.ts';
import type { RawC } from '../../ops/raw/kernel.ts';
import type { OpSet } from '../../ops/registry.ts';
import {
  supported,
  type ChipSession,
  type CostPrior,
  type Prepared,
  type PrepareWatch,
  type Region,
  type Support,
  type Variant,
} from '../contract.ts';
import { contentCheck, hostVariant, isHostRegion, prepareHost } from '../host-kernels.ts';
import type { NativeToolchain } from './native.ts';
import { accumulating } from './numerics.ts';
import { PreparedNative } from './prepared-native.ts';
import { rawKernelsOf, rawProgram, RawKernels, type RawMatch, type RawSource } from './raw-kernels.ts';
import { regionExpressions, supportsNode } from './region-expressions.ts';

const SERIAL = 'fp32-serial';
/** Other schedules of the same arithmetic: what they are told of the processor in place of what it is. */
const schedules: Readonly<Record<string, (target: Target) => Target>> = {
  // The cache a core has to itself is not all a block's: other threads, hyper-threads and large pages take part of it or leave more.
  'fp32-half': (target) => ({ ...target, l2: target.l2 / 2 }),
  'fp32-double': (target) => ({ ...target, l2: target.l2 * 2 }),
  // Waking threads takes microseconds at every stage: what is short is sooner done by the caller.
  [SERIAL]: (target) => ({ ...target, threads: 1 }),
};

const float32: Variant = {
  name: 'fp32',
  numerics: { inputs: 'same', accumulate: 'float32', notes: ['reassociated'] },
};

/**
 * Contractions multiply in bfloat16 where the processor can. Everything else is calculated as ever; it is offered as
 * this variant, too, so that a region holds together in it.
 */
const bfloat16: Variant = {
  name: 'bf16',
  numerics: { inputs: 'bfloat16', accumulate: 'float32', notes: ['reassociated', 'flush-denormals'] },
};

/** Convolutions of 3 × 3 windows with known weights take fewer products where that pays; everything else as ever, see above. */
const winograd: Variant = {
  name: 'winograd',
  numerics: { inputs: 'same', accumulate: 'float32', notes: ['reassociated', 'winograd'] },
};

/** Contractions multiply bytes, scaled row by row and column by column; everything else as ever, see above. */
const int8: Variant = { name: 'int8', numerics: { inputs: 'int8', accumulate: 'float32', notes: ['approximate'] } };

const precisions: Readonly<Record<string, Surroundings['precision']>> = {
  [bfloat16.name]: 'bf16',
  [int8.name]: 'int8',
  [winograd.name]: 'winograd',
};

export class CpuSession implements ChipSession {
  readonly regions = 'connected';
  readonly dynamicShapes = true;
  readonly prior: CostPrior;
  readonly #ops: OpSet;
  readonly #toolchain: NativeToolchain;
  readonly #raw: RawKernels<RawC>;
  readonly #schedules: readonly string[];

  /** @param raw all raw kernels; those of the records if left out. */
  constructor(ops: OpSet, toolchain: NativeToolchain, raw: RawSource = () => rawKernelsOf(ops)) {
    this.#ops = ops;
    this.#toolchain = toolchain;
    this.#raw = new RawKernels(ops, 'flagos/cpu', raw);
    this.#schedules = Object.keys(schedules).filter((name) => name !== SERIAL || toolchain.target.threads > 1);
    // By bench:ops: on contractions a little ahead of the kernel libraries, well ahead on what is fused.
    this.prior = { overheadUs: 1, gflops: 110 * toolchain.target.threads, gbps: 16, prepareUs: 300_000 };
  }

  supports(region: Region): Support {
    const generated = this.#supports(region);
    return generated.ok || this.#raw.matching(region).length === 0 ? generated : supported;
  }

  #supports(region: Region): Support {
    if (isHostRegion(this.#ops, region)) return supported;
    for (const node of region.nodes) {
      const support = supportsNode(this.#ops, node, region);
      if (!support.ok) return support;
    }
    return supported;
  }

  variants(region: Region): readonly Variant[] {
    return [...(this.#supports(region).ok ? this.#generated(region) : []), ...this.#raw.variants(region)];
  }

  #generated(region: Region): readonly Variant[] {
    if (isHostRegion(this.#ops, region)) return [hostVariant];
    // What must be checked before it runs has to be at hand then, not inside a fused region.
    const alone = contentCheck(this.#ops, region) !== undefined;
    const { target } = this.#toolchain;
    const narrow = holdsFloat32(region) ? [winograd, ...(target.bf16 ? [bfloat16] : []), ...(target.int8 ? [int8] : [])] : [];
    const offered: Variant[] = [{ ...accumulating(float32, region), schedules: this.#schedules }, ...narrow];
    return alone ? offered.map((v) => ({ ...v, alone })) : offered;
  }

  async prepare(region: Region, variant: string, watch?: PrepareWatch): Promise<Prepared> {
    const raw = this.#raw.find(region, variant);
    if (raw) return this.#prepareRaw(raw, region, watch);
    if (isHostRegion(this.#ops, region)) return prepareHost(this.#ops, region);
    const { inputs, outputs } = regionExpressions(this.#ops, region);
    const precision = precisions[variant] ?? 'fp32';
    const target = schedules[variant]?.(this.#toolchain.target) ?? this.#toolchain.target;
    const around = { target, storage: storageType, precision } as const;
    const program = lower(
      inputs.map((i) => i.tensor),
      outputs,
      (body) => scheduleContractions(body, around),
      channelsLast,
      'cpu',
    );
    const code = renderC(program, target.threads === 1);
    const { source, params, tempOffsets, workspaceBytes } = code;
    const label = region.nodes.length === 1 ? region.nodes[0]!.op : `${region.nodes.length} ops from ${region.nodes[0]!.name}`;
    const kernel = await this.#toolchain.load(code, label, watch);
    return new PreparedNative(this.#toolchain, kernel, {
      source,
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

  async #prepareRaw(raw: RawMatch<RawC>, region: Region, watch: PrepareWatch | undefined): Promise<Prepared> {
    const node = region.nodes[0]!;
    const program = rawProgram(raw, this.#toolchain.target);
    const code = renderC(program);
    const given = node.inputs.filter((_, i) => raw.call.inputs[i]);
    const names = region.inputs.map((v) => v.name);
    return new PreparedNative(this.#toolchain, await this.#toolchain.load(code, `${node.op} (${raw.kernel.name})`, watch), {
      ...code,
      constants: given.map((name) => region.constants.get(name)),
      inputs: given.map((name) => names.indexOf(name)),
      outputs: raw.call.outputs.flatMap((y) => y ?? []),
      work: program.work,
      check: contentCheck(this.#ops, region),
    });
  }

  close(): void {}
}

const holdsFloat32 = (region: Region): boolean =>
  [...region.inputs, ...region.outputs].some(({ type }) => type?.kind === 'tensor' && type.dtype === 'float32');
