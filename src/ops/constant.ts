/** Tensors written in the model: a given one, or one value everywhere. */
import { dtypes, type DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { Tensor } from '../core/tensor.ts';
import { fill } from '../compiler/tensor-expr.ts';
import {
  optionalBigInt,
  optionalBigInts,
  optionalFloat,
  optionalFloats,
  optionalString,
  optionalStrings,
  optionalTensor,
  type AttrSpec,
} from './attrs.ts';
import { defineOp, exact, value, type AttrValues } from './define.ts';
import { numbersOf, shapeError, showShape, valueError } from './util.ts';

const constantAttrs = {
  value: optionalTensor(),
  /** Dense by the time it arrives: importers unfold sparse tensors. */
  sparse_value: optionalTensor(),
  value_int: optionalBigInt(),
  value_ints: optionalBigInts(),
  value_float: optionalFloat(),
  value_floats: optionalFloats(),
  value_string: optionalString(),
  value_strings: optionalStrings(),
} satisfies Record<string, AttrSpec<unknown>>;

/** @throws FLAGOS_E_ATTRIBUTE unless exactly one attribute gives the value. */
const constantOf = (attrs: AttrValues<typeof constantAttrs>): Tensor => {
  const { value: dense, sparse_value, value_int, value_ints, value_float, value_floats, value_string, value_strings } = attrs;
  const given = [
    dense,
    sparse_value,
    value_int !== undefined && Tensor.scalar('int64', value_int),
    value_ints && Tensor.from('int64', [value_ints.length], value_ints),
    value_float !== undefined && Tensor.scalar('float32', value_float),
    value_floats && Tensor.from('float32', [value_floats.length], value_floats),
    value_string !== undefined && Tensor.scalar('string', value_string),
    value_strings && Tensor.from('string', [value_strings.length], value_strings),
  ].filter((t) => t instanceof Tensor);
  if (given.length !== 1) {
    throw new FlagosError('FLAGOS_E_ATTRIBUTE', `has ${given.length} value attributes, it must have one`, {
      hint: `one of ${Object.keys(constantAttrs).join(', ')}`,
    });
  }
  return given[0]!;
};

export const Constant = defineOp({
  name: 'Constant',
  since: 1,
  inputs: {},
  outputs: { output: ({ attrs }) => constantOf(attrs).dtype },
  attrs: constantAttrs,
  host: (_, attrs) => constantOf(attrs),
  shapes: (_, attrs) => [constantOf(attrs).dims],
});

/** What ConstantOfShape may be filled with. */
const fillable: readonly DType[] = dtypes.filter((d) => d !== 'string' && d !== 'complex64' && d !== 'complex128');

export const ConstantOfShape = defineOp({
  name: 'ConstantOfShape',
  since: 9,
  accuracy: exact,
  inputs: { input: value(['int64']) },
  outputs: { output: ({ attrs }) => attrs.value?.dtype ?? 'float32' },
  attrs: { value: optionalTensor() },
  compute: ({ input }, { value: filler }) => {
    const shape = numbersOf(input);
    if (input.dims.length > 1) throw shapeError(`'input' must be a vector of extents, its shape is ${showShape(input.dims)}`);
    if (shape.some((d) => d < 0)) throw valueError(`${showShape(shape)} is not a shape`);
    if (!filler) return fill(shape, 0, 'float32');
    const [element, ...rest] = filler.toValues();
    if (element === undefined || typeof element === 'string' || rest.length > 0)
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'value' must hold one number, its shape is ${showShape(filler.dims)}`);
    if (!fillable.includes(filler.dtype)) throw new FlagosError('FLAGOS_E_DTYPE', `a tensor cannot be filled with ${filler.dtype}`);
    return fill(shape, element, filler.dtype);
  },
});
