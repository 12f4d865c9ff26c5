/**
 * Whole models: time of onnxruntime-node alone and of this library under several policies, interleaved
 * in one run, on the ONNX light models with seeded random weights, or on models of your own.
 *
 *     npm run bench:models -- --models squeezenet,resnet50 --policies vendor,default,cpu
 *     npm run bench:models -- --models bert/model.onnx --dim batch=1 --dim sequence=128 --policies default
 */
import * as ort from 'onnxruntime-node';
import type { NumericData } from '../src/core/dtype.ts';
import { install } from '../src/entries/onnxruntime.ts';
import { toOrt } from '../src/frameworks/onnxruntime/tensors.ts';
import { createRuntime, type RuntimeConfig } from '../src/host/flagos.ts';
import { measure } from './lib/measure.ts';
import { lightModelsMissing, modelCase } from './lib/model-case.ts';
import { option } from './lib/option.ts';
import { untilQuiet } from './lib/quiet.ts';
import { report, type Row } from './lib/report.ts';

const models = option('models', 'squeezenet').split(',');
const missing = models.every((m) => m.endsWith('.onnx')) ? undefined : lightModelsMissing();
if (missing) {
  console.log(`skipped: ${missing}`);
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
for (const which of models) {
  const { name, source, inputs } = modelCase(which);
  const feeds = Object.fromEntries(Object.entries(inputs).map(([k, v]) => [k, toOrt(ort.Tensor as never, k, v) as never as ort.Tensor]));
  const plain = await ort.InferenceSession.create(source as string, { executionProviders: ['cpu'], logSeverityLevel: 3 });
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
    const handler = (await backend!.createInferenceSessionHandler(source as never, {} as never)) as {
      run: (f: unknown, g: unknown, o: unknown) => Promise<Record<string, ort.Tensor>>;
    };
    const session = new (ort.InferenceSession as unknown as new (h: unknown) => ort.InferenceSession)(handler);
    const got = await session.run(feeds);
    errors.push(Math.max(...Object.keys(expected).map((k) => relative(got[k]!.data as NumericData, expected[k]!.data as NumericData))));
    contenders.push({ name: policy, run: () => session.run(feeds) });
    close.push(() => flagos.close());
  }
  const timings = await measure(contenders, { rounds: Number(option('rounds', '21')), sliceMs: 150, warmupMs: 500, settle: untilQuiet });
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
function relative(a: NumericData, b: NumericData): number {
  let worst = 0;
  let scale = 0;
  for (let i = 0; i < b.length; i++) {
    worst = Math.max(worst, Math.abs(Number(a[i]) - Number(b[i])));
    scale = Math.max(scale, Math.abs(Number(b[i])));
  }
  return worst / (scale || 1);
}
