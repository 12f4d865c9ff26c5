/**
 * MaxUnpool: pooled elements back at the places they were taken from, zeros elsewhere. Indices count
 * in the shape that the windows give; a larger `output_shape` puts that shape at its beginning, as
 * the ONNX test of the op has it.
 */
import { and, cast, ge, lt } from '../compiler/expr.ts';
import { fill, scatter, unravel } from '../compiler/tensor-expr.ts';
import { sizeOf } from '../core/tensor.ts';
import { optionalInts, requiredInts } from './attrs.ts';
import { defineOp, exact, optional, value } from './define.ts';
import { floats } from './types.ts';
import { expectRank, expectShape, numbersOf, range, shapeError, showShape } from './util.ts';
import { perAxis } from './windows.ts';

export const MaxUnpool = defineOp({
  name: 'MaxUnpool',
  since: 9,
  accuracy: exact,
  inputs: { X: floats, I: ['int64'], output_shape: optional(value(['int64'])) },
  outputs: { output: 'X' },
  attrs: { kernel_shape: requiredInts(), pads: optionalInts(), strides: optionalInts() },
  compute: ({ X, I, output_shape }, attrs) => {
    expectRank(X.shape, 3, 'X');
    expectShape(I.shape, X.shape, 'I');
    const axes = X.rank - 2;
    const kernel = perAxis(attrs.kernel_shape, axes, 1, 1, 'kernel_shape');
    const strides = perAxis(attrs.strides, axes, 1, 1, 'strides');
    const pads = perAxis(attrs.pads, 2 * axes, 0, 0, 'pads');
    const inferred = [
      ...X.shape.slice(0, 2),
      ...range(axes).map((a) => (X.shape[a + 2]! - 1) * strides[a]! - pads[a]! - pads[a + axes]! + kernel[a]!),
    ];
    const shape = output_shape ? numbersOf(output_shape) : inferred;
    if (shape.length !== X.rank || shape.some((d, a) => d < inferred[a]!)) {
      throw shapeError(`'output_shape' is ${showShape(shape)}, the windows need at least ${showShape(inferred)}`);
    }
    const size = sizeOf(inferred);
    return scatter(fill(shape, 0, X.dtype), X.shape, (...i) => {
      const place = I.at(...i);
      // A place outside of the output is no place: nothing is written there.
      return { at: unravel(cast(place, 'index'), inferred), value: X.at(...i), where: and(ge(place, 0), lt(place, size)) };
    });
  },
});
