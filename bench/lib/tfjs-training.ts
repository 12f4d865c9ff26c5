/** One step of training a CNN of three layers (32 pictures of 28 × 28) with tfjs: on FlagOS and on tfjs's own backends. */
import * as layers from '@tensorflow/tfjs-layers';
import type * as TF from '@tensorflow/tfjs-core';
import { measure } from './measure.ts';
import type { Row } from './report.ts';

const BATCH = 32;

const cnn = (tf: typeof TF): layers.Sequential => {
  const model = layers.sequential();
  model.add(layers.layers.conv2d({ inputShape: [28, 28, 1], kernelSize: 3, filters: 16, activation: 'relu' }));
  model.add(layers.layers.maxPooling2d({ poolSize: 2, strides: 2 }));
  model.add(layers.layers.conv2d({ kernelSize: 3, filters: 32, activation: 'relu' }));
  model.add(layers.layers.maxPooling2d({ poolSize: 2, strides: 2 }));
  model.add(layers.layers.flatten());
  model.add(layers.layers.dense({ units: 10, activation: 'softmax' }));
  model.compile({ optimizer: tf.train.adam(1e-3), loss: 'categoricalCrossentropy' });
  return model;
};

export const stepRows = async (tf: typeof TF, rounds: number): Promise<Row[]> => {
  const contenders = [];
  for (const backend of ['flagos', 'cpu']) {
    await tf.setBackend(backend);
    const model = cnn(tf);
    const [x, y] = [
      tf.randomUniform([BATCH, 28, 28, 1], 0, 1, 'float32', 1),
      tf.oneHot(tf.cast(tf.mod(tf.range(0, BATCH, 1, 'int32'), 10), 'int32'), 10),
    ];
    contenders.push({
      name: backend,
      run: async (): Promise<void> => {
        if (tf.getBackend() !== backend) await tf.setBackend(backend);
        await model.trainOnBatch(x, y);
      },
    });
  }
  // The first steps on FlagOS are what its kernels are compiled for.
  for (let i = 0; i < 12; i++) await contenders[0]!.run();
  await tf.setBackend('flagos');
  await (tf.backend() as unknown as { ready(): Promise<void> }).ready();
  const [ours, theirs] = await measure(contenders, { rounds, sliceMs: 50, warmupMs: 300, budgetMs: 60_000 });
  return [
    { what: 'training step of a CNN: flagos', value: ours!.medianUs / 1e3, unit: 'ms', details: { ...ours! } },
    { what: 'training step of a CNN: tfjs cpu', value: theirs!.medianUs / 1e3, unit: 'ms', details: { ...theirs! } },
    {
      what: 'training step, times as fast as tfjs cpu',
      value: theirs!.medianUs / ours!.medianUs,
      unit: '×',
      budget: { sense: '≥', value: 5 },
    },
  ];
};
