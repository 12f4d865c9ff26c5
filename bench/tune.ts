/**
 * What tuning buys: each model is tuned (into a table of its own), and then the tuned runtime, the default policy without
 * a table, and each single provider take turns in one run. `--models squeezenet,…,vad`, `--budget <ms>` of tuning per
 * model, `--rounds` and `--slice <ms>` of comparing, `--json <file>`, `--loose` also measures what bfloat16 would buy and cost (`bert_block` is an encoder layer for that).
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { seedWeights } from '../src/cli/seeded/weights.ts';
import type { Model } from '../src/core/graph.ts';
import { concreteShape } from '../src/core/graph.ts';
import { Tensor, type Value } from '../src/core/tensor.ts';
import { createRuntime, type Flagos, type RuntimeConfig } from '../src/host/flagos.ts';
import { findOnnxTests } from '../src/host/onnx-cases.ts';
import { readOnnx } from '../src/host/onnx-files.ts';
import { tune } from '../src/host/tune.ts';
import type { TuneResult } from '../src/runtime/tune/tune.ts';
import { bertBlock } from './lib/bert-block.ts';
import { measure } from './lib/measure.ts';
import { option } from './lib/option.ts';
import { untilQuiet } from './lib/quiet.ts';
import { report, type Row } from './lib/report.ts';

const noTables = { machine: false, project: false } as const;
const singles: Record<string, RuntimeConfig> = {
  onnxruntime: { prefer: ['vendor:onnxruntime'] },
  'flagos/cpu': { prefer: ['flagos/cpu'] },
};
/** Tuned over the best single provider, and over the default. */
const LIMIT = 1.02;

const wave = (dims: readonly number[]): Tensor =>
  Tensor.from(
    'float32',
    dims,
    Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 12.9898) * 2),
  );

const lightModel = (root: string, name: string): { model: Model; inputs: Value[] } => {
  const { model } = seedWeights(readOnnx(join(root, 'light', `light_${name}.onnx`)), 1);
  return {
    model,
    inputs: model.graph.inputs.map((i) => model.graph.initializers.get(i.name) ?? wave(concreteShape(i.type)!)),
  };
};

/** Silero VAD: 512 samples at 16 kHz, with its recurrent state. */
const vad = (): { model: Model; inputs: Value[] } => {
  const folder = dirname(createRequire(import.meta.url).resolve('@ricky0123/vad-web/package.json'));
  const model = readOnnx(join(folder, 'dist', 'silero_vad_v5.onnx'));
  const values: Record<string, Value> = {
    input: wave([1, 512]),
    state: Tensor.zeros('float32', [2, 1, 128]),
    sr: Tensor.from('int64', [], [16000n]),
  };
  return { model, inputs: model.graph.inputs.map((i) => values[i.name]!) };
};

/** Models that come from elsewhere than the ONNX tests. */
const makers: Record<string, () => { model: Model; inputs: Value[] }> = {
  vad,
  bert_block: () => {
    const model = bertBlock();
    return { model, inputs: [wave(concreteShape(model.graph.inputs[0]!.type)!)] };
  },
};

const root = findOnnxTests(resolve('.'));
const modelOf = (name: string): { model: Model; inputs: Value[] } => makers[name]?.() ?? lightModel(root!, name);
const open = async (config: RuntimeConfig): Promise<Flagos> => createRuntime({ log: 'error', ...config });

type Tuned = Pick<TuneResult, 'chosen' | 'contenders'>;

/** Tunes in a process of its own, as users do before they start the one that counts: memory that a tuner gave back is not as good as new. */
const tuned = (name: string, folder: string): Promise<Tuned> =>
  new Promise((done, reject) => {
    const child = fork(fileURLToPath(import.meta.url), ['--tune', name, '--into', folder, ...process.argv.slice(2)]);
    child.on('message', (result: Tuned) => done(result));
    child.on('error', reject);
    child.on('exit', (code, signal) => code !== 0 && reject(new Error(`tuning ${name} ended with ${signal ?? code}`)));
  });

const job = option('tune', '');
if (job) {
  const { model, inputs } = modelOf(job);
  const tuner = await open({ tables: { machine: option('into', ''), project: false } });
  const loose = process.argv.includes('--loose');
  const { chosen: name, contenders } = await tune(tuner.runtime, model, inputs, { budgetMs: Number(option('budget', '40000')), loose });
  await tuner.close();
  process.send!({ chosen: name, contenders } satisfies Tuned, () => process.exit(0));
  await new Promise(() => undefined);
}

const names = option('models', 'squeezenet,resnet50,bvlc_alexnet,inception_v1,vgg19,vad').split(',');
const rows: Row[] = [];
const chosen: string[] = [];
for (const name of names) {
  if (!makers[name] && !root) {
    console.log(`skipped ${name}: no ONNX backend tests (set FLAGOS_ONNX_TESTS)`);
    continue;
  }
  const { model, inputs } = modelOf(name);
  const folder = mkdtempSync(join(tmpdir(), 'flagos-tune-'));
  try {
    const tables = { machine: folder, project: false } as const;
    const result = await tuned(name, folder);
    for (const c of result.contenders.filter((x) => !x.admitted)) {
      const what = `${name}: ${c.name} (not chosen)`;
      rows.push({ what: `${what} / default`, value: c.timing.medianUs / result.contenders[0]!.timing.medianUs, unit: '×' });
      rows.push({ what: `${what}, end-to-end error`, value: c.difference.relative, unit: 'of max', details: { ...c.difference } });
    }
    const runtimes: Record<string, Flagos> = { tuned: await open({ tables }), default: await open({ tables: noTables }) };
    for (const [provider, config] of Object.entries(singles)) runtimes[provider] = await open({ ...config, tables: noTables });
    const models = Object.entries(runtimes).map(([contender, { runtime }]) => ({ contender, loaded: runtime.model(model) }));
    for (const { loaded } of models) await loaded.runPositional(inputs);
    const timings = await measure(
      models.map(({ contender, loaded }) => ({ name: contender, run: () => loaded.runPositional(inputs) })),
      { rounds: Number(option('rounds', '31')), sliceMs: Number(option('slice', '100')), warmupMs: 200, settle: untilQuiet },
    );
    const of = (contender: string): number => timings.find((t) => t.name === contender)!.medianUs;
    const best = Object.keys(singles).reduce((a, b) => (of(b) < of(a) ? b : a));
    const placement = models[0]!.loaded.coverage().nodes;
    const choice = Object.entries(placement)
      .map(([chip, n]) => `${n} ${chip}`)
      .join(', ');
    chosen.push(`  ${name.padEnd(14)} ${result.chosen.padEnd(40)} ${choice}`);
    // Ratios are medians over rounds: contenders of one round met the same machine.
    const over = (contender: string): number => 1 / timings.find((t) => t.name === contender)!.ratio;
    rows.push({ what: `${name}: tuned`, value: of('tuned') / 1e3, unit: 'ms', details: { chosen: result.chosen, placement, timings } });
    rows.push({ what: `${name}: tuned / default`, value: over('default'), unit: '×', budget: { sense: '≤', value: LIMIT } });
    rows.push({ what: `${name}: tuned / best single (${best})`, value: over(best), unit: '×', budget: { sense: '≤', value: LIMIT } });
    for (const { runtime } of Object.values(runtimes)) await runtime.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
report('tuned against the default and each single provider (at most 1: no slower)', rows);
console.log(`choices\n${chosen.join('\n')}`);
