/**
 * Whole models: time of onnxruntime-node alone and of this library under several policies, interleaved
 * in one run, on the ONNX light models with seeded random weights. `--models squeezenet,resnet50`
 * picks some, `--policies vendor,default,cpu` the contenders.
 */
import { join, resolve } from 'node:path';
import * as ort from 'onnxruntime-node';
import { seedWeights } from '../src/cli/seeded/weights.ts';
import { Tensor } from '../src/core/tensor.ts';
import { concreteShape } from '../src/core/graph.ts';
import { install } from '../src/entries/onnxruntime.ts';
import { lowestOpset, writeModel } from '../src/formats/onnx/index.ts';
import { createRuntime, type RuntimeConfig } from '../src/host/flagos.ts';
import { findOnnxTests } from '../src/host/onnx-cases.ts';
import { readOnnx } from '../src/host/onnx-files.ts';
import { measure } from './lib/measure.ts';
import { option } from './lib/option.ts';
import { untilQuiet } from './lib/quiet.ts';
import { report, type Row } from './lib/report.ts';

const root = findOnnxTests(resolve('.'));
if (!root) {
  console.log('skipped: no ONNX backend tests (set FLAGOS_ONNX_TESTS)');
  process.exit(0);
}

const policies: Record<string, RuntimeConfig> = {
  vendor: { prefer: ['vendor:onnxruntime'] },
  default: {},
  cpu: { prefer: ['flagos/cpu'], fallback: 'none' },
  wasm: { prefer: ['flagos/wasm'], fallback: 'none' },
  wasm1: { prefer: ['flagos/wasm'], fallback: 'none', threads: 1 },
  bf16: { prefer: ['impl:flagos/cpu:*.bf16', 'flagos/cpu'], fallback: 'none' },
  winograd: { prefer: ['impl:flagos/cpu:*.winograd', 'flagos/cpu'], fallback: 'none' },
  int8: { prefer: ['impl:flagos/cpu:*.int8', 'flagos/cpu'], fallback: 'none' },
};
const budgets: Record<string, Row['budget']> = { vendor: { sense: '≤', value: 1.05 } };

const rows: Row[] = [];
for (const name of option('models', 'squeezenet').split(',')) {
  const { model } = seedWeights(readOnnx(join(root, 'light', `light_${name}.onnx`)), 1);
  const { graph } = model;
  const bytes = writeModel({ graph, name, opsets: { '': lowestOpset(graph) } });
  const input = graph.inputs.find((i) => !graph.initializers.has(i.name))!;
  const dims = concreteShape(input.type)!;
  const x = Tensor.from(
    'float32',
    dims,
    Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 12.9898) * 2),
  );
  const feeds = { [input.name]: new ort.Tensor('float32', x.data as Float32Array, dims) };
  const plain = await ort.InferenceSession.create(bytes, { executionProviders: ['cpu'], logSeverityLevel: 3 });
  const contenders = [{ name: 'onnxruntime-node', run: () => plain.run(feeds) as Promise<unknown> }];
  const close: (() => Promise<void>)[] = [];
  const expected = await plain.run(feeds);
  const errors: number[] = [0];
  for (const policy of option('policies', 'vendor').split(',')) {
    // A copy of the module, so that each runtime has a registry of its own.
    const flagos = await createRuntime({ ...policies[policy], log: 'error' });
    const own = {
      Tensor: ort.Tensor,
      registerBackend: (_n: string, b: { createInferenceSessionHandler: (...a: never[]) => unknown }) => (backend = b),
    };
    let backend: { createInferenceSessionHandler: (...a: never[]) => unknown } | undefined;
    await install(own as never, { runtime: flagos });
    const handler = (await backend!.createInferenceSessionHandler(bytes as never, {} as never)) as {
      run: (f: unknown, g: unknown, o: unknown) => Promise<Record<string, ort.Tensor>>;
    };
    const session = new (ort.InferenceSession as unknown as new (h: unknown) => ort.InferenceSession)(handler);
    const got = await session.run(feeds);
    errors.push(Math.max(...Object.keys(expected).map((k) => relative(got[k]!.data as Float32Array, expected[k]!.data as Float32Array))));
    contenders.push({ name: policy, run: () => session.run(feeds) });
    close.push(() => flagos.close());
  }
  const timings = await measure(contenders, { rounds: 21, sliceMs: 150, warmupMs: 500, settle: untilQuiet });
  timings.forEach((t, i) =>
    rows.push(
      i === 0
        ? { what: `${name}: ${t.name}`, value: t.medianUs / 1e3, unit: 'ms' }
        : {
            what: `${name}: ${t.name}, ratio of times`,
            value: t.ratio,
            unit: '×',
            budget: budgets[t.name],
            details: { medianMs: t.medianUs / 1e3, relativeError: errors[i] },
          },
    ),
  );
  for (const c of close) await c();
}
report('whole models against onnxruntime-node (below 1: faster)', rows);

/** Largest difference relative to the largest value. */
function relative(a: Float32Array, b: Float32Array): number {
  let worst = 0;
  let scale = 0;
  for (let i = 0; i < b.length; i++) {
    worst = Math.max(worst, Math.abs(a[i]! - b[i]!));
    scale = Math.max(scale, Math.abs(b[i]!));
  }
  return worst / (scale || 1);
}
