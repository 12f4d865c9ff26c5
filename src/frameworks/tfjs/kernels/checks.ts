/**
 * What tfjs refuses at the call, not when results are read: contents that no shape tells. Looked at only
 * where they are there without running anything; otherwise the op's own check refuses them later.
 */
import { FlagosError } from '../../../core/errors.ts';
import type { Tensor } from '../../../core/tensor.ts';
import type { KernelAttributes } from '../translate.ts';

interface Known {
  readonly shape: readonly number[];
  /** Undefined while a result is still to be calculated. */
  readonly value: Tensor | undefined;
}

export type KernelCheck = (inputs: Readonly<Record<string, Known | undefined>>, attributes: KernelAttributes) => void;

/** @throws FLAGOS_E_VALUE for an index outside of the axis. */
const gather: KernelCheck = ({ x, indices }, { axis }) => {
  const at = Array.isArray(axis) ? (axis[0] as number) : Number(axis ?? 0);
  const extent = x!.shape.at(at)!;
  const data = indices!.value?.data;
  if (!data) return;
  for (let i = 0; i < data.length; i++) {
    const index = Number(data[i]);
    if (index < 0 || index >= extent)
      throw new FlagosError('FLAGOS_E_VALUE', `GatherV2: the index value ${index} is not in [0, ${extent - 1}]`);
  }
};

export const checks: ReadonlyMap<string, KernelCheck> = new Map([['GatherV2', gather]]);
