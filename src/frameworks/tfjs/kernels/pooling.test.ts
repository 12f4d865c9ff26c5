import * as tf from '@tensorflow/tfjs-core';
import { describe, it } from 'vitest';
import { agrees, spread } from './check.test-util.ts';
import { poolings } from './pooling.ts';

const cases: readonly [string, Record<string, unknown>, number[]][] = [
  ['same', { filterSize: [3, 3], strides: [2, 2], pad: 'same' }, [4, 3]],
  ['valid', { filterSize: [2, 3], strides: [1, 1], pad: 'valid' }, [6, 4]],
  ['padding', { filterSize: 3, strides: 2, pad: 1, dimRoundingMode: 'ceil' }, [4, 4]],
];

describe('pooling of tfjs', () => {
  it.each(cases)('MaxPool, AvgPool and their gradients: %s', (_, attrs, out) => {
    const x = spread([2, 7, 6, 3]);
    const dy = spread([2, ...out, 3], 'float32', 3);
    agrees(poolings, 'MaxPool', { x }, attrs);
    agrees(poolings, 'AvgPool', { x }, attrs);
    const output = tf.zeros(dy.shape);
    agrees(poolings, 'MaxPoolGrad', { dy, input: x, output }, attrs);
    if (_ !== 'padding') agrees(poolings, 'AvgPoolGrad', { dy, input: x }, attrs);
  });

  it('ties, NaN and integers', () => {
    const attrs = { filterSize: [2, 2], strides: [1, 1], pad: 'same' };
    const x = tf.tensor4d([1, 1, NaN, 1, 2, 2, 0, 2, 2], [1, 3, 3, 1]);
    agrees(poolings, 'MaxPool', { x }, attrs);
    agrees(poolings, 'MaxPoolGrad', { dy: spread([1, 3, 3, 1]), input: x, output: x }, attrs);
    agrees(poolings, 'MaxPool', { x: spread([1, 4, 4, 2], 'int32') }, attrs);
    for (const includeBatchInIndex of [false, true])
      agrees(poolings, 'MaxPoolWithArgmax', { x: spread([2, 4, 4, 2]) }, { ...attrs, includeBatchInIndex });
  });

  it('volumes', () => {
    const attrs = { filterSize: [2, 2, 2], strides: [1, 2, 2], pad: 'same' };
    const x = spread([1, 3, 4, 5, 2]);
    const dy = spread([1, 3, 2, 3, 2]);
    agrees(poolings, 'MaxPool3D', { x }, attrs);
    agrees(poolings, 'AvgPool3D', { x }, attrs);
    agrees(poolings, 'MaxPool3DGrad', { dy, input: x, output: dy }, attrs);
    agrees(poolings, 'AvgPool3DGrad', { dy, input: x }, attrs);
  });
});
