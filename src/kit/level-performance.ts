/** Level `performance`: how long the most common calls take, as rows; nothing is too slow to pass. */
import { bytesOf, Tensor } from '../core/tensor.ts';
import type { RunValue } from '../plugins/contract.ts';
import { signatureOf } from '../dispatch/planned.ts';
import { specialize } from '../dispatch/specialize.ts';
import { kernelId } from '../opmanager/decision.ts';
import { performanceRowOf, type Session } from '../opmanager/tables/performance-row.ts';
import { chipFingerprint, identityOf } from '../opmanager/tables/snapshot.ts';
import { shapedCase, type Case } from './case.ts';
import { typeOf } from './examples/example.ts';
import { enter, leave } from './perform.ts';
import { variantsFor } from './supported.ts';
import { pass, type Check, type Outcome, type Subject } from './types.ts';

const MOST = 50;
const BUDGET_MS = 250;

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

/** What tables know the call by. */
const signatureOfCase = ({ ops }: Subject, { region, inputs }: Case): string => {
  const { nodes, outputs, constants, types } = region;
  const graph = { name: 'case', nodes, inputs: region.inputs, outputs, initializers: constants, types };
  const known = new Map(region.inputs.map(({ name }, i) => [name, { type: typeOf(inputs[i]), value: undefined }] as const));
  return signatureOf(specialize(graph, known, { ops, trusting: true }).nodes[0]!);
};

const around = ({ machine, host }: Subject): Session => ({
  date: new Date().toISOString(),
  host: machine?.name ?? '',
  threads: host.threads,
  quiet: machine?.quiet() ?? false,
});

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
        const { provider, chip, host } = subject;
        const row = performanceRowOf(
          { signature: signatureOfCase(subject, c), kernel: kernelId(provider.name, chip.id, op, variant.name) },
          identityOf(provider, { fingerprint: chipFingerprint(chip, host) }),
          samples,
          sizeOfAll(c.inputs) + sizeOfAll(results),
          around(subject),
          { coldUs: cold * 1000 },
        );
        const { medianUs, madUs, p95Us, coldUs, bytes, kernel } = row;
        return {
          ...pass(`${medianUs.toFixed(1)} µs`),
          facts: { kernel, medianUs, madUs, p95Us, coldUs, bytes, runs: samples.length },
          row,
        };
      },
    }));
  });
