/** The chip `flagos/js`: regions as JavaScript functions. Ready at once, and there wherever this library is. */
import { hashOf } from '../../core/hash.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Buffer, Program } from '../../compiler/loops.ts';
import { renderJsFast } from '../../compiler/render/js-fast.ts';
import type { MaybePromise } from '../../core/async.ts';
import type { RawJs } from '../../ops/raw/kernel.ts';
import type { OpSet } from '../../ops/registry.ts';
import { supported, type Chip, type Prepared, type Region, type Support, type Variant } from '../contract.ts';
import { contentCheck } from '../host-kernels.ts';
import { CompiledSession, type CompiledProgram } from './compiled-session.ts';
import { prepareRawJs, rawKernelsOf, RawKernels, type RawSource } from './raw-kernels.ts';

/** Arithmetic is JavaScript's own, in float64; long sums are taken in several parts. */
const float64: Variant = { name: 'fp64acc', numerics: { inputs: 'same', accumulate: 'float64', notes: ['reassociated'] } };

export const jsChip: Chip = { id: 'js', description: 'generated JavaScript', fingerprint: 'js-1' };

export class JsSession extends CompiledSession {
  readonly prior = { overheadUs: 2, gflops: 4, gbps: 3 };
  readonly instant = true;
  protected readonly variant = float64;
  protected readonly chipClass = 'js';

  readonly #raw: RawKernels<RawJs>;
  readonly #known: OpSet;

  /** @param raw all raw kernels; those of the records if left out. */
  constructor(ops: OpSet, raw: RawSource = () => rawKernelsOf(ops)) {
    super(ops);
    this.#known = ops;
    this.#raw = new RawKernels(ops, 'flagos/js', raw);
  }

  override supports(region: Region): Support {
    const generated = super.supports(region);
    return generated.ok || this.#raw.matching(region).length === 0 ? generated : supported;
  }

  override variants(region: Region): readonly Variant[] {
    return [...(super.supports(region).ok ? super.variants(region) : []), ...this.#raw.variants(region)];
  }

  override prepare(region: Region, variant: string): MaybePromise<Prepared> {
    const raw = this.#raw.find(region, variant);
    return raw ? prepareRawJs(raw, region, contentCheck(this.#known, region)) : super.prepare(region, variant);
  }

  protected compile(program: Program, constants: ReadonlyMap<Buffer, Tensor>): CompiledProgram {
    const kernel = renderJsFast(program, new Set(constants.keys()));
    return {
      workspaceBytes: kernel.workspaceBytes,
      code: hashOf(kernel.sources.join('\n')),
      run: (inputs, outputs) => kernel.run(inputs, outputs),
      dispose: () => {},
    };
  }
}
