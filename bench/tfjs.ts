/**
 * Real models of TensorFlow.js (npm package @vladmandic/human), whole and eager on FlagOS, beside tfjs's
 * own backends: same process, same inputs, in turns. Outputs must agree with tfjs's cpu backend within
 * 1e-3, relative, over a floor of 1e-3 of the largest output; a model that does not is said so and ends
 * in a failure.
 *
 *     npm run bench:tfjs -- [--models blazeface,emotion] [--rounds 11] [--train on] [--json file]
 */
import { loadGraphModel, type GraphModel } from '@tensorflow/tfjs-converter';
// oxlint-disable-next-line import/no-unassigned-import -- it registers the backend, and that is all it does
import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { find } from '../plugins-vendor/tfjs-node/src/library.ts';
import { install, wrap } from '../src/entries/tfjs.ts';
import { findPackage } from '../src/host/package-json.ts';
import { readTfjs } from '../src/host/tfjs-files.ts';
import { measure, type Contender } from './lib/measure.ts';
import { option } from './lib/option.ts';
import { untilQuiet } from './lib/quiet.ts';
import { report, type Row } from './lib/report.ts';
import { dispatchRows } from './lib/tfjs-dispatch.ts';
import { stepRows } from './lib/tfjs-training.ts';

const require = createRequire(import.meta.url);
const folder = join(findPackage('@vladmandic/human', process.cwd())!, 'models');
const names = option('models', 'blazeface,facemesh,emotion,handlandmark-lite,movenet-lightning').split(',');
const rounds = Number(option('rounds', '11'));

setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
const backends = ['wasm', 'cpu'];
const tfjsNode = find(process.env);
if (tfjsNode) {
  // It may have tfjs-core once more beside it: all copies share one engine, so its backend is there for this one, too.
  require(join(dirname(tfjsNode.file), '../..'));
  backends.unshift('tensorflow');
} else console.log('@tensorflow/tfjs-node is not there (scripts/build-tfjs-node.mjs makes it): not compared with');
await install(tf, { wholeModels: false });

const listOf = (y: tf.Tensor | tf.Tensor[] | tf.NamedTensorMap): tf.Tensor[] =>
  Array.isArray(y) ? y : y instanceof tf.Tensor ? [y] : Object.values(y);

/** Reproducible values as the model takes them: 0 … 1, or 0 … 255. */
const inputOf = (model: GraphModel): { shape: number[]; dtype: 'float32' | 'int32'; values: Float32Array } => {
  const { shape = [], dtype } = model.inputs[0]!;
  const fixed = shape.map((d) => (d > 0 ? d : 1));
  const size = fixed.reduce((n, d) => n * d, 1);
  const top = dtype === 'int32' ? 255 : 1;
  return {
    shape: fixed,
    dtype: dtype as 'float32',
    values: Float32Array.from({ length: size }, (_, i) => (((i * 7919) % 1009) / 1009) * top),
  };
};

/** Largest difference, relative to the reference over a floor of a thousandth of its largest element. */
const worst = (made: readonly Float32Array[], expected: readonly Float32Array[]): number => {
  let most = 0;
  expected.forEach((e, k) => {
    const floor = e.reduce((m, v) => Math.max(m, Math.abs(v)), 0) * 1e-3 + 1e-9;
    e.forEach((v, i) => (most = Math.max(most, Math.abs(made[k]![i]! - v) / (Math.abs(v) + floor))));
  });
  return most;
};

const readAll = async (made: readonly tf.Tensor[]): Promise<Float32Array[]> => {
  const values = await Promise.all(made.map((t) => t.data() as Promise<Float32Array>));
  for (const t of made) t.dispose();
  return values;
};

const rows: Row[] = [];
/** What is compared with, how many times as fast whole and eager models have to be, and how they are, model by model. */
const peers = backends
  .filter((b) => b !== 'cpu')
  .map((backend) => ({
    backend,
    goals: backend === 'wasm' ? { whole: 3, eager: 1.5 } : { whole: 1, eager: 1 },
    ratios: { whole: [] as number[], eager: [] as number[] },
  }));
let failed = false;
for (const name of names) {
  const artifacts = readTfjs(join(folder, `${name}.json`));
  /** A copy of the model for each backend: weights stay where they are used. */
  const contenders: (Contender & { readonly once: () => Promise<Float32Array[]> })[] = [];
  const add = async (label: string, backend: string, whole: boolean): Promise<void> => {
    await tf.setBackend(backend);
    const model = await loadGraphModel({ load: async () => artifacts as never });
    const { shape, dtype, values } = inputOf(model);
    const x = tf.tensor(values, shape, dtype);
    const run = whole ? wrap(tf, model as never) : model;
    const once = async (): Promise<Float32Array[]> => {
      if (tf.getBackend() !== backend) await tf.setBackend(backend);
      return readAll(listOf(run.execute(x) as tf.Tensor[]));
    };
    contenders.push({ name: label, run: once, once });
  };
  await add('flagos whole', 'flagos', true);
  await add('flagos eager', 'flagos', false);
  for (const b of backends) await add(`tfjs ${b}`, b, false);
  const expected = await contenders.at(-1)!.once();
  for (const c of contenders) {
    // Kernels of the eager backend are compiled in the background, once calls come again.
    for (let i = 0; i < 6 && c.name === 'flagos eager'; i++) await c.once();
    if (c.name === 'flagos eager') await (tf.backend() as unknown as { ready(): Promise<void> }).ready();
    const error = worst(await c.once(), expected);
    if (error > 1e-3) failed = true;
    rows.push({ what: `${name}: difference of ${c.name} from tfjs cpu`, value: error, unit: '', budget: { sense: '≤', value: 1e-3 } });
  }
  const timings = await measure(contenders, { rounds, sliceMs: 40, warmupMs: 300, budgetMs: 60_000, settle: untilQuiet });
  const of = (label: string): number => timings.find((t) => t.name === label)!.medianUs / 1e3;
  for (const t of timings) rows.push({ what: `${name}: ${t.name}`, value: t.medianUs / 1e3, unit: 'ms', details: { ...t } });
  for (const peer of peers)
    for (const [how, ratios] of Object.entries(peer.ratios)) ratios.push(of(`tfjs ${peer.backend}`) / of(`flagos ${how}`));
}
const mean = (values: readonly number[]): number => Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);
for (const { backend, goals, ratios } of peers)
  for (const how of ['whole', 'eager'] as const)
    rows.push({
      what: `${how} models, times as fast as tfjs ${backend} (geometric mean)`,
      value: mean(ratios[how]),
      unit: '×',
      budget: { sense: '≥', value: goals[how] },
    });
rows.push(...(await dispatchRows(tf, Math.max(rounds, 15))));
if (option('train', 'on') === 'on') rows.push(...(await stepRows(tf, Math.min(rounds, 5))));
report('TensorFlow.js models', rows);
process.exit(failed ? 1 : 0);
