/** The chip `flagos/js`: regions as JavaScript functions. Ready at once, and there wherever this library is. */
import type { Tensor } from '../../core/tensor.ts';
import type { Buffer, Program } from '../../compiler/loops.ts';
import { renderJsFast } from '../../compiler/render/js-fast.ts';
import type { Chip, Variant } from '../contract.ts';
import { CompiledSession, type CompiledProgram } from './compiled-session.ts';

/** Arithmetic is JavaScript's own, in float64; long sums are taken in several parts. */
const float64: Variant = { name: 'fp64acc', numerics: { inputs: 'same', accumulate: 'float64', notes: ['reassociated'] } };

export const jsChip: Chip = { id: 'js', description: 'generated JavaScript', fingerprint: 'js-1' };

export class JsSession extends CompiledSession {
  readonly prior = { overheadUs: 2, gflops: 4, gbps: 3 };
  readonly instant = true;
  protected readonly variant = float64;
  protected readonly chipClass = 'js';

  protected compile(program: Program, constants: ReadonlyMap<Buffer, Tensor>): CompiledProgram {
    const kernel = renderJsFast(program, new Set(constants.keys()));
    return { workspaceBytes: kernel.workspaceBytes, run: (inputs, outputs) => kernel.run(inputs, outputs), dispose: () => {} };
  }
}
