/** Models of TensorFlow.js in every verb that takes a model: graphs of ops like any other, with the model's own names. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { version_cpu } from '@tensorflow/tfjs-backend-cpu';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { readNpy } from '../../src/cli/model/npy.ts';
import { testIo } from '../../src/cli/testing.ts';
import { tensorType } from '../../src/core/graph.ts';
import { writeModel } from '../../src/formats/onnx/index.ts';
import { findPackage } from '../../src/host/package-json.ts';
import { readFile } from '../../src/host/read-file.ts';

const models = join(findPackage('@vladmandic/human', import.meta.dirname)!, 'models');
const emotion = join(models, 'emotion.json');
let folder: string;

/** A model as `model.save('file://…')` of tfjs-node writes it. */
const save = async (model: tfl.LayersModel, path: string): Promise<void> => {
  await model.save(
    tf.io.withSaveHandler(async ({ weightData, weightSpecs, modelTopology }) => {
      const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
      writeFileSync(path, JSON.stringify({ format: 'layers-model', modelTopology, weightsManifest }));
      writeFileSync(join(folder, 'weights.bin'), new Uint8Array(weightData as ArrayBuffer));
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' as const } };
    }),
  );
};

const layers = (): tfl.Sequential => {
  const glorot = (seed: number): ReturnType<typeof tfl.initializers.glorotNormal> => tfl.initializers.glorotNormal({ seed });
  const model = tfl.sequential();
  model.add(tfl.layers.dense({ inputShape: [6], units: 5, activation: 'tanh', name: 'first', kernelInitializer: glorot(1) }));
  model.add(tfl.layers.dense({ units: 3, activation: 'softmax', name: 'last', kernelInitializer: glorot(2) }));
  return model;
};

let expected: Float32Array;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flagos-tfjs-'));
  expect(version_cpu).toBeDefined();
  await tf.setBackend('cpu');
  const model = layers();
  await save(model, join(folder, 'layers.json'));
  expected = (await (model.predict(tf.ones([2, 6])) as tf.Tensor).data()) as Float32Array;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const alone = ['--no-discover', '--chip', 'flagos/js', '--fallback', 'none'];
const flagos = async (...argv: string[]): Promise<{ code: number; out: string; err: string }> => {
  const io = testIo({ cwd: folder });
  const code = await main(argv, io);
  return { code, out: io.stdout(), err: io.stderr() };
};

describe('models of tfjs on the command line', () => {
  it('run: a GraphModel, by the names it has', async () => {
    const { code, out, err } = await flagos('run', emotion, ...alone, '--out', 'results');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain("dimension 0 of 'input_1' taken as 1");
    expect(out).toMatch(/input +input_1 +float32\[1,64,64,1\]/);
    expect(out).toMatch(/coverage 25 nodes: 25 on flagos\/js/);
    const probabilities = readNpy(readFile(join(folder, 'results', 'Identity.npy')), 'Identity.npy');
    expect(probabilities.dims).toEqual([1, 7]);
    expect(probabilities.toNumbers().reduce((a, b) => a + b)).toBeCloseTo(1, 5);
  });

  it('run: a LayersModel, for the shape given, as tfjs calculates it', async () => {
    const { code, out } = await flagos('run', 'layers.json', ...alone, '--shape', 'first_input=2x6', '--input', 'first_input=1', '--json');
    expect(code).toBe(0);
    const { runs } = JSON.parse(out) as { runs: { last: { value: { shape: number[]; values: number[] } } }[] };
    const { shape, values } = runs[0]!.last.value;
    expect(shape).toEqual([2, 3]);
    values.forEach((v, i) => expect(v).toBeCloseTo(expected[i]!, 5));
    const unknown = await flagos('run', 'layers.json', ...alone, '--shape', 'x=2x6');
    expect(unknown).toMatchObject({ code: 2 });
    expect(unknown.err).toContain('it has first_input');
  });

  it('leaves the tfjs of the program as it was', async () => {
    await tf.setBackend('cpu');
    await flagos('plan', 'layers.json', ...alone);
    expect(tf.getBackend()).toBe('cpu');
    expect(tf.findBackend('flagos')).toBeNull();
    expect(tf.getKernelsForBackend('flagos')).toEqual([]);
  });

  it('explain: nodes are called as in the model', async () => {
    const { code, out } = await flagos('explain', 'layers.json', 'last/MatMul', ...alone);
    expect(code).toBe(0);
    expect(out).toContain('flagos/js:MatMul');
    expect((await flagos('explain', 'layers.json', 'lost/MatMul', ...alone)).err).toContain('did you mean last/MatMul?');
    const graph = await flagos('explain', emotion, 'StatefulPartitionedCall/model_1/block1_conv1_act/Relu/Conv', ...alone);
    expect(graph.out).toContain('flagos/js:tfjs.Conv');
  });

  it('diff, diff bisect, trace, lock, tune', async () => {
    const compared = await flagos('diff', 'layers.json', ...alone, '--json');
    expect(compared.code).toBe(0);
    const { regions } = JSON.parse(compared.out) as { regions: { ok: boolean }[] };
    expect(regions.length).toBeGreaterThan(1);
    expect(regions.every((r) => r.ok)).toBe(true);
    const right = ['--golden', 'reference', '--in-process', '--out', 'cases'];
    expect((await flagos('diff', 'bisect', 'layers.json', '--no-discover', '--chip', 'flagos/js', ...right)).code).toBe(0);
    expect((await flagos('trace', 'layers.json', ...alone, '--repeat', '1', '--out', 'trace.json')).code).toBe(0);
    expect(JSON.parse(readFileSync(join(folder, 'trace.json'), 'utf8'))).toHaveProperty('traceEvents');
    expect((await flagos('lock', 'write', 'layers.json', ...alone, '--file', 'l.json')).code).toBe(0);
    expect((await flagos('tune', 'layers.json', '--no-discover', '--chip', 'flagos/js', '--budget', '200')).code).toBe(0);
  });
});

