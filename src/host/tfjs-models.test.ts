/** Models of tfjs as `flagos.load` takes them, and what it says where tfjs is not installed. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Tensor } from '../core/tensor.ts';
import { createRuntime, type Flagos } from './flagos.ts';
import * as installed from './installed-module.ts';
import { findPackage } from './package-json.ts';

vi.mock('./installed-module.ts', async (original) => {
  const real = await original<typeof installed>();
  return { ...real, findModule: vi.fn(real.findModule) };
});

const path = join(findPackage('@vladmandic/human', import.meta.dirname)!, 'models', 'emotion.json');
let flagos: Flagos;
beforeAll(async () => void (flagos = await createRuntime({ discover: false, file: false, log: 'error', prefer: ['flagos/js'] })));
afterAll(() => flagos.close());

it('flagos.load takes a model.json for the shapes given', async () => {
  const model = await flagos.load(path, { shapes: { input_1: [2, 64, 64, 1] } });
  const { Identity } = await model.run({ input_1: Tensor.zeros('float32', [2, 64, 64, 1]) });
  expect((Identity as Tensor).dims).toEqual([2, 7]);
  expect(model.model.graph.nodes[0]!.name).toBe('StatefulPartitionedCall/model_1/block1_conv1_act/Relu/Conv');
  expect([...model.model.graph.initializers.keys()]).toContain('StatefulPartitionedCall/model_1/conv2d_1/Conv2D_weights');
  await expect(flagos.load(path)).rejects.toThrow(/FLAGOS_E_INPUT.*'input_1' is not known: float32\[\?,64,64,1\]/s);
});

it('says what to install', async () => {
  vi.mocked(installed.findModule).mockReturnValueOnce(undefined);
  await expect(flagos.load(path)).rejects.toThrow(
    /FLAGOS_E_FILE: a graph-model of TensorFlow.js is read by @tensorflow\/tfjs-converter, .*npm install @tensorflow\/tfjs-core @tensorflow\/tfjs-converter/s,
  );
});
