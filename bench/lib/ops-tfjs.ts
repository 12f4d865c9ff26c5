/**
 * Ops on flagos/wasm beside tfjs-backend-wasm (XNNPACK), and on flagos/js beside tfjs's cpu backend.
 * TensorFlow.js gets images channels-last, as it keeps them, ours channels-first, as ONNX does; both
 * keep their weights, and both give the result as an array of the host.
 */
// oxlint-disable-next-line import/no-unassigned-import -- it registers the backend, and that is all it does
import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type { Tensor } from '../../src/core/tensor.ts';
import { createRuntime } from '../../src/host/flagos.ts';
import { measure, type MeasureOptions } from './measure.ts';
import { modelOf, tensorOf, type CaseInput, type OpCase } from './op-case.ts';
import { AGREE, relativeError, type OpRow } from './op-report.ts';

const toTf = (input: CaseInput, i: number): tf.Tensor => {
  const t = tensorOf(input, i);
  return input.integers
    ? tf.tensor(Int32Array.from(t.data as BigInt64Array, Number), [...input.dims], 'int32')
    : tf.tensor(t.data as Float32Array, [...input.dims]);
};
const last = (x: tf.Tensor): tf.Tensor4D => tf.transpose(x as tf.Tensor4D, [0, 2, 3, 1]);
const numbers = (c: OpCase, name: string): number[] => [...((c.attrs?.[name] ?? []) as readonly number[])];

type Run = () => tf.Tensor;

/** The op in TensorFlow.js, and whether its result is channels-last; undefined where it has none. */
const inTfjs = (c: OpCase): { run: Run; channelsLast?: boolean } | undefined => {
  const [a, b, d] = c.inputs.map((x, i) => x && toTf(x, i)) as tf.Tensor[];
  const strides = numbers(c, 'strides') as [number, number];
  const [top, left, bottom, right] = numbers(c, 'pads');
  const pad = [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ] as tf.backend_util.ExplicitPadding;
  switch (c.op) {
    case 'MatMul':
      return { run: () => tf.matMul(a!, b!) };
    case 'Gemm':
      return { run: () => tf.add(tf.matMul(a!, b!, false, true), d!) };
    case 'Conv': {
      const x = last(a!);
      const depthwise = c.attrs?.['group'] !== 1;
      const w = tf.transpose(b as tf.Tensor4D, depthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]);
      return {
        channelsLast: true,
        run: () => tf.add(depthwise ? tf.depthwiseConv2d(x, w, strides, pad) : tf.conv2d(x, w, strides, pad), d!),
      };
    }
    case 'MaxPool': {
      const x = last(a!);
      return { channelsLast: true, run: () => tf.maxPool(x, 3, strides, pad) };
    }
    case 'GlobalAveragePool': {
      const x = last(a!);
      return { run: () => tf.mean(x, [1, 2]) };
    }
    case 'Softmax':
      return { run: () => tf.softmax(a!) };
    case 'Relu':
      return { run: () => tf.relu(a!) };
    case 'Sigmoid':
      return { run: () => tf.sigmoid(a!) };
    case 'Tanh':
      return { run: () => tf.tanh(a!) };
    case 'Erf':
      return { run: () => tf.erf(a!) };
    case 'Exp':
      return { run: () => tf.exp(a!) };
    case 'Sqrt':
      return { run: () => tf.sqrt(a!) };
    case 'Log':
      return { run: () => tf.log(a!) };
    case 'Add':
      return { run: () => tf.add(a!, b!) };
    case 'Mul':
      return { run: () => tf.mul(a!, b!) };
    case 'Transpose':
      return { run: () => tf.transpose(a!, numbers(c, 'perm')) };
    case 'Concat':
      return { run: () => tf.concat([a!, b!], 1) };
    case 'Gather':
      return { run: () => tf.gather(a!, b as tf.Tensor1D) };
    case 'ReduceSum':
      return { run: () => tf.sum(a!, c.inputs[1]!.integers![0]) };
    case 'ReduceMean':
      return { run: () => tf.mean(a!, c.inputs[1]!.integers![0]) };
    case 'ReduceMax':
      return { run: () => tf.max(a!, c.inputs[1]!.integers![0]) };
    default:
      return undefined;
  }
};

export const timeTfjs = async (cases: readonly OpCase[], chip: 'wasm' | 'js', settings: MeasureOptions): Promise<OpRow[]> => {
  const peer = chip === 'wasm' ? 'tfjs-backend-wasm' : 'tfjs-backend-cpu';
  setWasmPaths(`${dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  await tf.setBackend(chip === 'wasm' ? 'wasm' : 'cpu');
  await tf.ready();
  const flagos = await createRuntime({ discover: false, file: false, log: 'error', prefer: [`flagos/${chip}`], fallback: 'none' });
  const rows: OpRow[] = [];
  for (const c of cases) {
    const made = inTfjs(c);
    if (!made) continue;
    const row = { chip, threads: 1, name: c.name, group: c.group, peer };
    const { bytes, feeds } = modelOf(c);
    const model = await flagos.load(bytes);
    const actual = Object.values(await model.run(feeds))[0] as Tensor;
    const run = (): Float32Array => {
      const y = tf.tidy(made.run);
      const data = y.dataSync();
      y.dispose();
      return data as Float32Array;
    };
    const expected = tf.tidy(() => {
      const y = made.run();
      return (made.channelsLast ? tf.transpose(y as tf.Tensor4D, [0, 3, 1, 2]) : y).dataSync();
    });
    const error = relativeError(actual.data as Float32Array, expected);
    if (error > AGREE) rows.push({ ...row, problem: `results differ by ${error.toExponential(1)}` });
    else {
      const [theirs, ours] = await measure(
        [
          { name: peer, run },
          { name: chip, run: () => model.run(feeds) },
        ],
        settings,
      );
      rows.push({ ...row, peerUs: theirs!.medianUs, ownUs: ours!.medianUs, speed: 1 / ours!.ratio });
    }
    await model.dispose();
  }
  await flagos.close();
  return rows;
};
