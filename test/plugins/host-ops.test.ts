/** Ops that are functions on host values run on every chip of this library, without anybody's permission. */
import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/core/tensor.ts';
import { createRuntime } from '../../src/host/flagos.ts';

describe('an op that is a host function', () => {
  it('runs wherever it is asked to, nobody else allowed', async () => {
    const flagos = await createRuntime({ discover: false, log: 'error' });
    const inputs = [Tensor.from('float32', [4], [3, 1, 2, 5]), Tensor.from('int64', [1], [2])];
    for (const { id } of flagos.runtime.chips) {
      const policy = { prefer: [id as `${string}/${string}`], fallback: 'none' } as const;
      const [values, indices] = await flagos.call('TopK', inputs, {}, { outputs: 2, policy });
      expect([id, (values as Tensor).toValues(), (indices as Tensor).toValues()]).toEqual([id, [5, 3], [3n, 0n]]);
    }
    await flagos.close();
  });
});
