import type { Tensor } from '@tensorflow/tfjs-core';
import { describe, it } from 'vitest';
import { agrees, spread } from './check.test-util.ts';
import { convolution } from './convolution.ts';

const conv = { strides: [1, 1], pad: 'same', dataFormat: 'NHWC', dilations: [1, 1] };

describe('convolutions of tfjs', () => {
  it.each([
    ['same', {}],
    ['valid, strides', { pad: 'valid', strides: [2, 1] }],
    ['same, strides', { strides: 2 }],
    ['dilations', { dilations: [2, 2] }],
    ['a number of padding, rounded up', { pad: 1, strides: 2, dimRoundingMode: 'ceil' }],
    ['a number of padding, rounded down', { pad: 1, strides: 3, dimRoundingMode: 'floor' }],
    ['explicit padding', { pad: [[0, 0], [1, 2], [0, 3], [0, 0]], strides: 2 }], // oxfmt-ignore
  ])('Conv2D and FusedConv2D: %s', (_, more) => {
    const inputs = { x: spread([2, 7, 6, 3]), filter: spread([3, 2, 3, 4], 'float32', 2) };
    agrees(convolution, 'Conv2D', inputs, { ...conv, ...more });
    const bias = spread([4], 'float32', 3);
    agrees(convolution, 'FusedConv2D', { ...inputs, bias }, { ...conv, ...more, activation: 'relu6' });
  });

  it('Conv2D with channels first', () => {
    const inputs = { x: spread([2, 3, 7, 6]), filter: spread([3, 2, 3, 4], 'float32', 2) };
    agrees(convolution, 'Conv2D', inputs, { ...conv, dataFormat: 'NCHW', strides: [1, 2] });
  });

  it.each(['linear', 'relu', 'elu', 'sigmoid', 'leakyrelu', 'prelu'])('FusedConv2D with %s', (activation) => {
    const inputs = { x: spread([1, 4, 4, 3]), filter: spread([2, 2, 3, 4], 'float32', 2), bias: spread([4]) };
    const slope: Record<string, Tensor> = activation === 'prelu' ? { preluActivationWeights: spread([1, 1, 4], 'float32', 5) } : {};
    agrees(convolution, 'FusedConv2D', { ...inputs, ...slope }, { ...conv, activation, leakyreluAlpha: 0.3 });
    const depthwise = { x: spread([1, 4, 4, 2]), filter: spread([2, 2, 2, 2], 'float32', 2), bias: spread([4]) };
    agrees(convolution, 'FusedDepthwiseConv2D', { ...depthwise, ...slope }, { ...conv, activation, leakyreluAlpha: 0.3 });
  });

  it.each([
    ['same', {}],
    ['strides', { strides: [2, 3] }],
    ['valid', { pad: 'valid', strides: 2 }],
    ['padding', { pad: 1, strides: 2 }],
  ])('gradients of Conv2D: %s', (_, more) => {
    const attrs = { ...conv, ...more };
    const [inputShape, filterShape] = [
      [2, 7, 6, 3],
      [3, 2, 3, 4],
    ];
    const out = { same: [7, 6], strides: [4, 2], valid: [3, 3], padding: [4, 3] }[_ as 'same'] as number[];
    const dy = spread([2, ...out, 4]);
    agrees(convolution, 'Conv2DBackpropInput', { dy, filter: spread(filterShape, 'float32', 2) }, { ...attrs, inputShape });
    agrees(convolution, 'Conv2DBackpropFilter', { x: spread(inputShape, 'float32', 2), dy }, { ...attrs, filterShape });
  });

  it.each([1, 2])('DepthwiseConv2dNative and its gradients, multiplier %i', (q) => {
    const attrs = { ...conv, strides: [2, 2], dimRoundingMode: undefined };
    const [inputShape, filterShape] = [
      [2, 7, 6, 3],
      [3, 2, 3, q],
    ];
    const x = spread(inputShape);
    const filter = spread(filterShape, 'float32', 2);
    agrees(convolution, 'DepthwiseConv2dNative', { x, filter }, attrs);
    agrees(convolution, 'DepthwiseConv2dNative', { x, filter }, { ...attrs, strides: 1, dilations: [2, 2] });
    const dy = spread([2, 4, 3, 3 * q]);
    agrees(convolution, 'DepthwiseConv2dNativeBackpropInput', { dy, filter }, { ...attrs, inputShape });
    agrees(convolution, 'DepthwiseConv2dNativeBackpropFilter', { x, dy }, { ...attrs, filterShape });
  });

  it('Conv3D and its gradients', () => {
    const attrs = { strides: [1, 2, 1], pad: 'same', dataFormat: 'NDHWC', dilations: [1, 1, 1] };
    const [inputShape, filterShape] = [
      [2, 3, 5, 4, 2],
      [2, 3, 2, 2, 3],
    ];
    const x = spread(inputShape);
    const filter = spread(filterShape, 'float32', 2);
    const dy = spread([2, 3, 3, 4, 3]);
    agrees(convolution, 'Conv3D', { x, filter }, attrs);
    agrees(convolution, 'Conv3DBackpropInputV2', { dy, filter }, { ...attrs, inputShape });
    agrees(convolution, 'Conv3DBackpropFilterV2', { x, dy }, { ...attrs, filterShape });
  });
});