describe('tfjs itself as the golden', () => {
  // Its kernels accumulate as tfjs does, in float32: flagos/js declares more, and would hold the golden to that.
  const graph = ['diff', emotion, '--no-discover', '--chip', 'flagos/wasm', '--fallback', 'none', '--json'];

  it('is held against every value of that name', async () => {
    const { code, out } = await flagos(...graph, '--golden', 'tfjs/cpu');
    expect(code).toBe(0);
    const { regions, endToEnd, dumps } = JSON.parse(out) as {
      regions: { region: string; ok: boolean }[];
      endToEnd: { output: string; ok: boolean }[];
      dumps: { dump: string; lacks: string[] }[];
    };
    expect(regions.length).toBe(25);
    expect(endToEnd).toMatchObject([{ output: 'Identity', ok: true }]);
    // Convolutions before their Relu are one kernel there.
    expect(dumps).toMatchObject([
      { dump: 'tfjs/cpu', lacks: expect.arrayContaining([expect.stringMatching(/conv1_act\/Relu\/Conv$/)]) as string[] },
    ]);
    expect(tf.getBackend()).toBe('cpu');
  });

  it('and of layers; of no other framework', async () => {
    expect((await flagos('diff', 'layers.json', ...alone, '--golden', 'tfjs', '--least-compared', '0.1')).code).toBe(0);
    const node = tensorType('float32', [1]);
    const nothing = { name: 'g', nodes: [], inputs: [{ name: 'x', type: node }], outputs: [{ name: 'x', type: node }] };
    writeFileSync(
      join(folder, 'm.onnx'),
      writeModel({ graph: { ...nothing, initializers: new Map(), types: new Map() }, name: 'm', opsets: { '': 21 } }),
    );
    const { code, err } = await flagos('diff', 'm.onnx', ...alone, '--golden', 'tfjs/cpu');
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining('TensorFlow.js does not run') as string });
  });
});

describe('files that are wrong', () => {
  const changed = (
    name: string,
    change: (text: string) => string,
    weights: (bytes: Buffer) => Uint8Array | undefined = (b) => b,
  ): string => {
    writeFileSync(join(folder, `${name}.json`), change(readFileSync(emotion, 'utf8')).replaceAll('emotion.bin', `${name}.bin`));
    const bytes = weights(readFileSync(join(models, 'emotion.bin')));
    if (bytes) writeFileSync(join(folder, `${name}.bin`), bytes);
    return `${name}.json`;
  };

  const same = (text: string): string => text;
  it.each([
    ['a shard that is missing', () => changed('gone', same, () => undefined), 'FLAGOS_E_EXTERNAL_DATA', /gone\.bin.*no such file/],
    [
      'a shard that is cut short',
      () => changed('short', same, (b) => b.subarray(4)),
      'FLAGOS_E_EXTERNAL_DATA',
      /take \d+ bytes, the files have/,
    ],
    ['an op nobody has', () => changed('op', (t) => t.replace('"Softmax"', '"NoSuchOp"')), 'FLAGOS_E_UNKNOWN_OP', /NoSuchOp/],
    [
      'a layer nobody has',
      (): string => {
        copyFileSync(join(folder, 'layers.json'), join(folder, 'layer.json'));
        writeFileSync(join(folder, 'layer.json'), readFileSync(join(folder, 'layers.json'), 'utf8').replace('"Dense"', '"NoSuchLayer"'));
        return 'layer.json';
      },
      'FLAGOS_E_UNKNOWN_OP',
      /NoSuchLayer/,
    ],
    ['what is no model', () => changed('no', () => '{}'), 'FLAGOS_E_MODEL_FORMAT', /modelTopology/],
    ['shapes that values decide', () => join(models, 'handtrack.json'), 'FLAGOS_E_MODEL_UNSUPPORTED', /executeAsync/],
  ] as const)('%s', async (_, file, code, reason) => {
    const made = await flagos('run', file(), ...alone);
    expect(made.code).toBeGreaterThan(0);
    expect(made.err).toContain(code);
    expect(made.err).toMatch(reason);
    expect(tf.findBackend('flagos')).toBeNull();
  });
});
