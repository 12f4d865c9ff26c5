/** Training through the backend: from the same weights, on the same data, losses fall as on tfjs's cpu backend. */
import { version_cpu } from '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { install } from '../../src/entries/tfjs.ts';
import { createRuntime, type Flagos } from '../../src/host/flagos.ts';

let runtime: Flagos;
beforeAll(async () => {
  expect(version_cpu).toBeDefined();
  runtime = await createRuntime({ discover: false, file: false, log: 'error' });
  await install(tf, { runtime, chip: 'flagos/js', models: { LayersModel: tfl.LayersModel } });
});
afterAll(() => runtime.close());

/** Numbers in 0 … 1, the same every time. */
const numbers = (seed: number): (() => number) => {
  let state = seed;
  return () => (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
};

interface Data {
  readonly shape: number[];
  readonly x: Float32Array;
  readonly y: Float32Array;
}

/** Pictures of 8 × 8 with a bright bar, upright (class 0) or lying (class 1), in noise. */
const bars = (count: number): Data => {
  const next = numbers(1);
  const [x, y] = [new Float32Array(count * 64), new Float32Array(count * 2)];
  for (let n = 0; n < count; n++) {
    const [lying, at] = [n % 2, Math.floor(next() * 8)];
    y[n * 2 + lying] = 1;
    for (let i = 0; i < 64; i++) x[n * 64 + i] = next() * 0.5 + ((lying ? i >> 3 : i & 7) === at ? 1 : 0);
  }
  return { shape: [count, 8, 8, 1], x, y };
};

/** Sequences of 4 numbers; the class says whether the first half sums to more than the second. */
const halves = (count: number): Data => {
  const next = numbers(2);
  const [x, y] = [new Float32Array(count * 4), new Float32Array(count * 2)];
  for (let n = 0; n < count; n++) {
    let difference = 0;
    for (let i = 0; i < 4; i++) {
      x[n * 4 + i] = next() * 2 - 1;
      difference += (i < 2 ? 1 : -1) * x[n * 4 + i]!;
    }
    y[n * 2 + (difference > 0 ? 1 : 0)] = 1;
  }
  return { shape: [count, 4, 1], x, y };
};

const cnn = (): tfl.Sequential => {
  const model = tfl.sequential();
  model.add(tfl.layers.conv2d({ inputShape: [8, 8, 1], kernelSize: 3, filters: 4, activation: 'relu' }));
  model.add(tfl.layers.maxPooling2d({ poolSize: 2, strides: 2 }));
  model.add(tfl.layers.flatten());
  model.add(tfl.layers.dense({ units: 2, activation: 'softmax' }));
  return model;
};

const lstm = (): tfl.Sequential => {
  const model = tfl.sequential();
  model.add(tfl.layers.lstm({ inputShape: [4, 1], units: 4, recurrentInitializer: 'glorotUniform' }));
  model.add(tfl.layers.dense({ units: 2, activation: 'softmax' }));
  return model;
};

/** Weights of a model, made up: between −0.5 and 0.5. */
const seedWeights = (model: tfl.Sequential): void => {
  const next = numbers(3);
  model.setWeights(
    model.getWeights().map((w) =>
      tf.tensor(
        Float32Array.from({ length: w.size }, () => next() - 0.5),
        w.shape,
      ),
    ),
  );
};

/** Losses of each epoch on a backend. */
const fit = async (backend: string, make: () => tfl.Sequential, data: Data, epochs: number): Promise<number[]> => {
  await tf.setBackend(backend);
  const model = make();
  seedWeights(model);
  model.compile({ optimizer: tf.train.adam(0.05), loss: 'categoricalCrossentropy' });
  const [x, y] = [tf.tensor(data.x, data.shape), tf.tensor(data.y, [data.shape[0]!, 2])];
  const { history } = await model.fit(x, y, { epochs, batchSize: 64, shuffle: false, verbose: 0 });
  return history['loss'] as number[];
};

describe('training with tfjs on FlagOS', () => {
  it.each([
    ['a CNN', cnn, bars(64), 16, 0.6],
    ['an LSTM', lstm, halves(64), 24, 0.75],
  ])('%s converges as on the cpu backend', async (_, make, data, epochs, share) => {
    const [ours, theirs] = [await fit('flagos', make, data, epochs), await fit('cpu', make, data, epochs)];
    expect(ours.length).toBe(epochs);
    ours.forEach((loss, i) => expect(Math.abs(loss - theirs[i]!)).toBeLessThan(2e-3 * (1 + theirs[i]!)));
    expect(ours.at(-1)!).toBeLessThan(ours[0]! * share);
  });
});
