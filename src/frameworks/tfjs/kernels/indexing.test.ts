import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { Tensor } from '../../../core/tensor.ts';
import { callAll, int } from '../../../ops/testing.ts';
import { FFT } from '../../../ops/tfjs/fft.ts';
import { agrees, spread } from './check.test-util.ts';
import { blocks } from './blocks.ts';
import { indexing } from './indexing.ts';

const ints = (values: number[], shape: number[] = [values.length]): tf.Tensor => tf.tensor(values, shape, 'int32');

describe('indexing of tfjs', () => {
  it('gathering', () => {
    const x = spread([3, 4, 5]);
    agrees(indexing, 'GatherV2', { x, indices: ints([2, 0, 1, 2], [2, 2]) }, { axis: 1, batchDims: 0 });
    agrees(indexing, 'GatherV2', { x, indices: ints([3, 0, 1, 2, 1, 1], [3, 2]) }, { axis: 1, batchDims: 1 });
    agrees(indexing, 'GatherV2', { x: tf.tensor1d(['a', 'b', 'c']), indices: ints([2, 0]) }, { axis: 0, batchDims: 0 });
    agrees(indexing, 'GatherNd', { params: x, indices: ints([0, 1, 2, 3], [2, 2]) });
    expect(() => agrees(indexing, 'GatherV2', { x, indices: ints([-1]) }, { axis: 1, batchDims: 0 })).toThrow('not in [0, 3]');
  });

  it('scattering', () => {
    const indices = ints([1, 3, 1], [3, 1]);
    agrees(indexing, 'ScatterNd', { indices, updates: spread([3, 2]) }, { shape: [4, 2] });
    agrees(indexing, 'TensorScatterUpdate', {
      tensor: spread([4, 2]),
      indices: ints([3, 0], [2, 1]),
      updates: spread([2, 2], 'float32', 2),
    });
    const defaultValue = tf.scalar(0.5);
    agrees(indexing, 'SparseToDense', { sparseIndices: ints([1, 3]), sparseValues: spread([2]), defaultValue }, { outputShape: [5] });
    agrees(
      indexing,
      'SparseToDense',
      { sparseIndices: ints([1, 0, 0, 2], [2, 2]), sparseValues: tf.scalar(3), defaultValue },
      { outputShape: [2, 3] },
    );
    agrees(indexing, 'UnsortedSegmentSum', { x: spread([4, 3]), segmentIds: ints([2, 0, 2, 7]) }, { numSegments: 3 });
  });

  it('order and counts', () => {
    agrees(indexing, 'TopK', { x: spread([3, 7]) }, { k: 4, sorted: true });
    agrees(indexing, 'TopK', { x: spread([3, 7], 'int32') }, { k: 7, sorted: true });
    agrees(indexing, 'Unique', { x: ints([5, 1, 5, 3, 1]) }, { axis: 0 });
    agrees(indexing, 'Unique', { x: ints([1, 2, 1, 2, 3, 4], [3, 2]) }, { axis: 0 });
    agrees(indexing, 'OneHot', { indices: ints([0, 2, -1, 5]) }, { depth: 3, onValue: 2, offValue: -1, dtype: 'float32' });
    agrees(indexing, 'OneHot', { indices: ints([0, 2, 1], [3, 1]) }, { depth: 3, onValue: 1, offValue: 0, dtype: 'int32' });
    const x = ints([1, 1, 4, 0, 9]);
    agrees(indexing, 'Bincount', { x, weights: tf.tensor1d([]) }, { size: 5 });
    agrees(indexing, 'Bincount', { x, weights: spread([5]) }, { size: 5 });
    const matrix = ints([1, 1, 2, 0, 2, 2], [2, 3]);
    for (const binaryOutput of [false, true])
      agrees(indexing, 'DenseBincount', { x: matrix, weights: tf.tensor1d([]) }, { size: 3, binaryOutput });
    for (const side of ['left', 'right'])
      agrees(
        indexing,
        'SearchSorted',
        { sortedSequence: tf.tensor2d([0, 1, 1, 3, 4, 5, 6, 7], [2, 4]), values: tf.tensor2d([1, 2, 9, 4, 7, -1], [2, 3]) },
        { side },
      );
    agrees(indexing, 'LinSpace', {}, { start: 0, stop: 1, num: 11 });
  });

  it('suppression of overlapping boxes', () => {
    const boxes = tf.tensor2d([0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, -0.1, 1, 0.9, 0, 10, 1, 11, 0, 10.1, 1, 11.1, 0, 100, 1, 101], [6, 4]);
    const scores = tf.tensor1d([0.9, 0.75, 0.6, 0.95, 0.5, 0.3]);
    const attrs = { maxOutputSize: 5, iouThreshold: 0.5, scoreThreshold: 0.2 };
    agrees(indexing, 'NonMaxSuppressionV3', { boxes, scores }, attrs);
    agrees(indexing, 'NonMaxSuppressionV4', { boxes, scores }, { ...attrs, padToMaxOutputSize: true });
    agrees(indexing, 'NonMaxSuppressionV5', { boxes, scores }, { ...attrs, iouThreshold: 1, softNmsSigma: 0.5 });
  });
});

