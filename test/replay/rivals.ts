/**
 * Vendors whose kernels take the time they are given, on a clock only they move: two that are all but equal, one that
 * is clearly slower and promises most. Each has bits of its own.
 */
import { Tensor } from '../../src/core/tensor.ts';
import { seeded } from '../../src/dispatch/testing-random.ts';
import type { KernelProvider } from '../../src/plugins/contract.ts';
import { vendor } from '../dispatch/kit.ts';

/** Microseconds of a node. */
const speeds = { even: 200, twin: 202, boasts: 700 } as const;

/** Milliseconds. */
let now = 0;

export const rivals = (): KernelProvider[] =>
  Object.entries(speeds).map(([name, us], i) =>
    vendor(name, {
      regions: 'connected',
      prior: name === 'boasts' ? { gflops: 1e4, gbps: 1e4 } : {},
      run: (_, outputs, honest, region) => {
        honest();
        for (const t of outputs) if (t instanceof Tensor) t.data.forEach((v, k) => void (t.data[k] = Number(v) * (1 + i * 2e-7)));
        now += (us * region.nodes.length) / 1e3;
      },
    }),
  );

/** Their clock, on which each span appears up to 20 % shorter or longer than it is. */
export const noisyClock = (seed: number): (() => number) => {
  const random = seeded(seed);
  let [last, shown] = [now, 0];
  return () => {
    shown += (now - last) * (0.8 + 0.4 * random());
    last = now;
    return shown;
  };
};
