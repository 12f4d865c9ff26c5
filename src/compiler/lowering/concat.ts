/** Concatenation: its parts are computed where they will stand, where they need no memory of their own. */
import type { Buffer } from '../loops.ts';
import { ComputeTensor, type ConcatTensor, type TensorExpr } from '../tensor-expr.ts';
import { positionInSlice, type Slice } from './places.ts';
import type { TensorLowering } from './tensors.ts';

export const lowerConcat = (to: TensorLowering, t: ConcatTensor, buffer: Buffer): void => {
  let start = 0;
  for (const part of t.parts) {
    const slice: Slice = { buffer, shape: t.shape, axis: t.axis, start };
    if (canBeSlice(to, part, t)) {
      to.compute(part, buffer, (at) => positionInSlice(slice, at));
      to.places.putSlice(part, slice);
    } else {
      to.prepareTensor(part);
      to.writer.nest(
        part.shape,
        (at) => to.writer.push({ kind: 'store', buffer, at: positionInSlice(slice, at), value: to.read(part, at) }),
        true,
        buffer.order,
      );
    }
    start += part.shape[t.axis]!;
  }
};

/** Whether a part is computed for the first time here, and as often as the whole. */
const canBeSlice = ({ places, inventory }: TensorLowering, part: TensorExpr, whole: ConcatTensor): part is ComputeTensor => {
  if (!(part instanceof ComputeTensor) || places.has(part) || inventory.inlined.has(part)) return false;
  return inventory.within(part).size === inventory.within(whole).size;
};
