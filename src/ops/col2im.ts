/** Col2Im: overlapping blocks summed back into an image. */
import { add, and, eq, floordiv, floormod, ge, lt, mul, select, sub, sum, type Expr } from '../compiler/expr.ts';
import { compute, ravel } from '../compiler/tensor-expr.ts';
import { sizeOf } from '../core/tensor.ts';
import { optionalInts } from './attrs.ts';
import { defineOp, value } from './define.ts';
import { numeric } from './types.ts';
import { numbersOf, range, shapeError, showShape, valueError } from './util.ts';

const perAxis = (given: readonly number[] | undefined, count: number, fallback: number, least: number, name: string): readonly number[] => {
  const list = given ?? Array.from({ length: count }, () => fallback);
  if (list.length !== count || list.some((n) => n < least))
    throw valueError(`${name} ${showShape(list)} must be ${count} numbers of at least ${least}`);
  return list;
};

export const Col2Im = defineOp({
  name: 'Col2Im',
  since: 18,
  inputs: { input: [...numeric, 'bool'], image_shape: value(['int64']), block_shape: value(['int64']) },
  outputs: { output: 'input' },
  attrs: { dilations: optionalInts(), pads: optionalInts(), strides: optionalInts() },
  compute: ({ input, image_shape, block_shape }, attrs) => {
    const image = numbersOf(image_shape);
    const axes = image.length;
    const block = perAxis(numbersOf(block_shape), axes, 1, 1, 'block_shape');
    const dilations = perAxis(attrs.dilations, axes, 1, 1, 'dilations');
    const strides = perAxis(attrs.strides, axes, 1, 1, 'strides');
    const pads = perAxis(attrs.pads, 2 * axes, 0, 0, 'pads');
    const steps = image.map((d, a) => Math.floor((d + pads[a]! + pads[a + axes]! - dilations[a]! * (block[a]! - 1) - 1) / strides[a]!) + 1);
    const [n, rows, columns] = input.shape as [number, number, number];
    if (input.rank !== 3 || rows % sizeOf(block) !== 0 || columns !== sizeOf(steps) || steps.some((s) => s < 1)) {
      throw shapeError(
        `'input' of shape ${showShape(input.shape)} is not [N, C·${sizeOf(block)}, ${sizeOf(steps)}], which an image ${showShape(image)} of blocks ${showShape(block)} needs`,
      );
    }
    // Each pixel gathers from the blocks that reach it, so that nothing is written twice.
    return compute([n, rows / sizeOf(block), ...image], (i, c, ...pixel) =>
      sum(block, (...k) => {
        // From the first padded pixel; the block's start must be a multiple of the stride, and one that exists.
        const at = range(axes).map((a) => add(pixel[a]!, pads[a]!));
        const offset = k.map((e, a) => mul(e, dilations[a]!));
        const start = at.map((e, a) => sub(e, offset[a]!));
        const inside = range(axes).flatMap((a): Expr[] => [
          ge(at[a]!, offset[a]!),
          eq(floormod(start[a]!, strides[a]!), 0),
          lt(start[a]!, steps[a]! * strides[a]!),
        ]);
        const column = ravel(
          start.map((e, a) => floordiv(e, strides[a]!)),
          steps,
        );
        return select(
          inside.reduce((x, y) => and(x, y)),
          input.at(i!, add(mul(c!, sizeOf(block)), ravel(k, block)), column),
          0,
        );
      }),
    );
  },
});
