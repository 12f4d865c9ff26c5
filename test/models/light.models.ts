/**
 * The five ONNX light models, two ways. As they are, against their stored outputs: their weights are
 * constants, so this is a weak check. With seeded random weights against onnxruntime-node, within
 * 1e-4 of the largest output: that one notices everything.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { afterAll, describe, expect, it } from 'vitest';
import { seedWeights } from '../../src/cli/seeded/weights.ts';
import { compareValues } from '../../src/core/compare.ts';
import { concreteShape, type Model } from '../../src/core/graph.ts';
import { sizeOf, Tensor } from '../../src/core/tensor.ts';
import { lowestOpset, readValue, writeModel } from '../../src/formats/onnx/index.ts';
import { createRuntime, type Flagos, type RuntimeConfig } from '../../src/host/flagos.ts';
import { findOnnxTests } from '../../src/host/onnx-cases.ts';
import { readOnnx } from '../../src/host/onnx-files.ts';

const root = findOnnxTests(join(import.meta.dirname, '../..'));
const names = ['bvlc_alexnet', 'inception_v1', 'resnet50', 'squeezenet', 'vgg19'];
const policies: Record<string, { config: RuntimeConfig; only?: string[] }> = {
  default: { config: {} },
  'vendor:onnxruntime': { config: { prefer: ['vendor:onnxruntime'] } },
  'flagos/cpu': { config: { prefer: ['flagos/cpu'], fallback: 'none' } },
  'flagos/wasm': { config: { prefer: ['flagos/wasm'], fallback: 'none' }, only: ['inception_v1', 'resnet50', 'squeezenet'] },
  'flagos/js': { config: { prefer: ['flagos/js'], fallback: 'none' }, only: ['squeezenet'] },
  reference: { config: { prefer: ['reference'], fallback: 'none' }, only: ['squeezenet'] },
};

const imageOf = (model: Model): { name: string; dims: readonly number[]; size: number } => {
  const input = model.graph.inputs.find((i) => !model.graph.initializers.has(i.name))!;
  const dims = concreteShape(input.type)!;
  return { name: input.name, dims, size: sizeOf(dims) };
};

describe.skipIf(!root)('light models', () => {
  const opened: Flagos[] = [];
  afterAll(async () => {
    for (const f of opened) await f.close();
  });
  const path = (name: string): string => join(root!, 'light', `light_${name}.onnx`);

  for (const [policy, { config, only }] of Object.entries(policies)) {
    describe(policy, () => {
      for (const name of only ?? names) {
        it(`${name}: stored output`, async () => {
          const flagos = await createRuntime({ ...config, log: 'error' });
          opened.push(flagos);
          const model = await flagos.load(path(name));
          const { name: input, dims, size } = imageOf(model.model);
          const x = new Tensor(
            'float32',
            dims,
            Float32Array.from({ length: size }, (_, i) => i / size),
          );
          const stored = readValue(readFileSync(join(root!, 'light', `light_${name}_output_0.pb`)));
          const out = await model.run({ [input]: x });
          expect(compareValues(out[model.outputs[0]!.name], stored).problem).toBeUndefined();
          await model.dispose();
        });

        it(`${name}: seeded weights, against onnxruntime-node`, async () => {
          const flagos = await createRuntime({ ...config, log: 'error' });
          opened.push(flagos);
          const { model: seeded } = seedWeights(readOnnx(path(name)), 1);
          const { name: input, dims, size } = imageOf(seeded);
          const data = Float32Array.from({ length: size }, (_, i) => Math.sin(i * 12.9898) * 2);
          const session = await ort.InferenceSession.create(
            writeModel({ graph: seeded.graph, name, opsets: { '': lowestOpset(seeded.graph) } }),
            { executionProviders: ['cpu'], logSeverityLevel: 3 },
          );
          const expected = (await session.run({ [input]: new ort.Tensor('float32', data, dims) }))[session.outputNames[0]!]!
            .data as Float32Array;
          await session.release();
          const model = flagos.runtime.model(seeded);
          const out = (await model.run({ [input]: new Tensor('float32', dims, data) }))[seeded.graph.outputs[0]!.name] as Tensor;
          const scale = expected.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
          const worst = expected.reduce((m, v, i) => Math.max(m, Math.abs(v - (out.data as Float32Array)[i]!)), 0);
          expect(scale).toBeGreaterThan(0);
          expect(worst / scale).toBeLessThan(1e-4);
          await model.dispose();
        });
      }
    });
  }
});
