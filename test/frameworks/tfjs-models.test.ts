/** Whole models of tfjs on FlagOS, against tfjs's own cpu backend: captured as one graph, or run by segments where values decide. */
import { loadGraphModel, type GraphModel } from '@tensorflow/tfjs-converter';
import { version_cpu } from '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { install, wrap, type TfModel } from '../../src/entries/tfjs.ts';
import { createRuntime, type Flagos } from '../../src/host/flagos.ts';
import { findPackage } from '../../src/host/package-json.ts';
import { readTfjs } from '../../src/host/tfjs-files.ts';

const models = join(findPackage('@vladmandic/human', import.meta.dirname)!, 'models');
let runtime: Flagos;
let folder: string;

beforeAll(async () => {
  expect(version_cpu).toBeDefined();
  folder = mkdtempSync(join(tmpdir(), 'flagos-tfjs-'));
  runtime = await createRuntime({ discover: false, file: false, log: 'error' });
  await install(tf, {
    runtime,
    chip: 'flagos/js',
    models: { GraphModel: (await import('@tensorflow/tfjs-converter')).GraphModel, LayersModel: tfl.LayersModel },
  });
});
afterAll(async () => {
  await runtime.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => void (await tf.setBackend('flagos')));

const load = (name: string): Promise<GraphModel> => loadGraphModel({ load: async () => readTfjs(join(models, `${name}.json`)) as never });

const near = (made: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-4): void => {
  expect(made.length).toBe(expected.length);
  const floor = Array.from(expected).reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  for (let i = 0; i < made.length; i++)
    expect(Math.abs(made[i]! - expected[i]!)).toBeLessThanOrEqual(tolerance * (Math.abs(expected[i]!) + floor));
};

/** The same model on tfjs's cpu backend. */
const onCpu = async (model: () => tf.Tensor): Promise<ArrayLike<number>> => {
  await tf.setBackend('cpu');
  const y = model();
  const values = await y.data();
  y.dispose();
  await tf.setBackend('flagos');
  return values;
};

const ramp = (shape: number[]): tf.Tensor =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => ((i * 7919) % 1009) / 1009),
    shape,
  );

const perceptron = (): tfl.Sequential => {
  const model = tfl.sequential();
  model.add(tfl.layers.dense({ inputShape: [6], units: 5, activation: 'tanh' }));
  model.add(tfl.layers.dense({ units: 3, activation: 'softmax' }));
  return model;
};

