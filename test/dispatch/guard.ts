/** An observer that finds kernels that change what they were only to read. */
import { bytesOf, Tensor } from '../../src/core/tensor.ts';
import type { StepObserver } from '../../src/dispatch/execute.ts';
import type { RunValue } from '../../src/plugins/contract.ts';

const copyOf = (v: RunValue): string | undefined => {
  if (!(v instanceof Tensor)) return undefined;
  return Array.isArray(v.data) ? JSON.stringify(v.data) : Buffer.from(bytesOf(v.data)).toString('base64');
};

/** @throws from the run, naming the kernel. */
export const guardInputs = (): StepObserver => {
  const before = new Map<object, (string | undefined)[]>();
  return {
    before: (step) => void before.set(step, step.inputs.map(copyOf)),
    after: (step) => {
      const changed = step.inputs.findIndex((v, i) => copyOf(v) !== before.get(step)![i]);
      if (changed >= 0) throw new Error(`${step.kernel} changed its input ${changed}`);
    },
  };
};
