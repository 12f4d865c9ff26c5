/** The tfjs backend `flagos`, through tfjs's own API, beside its backend `cpu`. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { version_cpu } from '@tensorflow/tfjs-backend-cpu';
import * as ort from 'onnxruntime-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { tensorType } from '../../../src/core/graph.ts';
import { install as installOrt } from '../../../src/entries/onnxruntime.ts';
import { install, type FlagosBackend } from '../../../src/entries/tfjs.ts';
import { writeModel } from '../../../src/formats/onnx/index.ts';
import { createRuntime, type Flagos } from '../../../src/host/flagos.ts';

// Importing the package registers the backend; the version is asked for so that the import counts.
if (!version_cpu) throw new Error('tfjs has no cpu backend');

let runtime: Flagos;
const backend = (): FlagosBackend => tf.findBackend('flagos') as unknown as FlagosBackend;
const planned = (): number => Object.values(backend().coverage().ops).reduce((n, c) => n + c, 0);

beforeAll(async () => {
  runtime = await createRuntime({ cwd: join(import.meta.dirname, '../../..'), file: false, env: {}, discover: false, log: 'error' });
  await install(tf, { runtime });
  await tf.setBackend('flagos');
});
afterAll(() => runtime.close());
beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

describe('capturing', () => {
  it('calculates nothing before a value is read', () => {
    const before = planned();
    const y = tf.add(tf.square(tf.tensor1d([1, 2, 3])), 1);
    expect(planned()).toBe(before);
    expect([...y.dataSync()]).toEqual([2, 5, 10]);
    expect(planned()).toBe(before + 2);
  });

  it('tells apart what has the same ops between other values', () => {
    const [a, b] = [tf.tensor1d([1, 2]), tf.tensor1d([10, 20])];
    expect([...tf.mul(a, a).dataSync()]).toEqual([1, 4]);
    expect([...tf.mul(a, b).dataSync()]).toEqual([10, 40]);
    expect([...tf.sub(tf.mul(a, b), a).dataSync()]).toEqual([9, 38]);
    expect([...tf.sub(tf.mul(a, a), b).dataSync()]).toEqual([-9, -16]);
  });

  it('keeps what a tensor was made of, whatever its maker does to the array', () => {
    const values = Float32Array.of(1, 2);
    const y = tf.mul(tf.tensor1d(values), 2);
    values.fill(100);
    expect([...y.dataSync()]).toEqual([2, 4]);
  });

  it('gives right results when what they are made of is gone', () => {
    const x = tf.tensor1d([1, 2, 3]);
    const half = tf.mul(x, 0.5);
    const y = tf.exp(half);
    x.dispose();
    half.dispose();
    expect(y.dataSync()[1]).toBeCloseTo(Math.E, 5);
  });

  it('sees the same values under other shapes', () => {
    const x = tf.add(tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]), 1);
    const y = tf.matMul(x, tf.reshape(x, [3, 2]));
    expect([...y.dataSync()]).toEqual([40, 49, 76, 94]);
    expect(tf.reshape(x, [6]).dataId).toBe(x.dataId);
  });

  it('does not grow for ever when nobody reads', () => {
    let x: tf.Tensor = tf.scalar(0);
    for (let i = 0; i < 600; i++) {
      const next = tf.add(x, 1);
      x.dispose();
      x = next;
    }
    expect(x.dataSync()[0]).toBe(600);
  });

  it('answers several readers of one graph', async () => {
    const x = tf.square(tf.tensor1d([1, 2, 3]));
    const [a, b] = [tf.add(x, 1), tf.sub(x, 1)];
    const all = await Promise.all([a.data(), b.data(), x.data(), a.data()]);
    expect(all.map((d) => [...d])).toEqual([
      [2, 5, 10],
      [0, 3, 8],
      [1, 4, 9],
      [2, 5, 10],
    ]);
  });

  it('goes on with the same results when compiled kernels take over', async () => {
    const run = (): number[] => [...tf.softmax(tf.mul(tf.tensor2d([1, 2, 3, 4], [2, 2]), 0.5)).dataSync()];
    const first = run();
    for (let i = 0; i < 3; i++) run();
    await backend().ready();
    for (const [i, v] of run().entries()) expect(v).toBeCloseTo(first[i]!, 6);
  });
});

describe('accounting', () => {
  it('counts data as tfjs does', () => {
    const before = [tf.memory().numTensors, tf.memory().numDataBuffers, backend().numDataIds()];
    const kept = tf.tidy(() => tf.sum(tf.mul(tf.tensor1d([1, 2]), 3)));
    expect([tf.memory().numTensors, tf.memory().numDataBuffers, backend().numDataIds()]).toEqual(before.map((n) => n + 1));
    expect(kept.dataSync()[0]).toBe(9);
    kept.dispose();
    expect([tf.memory().numTensors, tf.memory().numDataBuffers, backend().numDataIds()]).toEqual(before);
  });

  it('counts the halves of complex numbers and lets go of them', () => {
    const before = backend().numDataIds();
    const z = tf.complex([1, 2], [3, 4]);
    const w = tf.mul(z, z);
    expect([...tf.real(w).dataSync()]).toEqual([-8, -12]);
    expect([...tf.imag(w).dataSync()]).toEqual([6, 16]);
    tf.disposeVariables();
    tf.engine().endScope();
    expect(backend().numDataIds()).toBe(before);
    tf.engine().startScope();
  });

  it('measures what was asked for, read or not', async () => {
    const { kernelMs } = await tf.time(() => tf.matMul(tf.ones([64, 64]), tf.ones([64, 64])));
    expect(kernelMs).toBeGreaterThan(0);
    const { kernels } = await tf.profile(() => tf.relu(tf.tensor1d([-1, 1])));
    expect(kernels.map((k) => k.name)).toContain('Relu');
  });
});

describe('other backends', () => {
  it('moves tensors between backends', async () => {
    const ours = tf.square(tf.tensor1d([1, 2, 3]));
    await tf.setBackend('cpu');
    const theirs = tf.add(ours, 1);
    await tf.setBackend('flagos');
    expect([...tf.mul(theirs, ours).dataSync()]).toEqual([2, 20, 90]);
  });

  it('says which calls went elsewhere', () => {
    const hashed = tf.string.stringToHashBucketFast(['a', 'b'], 10);
    expect([...hashed.dataSync()].every((h) => h >= 0 && h < 10)).toBe(true);
    expect(backend().coverage().others['StringToHashBucketFast']).toMatchObject({ backend: 'cpu' });
    expect(backend().coverage().line).toMatch(/StringToHashBucketFast ×\d+ on cpu/);
  });

  it('has typed errors for data that is gone', () => {
    const x = tf.tensor1d([1]);
    const { dataId, shape, dtype } = x;
    x.dispose();
    expect(() => tf.square(x)).toThrow(/disposed/);
    expect(() => tf.engine().runKernel('Square', { x: { dataId, shape, dtype } as unknown as tf.Tensor })).toThrow(/FLAGOS_E_DISPOSED/);
  });
});

describe('with onnxruntime', () => {
  it('shares a runtime in one process', async () => {
    await installOrt(ort as never, { runtime });
    const f = tensorType('float32', [2]);
    const graph = {
      name: 'add',
      inputs: [{ name: 'x', type: f }],
      outputs: [{ name: 'y', type: f }],
      initializers: new Map(),
      types: new Map(),
      nodes: [{ name: 'n', op: 'Add', domain: '', version: 14, inputs: ['x', 'x'], outputs: ['y'], attrs: {} }],
    };
    const bytes = writeModel({ graph, name: 'add', opsets: { '': 17 } });
    const options = { executionProviders: ['flagos'] } as unknown as ort.InferenceSession.SessionOptions;
    const session = await ort.InferenceSession.create(bytes, options);
    const x = tf.mul(tf.tensor1d([1, 2]), 3);
    const [sum, square] = await Promise.all([
      session.run({ x: new ort.Tensor('float32', Float32Array.from(await x.data()), [2]) }),
      tf.square(x).data(),
    ]);
    expect([...(sum['y']!.data as Float32Array)]).toEqual([6, 12]);
    expect([...square]).toEqual([9, 36]);
    expect(backend().shared.runtime).toBe(runtime.runtime);
    await session.release();
  });
});

describe('installing', () => {
  it('is harmless twice, and refuses what is no tfjs and options that are none', async () => {
    await install(tf, { runtime });
    await expect(install({ default: {} }, { runtime })).rejects.toThrow(/FLAGOS_E_USAGE/);
    await expect(install(tf, { runtime, prefr: [] } as never)).rejects.toThrow(/FLAGOS_E_CONFIG.*prefr/s);
  });
});

describe("tfjs-core's own specs", () => {
  it('of registration, memory, complex numbers and an optimizer pass', () => {
    const grep = 'Backend registration|tidy|memory|profile|complex64|AdamOptimizer';
    const suite = join(import.meta.dirname, 'run-suite.mjs');
    const { status, stdout, stderr } = spawnSync(process.execPath, [suite, '--chip', 'flagos/js', '--grep', grep], { encoding: 'utf8' });
    expect(stdout + stderr).toMatch(/[1-9]\d* specs of tfjs-core on flagos: /);
    expect(stdout).not.toMatch(/FAILED/);
    expect(status).toBe(0);
  });
});