describe('blocks of tfjs', () => {
  it('space, batches and channels', () => {
    agrees(blocks, 'SpaceToBatchND', { x: spread([2, 3, 4, 2]) }, { blockShape: [2, 2], paddings: [[1, 0], [0, 2]] }); // oxfmt-ignore
    agrees(blocks, 'BatchToSpaceND', { x: spread([8, 2, 3, 2]) }, { blockShape: [2, 2], crops: [[1, 0], [0, 2]] }); // oxfmt-ignore
    agrees(blocks, 'DepthToSpace', { x: spread([1, 2, 3, 8]) }, { blockSize: 2, dataFormat: 'NHWC' });
  });

  it('batch normalization, by channel and by element', () => {
    const x = spread([2, 3, 4, 5]);
    const variance = tf.abs(spread([5], 'float32', 4));
    const [mean, offset, scale] = [2, 3, 5].map((seed) => spread([5], 'float32', seed)) as [tf.Tensor, tf.Tensor, tf.Tensor];
    agrees(blocks, 'FusedBatchNorm', { x, mean, variance, offset, scale }, { varianceEpsilon: 0.01 });
    agrees(blocks, 'FusedBatchNorm', { x, mean, variance }, {});
    agrees(blocks, 'FusedBatchNorm', { x, mean: x, variance: tf.abs(x), offset: x, scale: x }, { varianceEpsilon: 0.01 });
  });

  it.each([1, 2, 8, 12, 7])('Fourier transforms of rows of %i, of their halves', (n) => {
    const rows = Array.from({ length: n }, (_, i) => [Math.sin(i * 3), Math.cos(i * i)]);
    const halves = [0, 1].map((h) =>
      Tensor.from(
        'float32',
        [1, n],
        rows.map((r) => r[h]!),
      ),
    );
    for (const inverse of [0, 1]) {
      const made = callAll(FFT, halves, { inverse: int(inverse) }) as Tensor[];
      for (let k = 0; k < n; k++) {
        let [re, im] = [0, 0];
        rows.forEach(([a, b], j) => {
          const angle = ((inverse ? 2 : -2) * Math.PI * j * k) / n;
          re += a! * Math.cos(angle) - b! * Math.sin(angle);
          im += a! * Math.sin(angle) + b! * Math.cos(angle);
        });
        const scale = inverse ? 1 / n : 1;
        expect(made[0]!.toNumbers()[k]).toBeCloseTo(re * scale, 4);
        expect(made[1]!.toNumbers()[k]).toBeCloseTo(im * scale, 4);
      }
    }
  });
});
