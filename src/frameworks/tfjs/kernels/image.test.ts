import * as tf from '@tensorflow/tfjs-core';
import { describe, it } from 'vitest';
import { agrees, spread } from './check.test-util.ts';
import { image } from './image.ts';

describe('pictures of tfjs', () => {
  it.each([
    [false, false],
    [true, false],
    [false, true],
  ])('resizing: corners aligned %s, half-pixel centres %s', (alignCorners, halfPixelCenters) => {
    const images = spread([2, 4, 5, 3]);
    for (const size of [
      [7, 9],
      [2, 3],
      [1, 1],
    ]) {
      agrees(image, 'ResizeBilinear', { images }, { size, alignCorners, halfPixelCenters });
      agrees(image, 'ResizeNearestNeighbor', { images }, { size, alignCorners, halfPixelCenters });
      if (halfPixelCenters) continue;
      // tfjs's cpu backend looks for the gradient of a second picture in the wrong place.
      const dy = spread([1, ...size, 3], 'float32', 2);
      agrees(image, 'ResizeNearestNeighborGrad', { images: spread([1, 4, 5, 3]), dy }, { alignCorners });
    }
    // tfjs's cpu backend gives the gradient with height and width exchanged, so only square pictures compare.
    const square = spread([2, 4, 4, 3]);
    if (!halfPixelCenters) agrees(image, 'ResizeBilinearGrad', { images: square, dy: spread([2, 7, 3, 3]) }, { alignCorners });
  });

  it('CropAndResize', () => {
    const x = spread([2, 5, 6, 3]);
    const boxes = tf.tensor2d([0, 0, 1, 1, 0.2, 0.1, 0.8, 0.7, 0.9, 0.9, 1.2, 1.4, 0.7, 0.6, 0.1, 0.2], [4, 4]);
    const boxInd = tf.tensor1d([0, 1, 0, 1], 'int32');
    for (const method of ['bilinear', 'nearest'])
      for (const cropSize of [
        [3, 4],
        [1, 1],
      ])
        agrees(image, 'CropAndResize', { image: x, boxes, boxInd }, { cropSize, method, extrapolationValue: 7 });
  });

  it('RotateWithOffset and FlipLeftRight', () => {
    const x = spread([2, 5, 6, 4]);
    for (const fillValue of [0.5, [1, 2, 3]])
      agrees(image, 'RotateWithOffset', { image: x }, { radians: 0.7, fillValue, center: [0.4, 0.6] });
    agrees(image, 'FlipLeftRight', { image: x });
  });

  it.each(['constant', 'reflect', 'wrap', 'nearest'])('Transform, fill mode %s', (fillMode) => {
    const x = spread([1, 5, 6, 2]);
    for (const transforms of [
      [1.5, 0.2, -9, 0.1, 1.2, -7, 0, 0],
      [0.9, 0, 4, 0, 1.7, 3, 0.01, 0.02],
    ])
      for (const interpolation of ['nearest', 'bilinear'])
        agrees(
          image,
          'Transform',
          { image: x, transforms: tf.tensor2d(transforms, [1, 8]) },
          { interpolation, fillMode, fillValue: 0.25, outputShape: [6, 7] },
        );
  });

  it('Dilation2D and its gradients', () => {
    const attrs = { strides: [1, 2], pad: 'same', dilations: [1, 1] };
    const [x, filter] = [spread([1, 5, 4, 2]), spread([2, 3, 2], 'float32', 2)];
    agrees(image, 'Dilation2D', { x, filter }, attrs);
    const dy = spread([1, 5, 2, 2]);
    agrees(image, 'Dilation2DBackpropInput', { x, filter, dy }, attrs);
    agrees(image, 'Dilation2DBackpropFilter', { x, filter, dy }, attrs);
  });

  it('LRN and its gradient', () => {
    const attrs = { depthRadius: 2, bias: 1.5, alpha: 0.7, beta: 0.6 };
    const x = spread([1, 2, 3, 7]);
    agrees(image, 'LRN', { x }, attrs);
    agrees(image, 'LRNGrad', { x, y: spread([1, 2, 3, 7], 'float32', 2), dy: spread([1, 2, 3, 7], 'float32', 3) }, attrs);
  });
});
