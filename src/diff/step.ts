/** What comparisons ask of a step of a run: its values on the host, what its kernel declares, and to run it again. */
import { concreteShape } from '../core/graph.ts';
import type { Numerics } from '../core/numerics.ts';
import { MapValue, Sequence, Tensor, type Value } from '../core/tensor.ts';
import type { PlannedRegion } from '../dispatch/planner.ts';
import type { Step } from '../dispatch/prepare.ts';
import { isDeterministic } from '../ops/bind.ts';
import { defaultVariant, type DeviceTensor, type MemorySpace, type Region, type RunValue } from '../plugins/contract.ts';

export const isValue = (v: RunValue): v is Value => v === null || v instanceof Tensor || v instanceof Sequence || v instanceof MapValue;
const isDevice = (v: RunValue): v is DeviceTensor => typeof v === 'object' && v !== null && 'space' in v;

export const copyOf = (v: Value): Value => (v instanceof Tensor ? v.clone() : v);

/** A value on the host; undefined where it cannot be had. */
export const onHost = async (v: RunValue, memory: MemorySpace | undefined): Promise<Value | undefined> =>
  isValue(v) ? v : isDevice(v) && memory ? memory.download(v) : undefined;

/** What the kernel of a region declares. */
export const numericsOf = ({ chip, variant, region }: PlannedRegion): Numerics =>
  (chip!.session.variants?.(region) ?? [defaultVariant]).find((v) => v.name === variant)?.numerics ?? defaultVariant.numerics;

/** Whether an op of it draws random numbers. */
export const isRandom = ({ nodes }: PlannedRegion): boolean =>
  nodes.some(
    ({ bound, args }) =>
      bound !== undefined &&
      !isDeterministic(
        bound,
        args.map((a) => a.type),
        args.map((a) => a.value),
      ),
  );

/** The kernel of a step once more, on these inputs, into other tensors. For chips in host memory. */
export const runAgain = async (step: Step, region: Region, inputs: readonly Value[]): Promise<Value[]> => {
  const places: RunValue[] = region.outputs.map(({ type }) => {
    const shape = concreteShape(type);
    return type?.kind === 'tensor' && shape ? Tensor.zeros(type.dtype, shape) : undefined;
  });
  await step.prepared.run(inputs, places);
  return places as Value[];
};
