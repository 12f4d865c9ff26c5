/**
 * Lowering: tensor expressions → loop IR. One pass that walks the tensors operands first, gives each
 * materialized one a buffer and a loop nest (`lowering/tensors.ts`), and turns reductions into
 * accumulators (`lowering/scalars.ts`).
 */
import type { ChipClass } from './explicit/schedule.ts';
import { flattenLoops } from './flatten.ts';
import { hoistIndexArithmetic } from './hoist.ts';
import { workOf, type Buffer, type Program, type Stmt } from './loops.ts';
import { Places, type Layout } from './lowering/places.ts';
import { TensorLowering } from './lowering/tensors.ts';
import { LoopWriter } from './lowering/writer.ts';
import { takeInventory } from './materialize.ts';
import type { InputTensor, TensorExpr } from './tensor-expr.ts';

export type { Layout } from './lowering/places.ts';

/** What a chip's schedule makes of a program's loops. */
export interface Scheduled {
  readonly body: readonly Stmt[];
  /** See {@link Program.prepare}. */
  readonly prepare: readonly Stmt[];
  /** Workspace that came with it. */
  readonly temps: readonly Buffer[];
}

/**
 * Lowers tensors to a program whose input buffers stand in the order of `inputs` and whose output
 * buffers in that of `outputs`.
 * @param schedule the chip's own way with some loops; it sees them before they are merged and hoisted.
 * @param layout gives layouts of the tensors on the way to these outputs.
 * @param chip whose explicit schedules count.
 * @throws FLAGOS_E_SCHEDULE
 */
export const lower = (
  inputs: readonly InputTensor[],
  outputs: readonly TensorExpr[],
  schedule?: (body: readonly Stmt[]) => Scheduled,
  layout?: (outputs: readonly TensorExpr[]) => Layout,
  chip?: ChipClass,
): Program => {
  const inputBuffers = inputs.map((t, i): Buffer => ({
    name: `x${i}`,
    dtype: t.dtype,
    size: t.size,
    role: 'input',
    ...(t.value ? { constant: true } : {}),
  }));
  const outputBuffers = outputs.map((t, i): Buffer => ({ name: `y${i}`, dtype: t.dtype, size: t.size, role: 'output' }));
  const writer = new LoopWriter();
  const places = new Places();
  const tensors = new TensorLowering(writer, places, takeInventory(outputs, chip), layout?.(outputs) ?? (() => undefined));
  inputs.forEach((t, i) => places.put(t, inputBuffers[i]!));
  tensors.outputs(outputs, outputBuffers);
  const scheduled = schedule?.(writer.body);
  const body = hoistIndexArithmetic(flattenLoops(scheduled?.body ?? writer.body));
  return {
    inputs: inputBuffers,
    outputs: outputBuffers,
    temps: [...writer.temps, ...(scheduled?.temps ?? [])],
    body,
    prepare: scheduled?.prepare ?? [],
    work: workOf(body),
  };
};