describe('whole models of tfjs', () => {
  it('a GraphModel is captured once and then run as one graph', async () => {
    const model = await load('emotion');
    const whole = wrap(tf, model as unknown as TfModel);
    const x = ramp([1, 64, 64, 1]);
    const before = tf.memory().numTensors;
    const first = whole.predict(x) as tf.Tensor;
    near(await first.data(), await onCpu(() => model.predict(x) as tf.Tensor));
    expect(Object.values(whole.captured)).toEqual([true]);
    first.dispose();
    const calls = (tf.backend() as unknown as { coverage(): { native: Record<string, number> } }).coverage().native;
    const again = whole.predict(x) as tf.Tensor;
    await again.data();
    again.dispose();
    // Nothing of the model's own JavaScript ran.
    expect((tf.backend() as unknown as { coverage(): { native: Record<string, number> } }).coverage().native).toEqual(calls);
    expect(tf.memory().numTensors).toBe(before);
    expect(whole.toModel(x).graph.outputs.map((o) => o.type)).toEqual([{ kind: 'tensor', dtype: 'float32', shape: [1, 7] }]);
  });

  it('a LayersModel, through its own predict, with lists and with weights that change', async () => {
    const model = perceptron();
    const x = ramp([4, 6]);
    near(await (model.predict(x) as tf.Tensor).data(), await onCpu(() => model.predict(x) as tf.Tensor));
    model.setWeights(model.getWeights().map((w) => tf.mul(w, -0.5)));
    const made = await (model.predict(x) as tf.Tensor).data();
    near(made, await onCpu(() => model.predict(x) as tf.Tensor));
    expect(() => model.predict(ramp([4, 7]))).toThrow(/shape/i);
  });

  it('inputs that are results of calls nobody has read, and results used further, join one graph', async () => {
    const model = perceptron();
    const x = ramp([2, 6]);
    const y = wrap(tf, model as unknown as TfModel).predict(tf.sub(tf.mul(x, 2), 1)) as tf.Tensor;
    const made = await tf.argMax(y, -1).data();
    near(made, await onCpu(() => tf.argMax(model.predict(tf.sub(tf.mul(x, 2), 1)) as tf.Tensor, -1)));
  });

  it('a model that looks at values is run by its own method', async () => {
    const looking: TfModel = {
      predict: (x) => {
        const t = x as tf.Tensor;
        return tf.mul(t, tf.sum(t).dataSync()[0]! > 0 ? 2 : -3) as never;
      },
    };
    const whole = wrap(tf, looking);
    expect([...(await (whole.predict(tf.tensor1d([1, 2])) as tf.Tensor).data())]).toEqual([2, 4]);
    expect([...(await (whole.predict(tf.tensor1d([-1, -2])) as tf.Tensor).data())]).toEqual([3, 6]);
    expect(Object.values(whole.captured)).toEqual([false]);
    expect(() => whole.toModel(tf.tensor1d([1, 2]))).toThrow('looks at values');
  });

  it('random numbers are drawn anew, constants are kept', async () => {
    const noisy: TfModel = { predict: (x) => tf.add(x as tf.Tensor, tf.randomUniform([3])) as never };
    const whole = wrap(tf, noisy);
    const draw = async (): Promise<number[]> => [...(await (whole.predict(tf.zeros([3])) as tf.Tensor).data())];
    expect(await draw()).not.toEqual(await draw());
    const steady = wrap(tf, { predict: (x) => tf.add(x as tf.Tensor, tf.tensor1d([1, 2, 3])) as never });
    expect([...(await (steady.predict(tf.zeros([3])) as tf.Tensor).data())]).toEqual([1, 2, 3]);
    expect(Object.values(steady.captured)).toEqual([true]);
  });

  it('gradients go through the model kernel by kernel', async () => {
    const model = perceptron();
    const x = ramp([2, 6]);
    const gradient = (): tf.Tensor => tf.grad((t) => tf.sum(tf.square(model.predict(t) as tf.Tensor)))(x);
    near(await gradient().data(), await onCpu(gradient), 1e-3);
  });
});

describe('model files of tfjs', () => {
  const written = (change: (json: Record<string, never>) => void, bytes?: Uint8Array): string => {
    const json = JSON.parse(readFileSync(join(models, 'emotion.json'), 'utf8')) as Record<string, never>;
    change(json);
    writeFileSync(join(folder, 'emotion.json'), JSON.stringify(json));
    if (bytes) writeFileSync(join(folder, 'emotion.bin'), bytes);
    return join(folder, 'emotion.json');
  };

  it('says which shard is missing, and which is of another length', () => {
    const path = written(() => {});
    expect(() => readTfjs(path)).toThrow(/FLAGOS_E_EXTERNAL_DATA.*emotion\.bin.*no such file/s);
    const whole = readFileSync(join(models, 'emotion.bin'));
    written(() => {}, whole.subarray(0, whole.length - 4));
    expect(() => readTfjs(path)).toThrow(
      /FLAGOS_E_EXTERNAL_DATA.*take 820516 bytes, the files have 820512|take \d+ bytes, the files have \d+/s,
    );
  });

  it('refuses what is no model', () => {
    writeFileSync(join(folder, 'no.json'), '{}');
    expect(() => readTfjs(join(folder, 'no.json'))).toThrow(/FLAGOS_E_MODEL_FORMAT.*modelTopology/s);
    writeFileSync(join(folder, 'no.json'), '{');
    expect(() => readTfjs(join(folder, 'no.json'))).toThrow(/FLAGOS_E_MODEL_FORMAT.*not JSON/s);
    expect(() => readTfjs(join(folder, 'none.json'))).toThrow(/FLAGOS_E_FILE/);
  });

  it('names an op tfjs does not know', async () => {
    const path = written(
      (json) => {
        const nodes = (json as unknown as { modelTopology: { node: { op: string }[] } }).modelTopology.node;
        nodes.find((n) => n.op === 'Softmax' || n.op === 'Relu' || n.op === '_FusedConv2D')!.op = 'NoSuchOp';
      },
      readFileSync(join(models, 'emotion.bin')),
    );
    const model = await loadGraphModel({ load: async () => readTfjs(path) as never });
    expect(() => wrap(tf, model as unknown as TfModel).predict(ramp([1, 64, 64, 1]))).toThrow(/FLAGOS_E_UNKNOWN_OP.*NoSuchOp/s);
  });
});
