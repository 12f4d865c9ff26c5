/** Level `performance`: how long the most common calls take, as rows; nothing is too slow to pass. */
import { bytesOf, Tensor } from '../core/tensor.ts';
import type { RunValue } from '../plugins/contract.ts';
import { shapedCase } from './case.ts';
import { enter, leave } from './perform.ts';
import { variantsFor } from './supported.ts';
import { pass, type Check, type Outcome, type Subject } from './types.ts';

const MOST = 50;
const BUDGET_MS = 250;

const median = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length / 2)]!;
const sizeOfAll = (values: readonly unknown[]): number =>
  values.reduce<number>((n, v) => n + (v instanceof Tensor && !Array.isArray(v.data) ? bytesOf(v.data).byteLength : 0), 0);

const calls: readonly (readonly [
  op: string,
  shapes: readonly (readonly number[])[],
  attrs?: Readonly<Record<string, number | readonly number[]>>,
])[] = [
  [
    'MatMul',
    [
      [256, 256],
      [256, 256],
    ],
  ],
  ['Gemm', [[1, 1024], [1024, 1024], [1024]]],
  [
    'Conv',
    [
      [1, 64, 28, 28],
      [64, 64, 3, 3],
    ],
    { pads: [1, 1, 1, 1] },
  ],
  [
    'Conv',
    [
      [1, 64, 28, 28],
      [64, 1, 3, 3],
    ],
    { group: 64, pads: [1, 1, 1, 1] },
  ],
  ['MaxPool', [[1, 64, 56, 56]], { kernel_shape: [2, 2], strides: [2, 2] }],
  [
    'Add',
    [
      [512, 512],
      [512, 512],
    ],
  ],
  ['Relu', [[512, 512]]],
  ['Softmax', [[512, 512]]],
];

export const performanceChecks = (subject: Subject): Check[] =>
  calls.flatMap(([op, shapes, attrs]) => {
    if (subject.filter && !subject.filter.test(op)) return [];
    const c = shapedCase(subject.ops, op, 'float32', shapes, attrs);
    return variantsFor(subject, c).map((variant): Check => ({
      level: 'performance',
      name: `${c.id}${attrs?.['group'] === undefined ? '' : ' depthwise'}, ${variant.name}`,
      run: async (): Promise<Outcome> => {
        const { session } = subject;
        const began = performance.now();
        const prepared = await session.prepare(c.region, variant.name);
        const inputs = await enter(session, c.inputs);
        const outputs: RunValue[] = c.region.outputs.map(() => undefined);
        await prepared.run(inputs, outputs);
        const cold = performance.now() - began;
        const samples: number[] = [];
        const end = performance.now() + BUDGET_MS;
        while (samples.length < MOST && (samples.length < 5 || performance.now() < end)) {
          const start = performance.now();
          await prepared.run(inputs, outputs);
          samples.push((performance.now() - start) * 1000);
        }
        const results = await leave(session, outputs);
        await prepared.dispose();
        const sorted = samples.toSorted((a, b) => a - b);
        const mid = median(sorted);
        const round = (v: number): number => Math.round(v * 10) / 10;
        return {
          ...pass(`${round(mid)} µs`),
          facts: {
            kernel: `${subject.provider.name}/${subject.chip.id}:${op}.${variant.name}`,
            medianUs: round(mid),
            madUs: round(median(sorted.map((v) => Math.abs(v - mid)).toSorted((a, b) => a - b))),
            p95Us: round(sorted[Math.floor(sorted.length * 0.95)]!),
            coldUs: round(cold * 1000),
            bytes: sizeOfAll(c.inputs) + sizeOfAll(results),
            runs: samples.length,
          },
        };
      },
    }));
  });
