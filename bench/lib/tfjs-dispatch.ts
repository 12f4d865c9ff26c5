/** What tfjs pays to have a small op called on a backend, its result not read: Add of four numbers, given back at once. */
import type * as Tf from '@tensorflow/tfjs-core';
import { measure } from './measure.ts';
import type { Row } from './report.ts';

const CALLS = 1000;

export const dispatchRows = async (tf: typeof Tf, rounds: number): Promise<Row[]> => {
  const contender = async (backend: string): Promise<{ name: string; run: () => Promise<void> }> => {
    await tf.setBackend(backend);
    const [a, b] = [tf.tensor1d([1, 2, 3, 4]), tf.tensor1d([5, 6, 7, 8])];
    const run = async (): Promise<void> => {
      if (tf.getBackend() !== backend) await tf.setBackend(backend);
      for (let i = 0; i < CALLS; i++) tf.add(a, b).dispose();
    };
    return { name: backend, run };
  };
  const [flagos, cpu] = await measure([await contender('flagos'), await contender('cpu')], { rounds, sliceMs: 20, warmupMs: 500 });
  return [
    ...[flagos!, cpu!].map((t): Row => ({ what: `a small op called, ${t.name}`, value: t.medianUs / CALLS, unit: 'µs' })),
    { what: 'a small op called, over tfjs cpu', value: 1 / cpu!.ratio, unit: '×', budget: { sense: '≤', value: 1 } },
  ];
};
