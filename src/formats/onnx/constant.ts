/** The value of a Constant node, whichever of its attributes gives it. Source: ONNX operator Constant. */
import { FlagosError } from '../../core/errors.ts';
import type { Attribute, Attributes } from '../../core/graph.ts';
import { Tensor } from '../../core/tensor.ts';

/** Tensors made from lists; a Constant of a function that is inlined many times is one tensor. */
const made = new WeakMap<Attribute, Tensor>();

const once = (attr: Attribute, make: () => Tensor): Tensor => {
  let tensor = made.get(attr);
  if (!tensor) made.set(attr, (tensor = make()));
  return tensor;
};

/** @throws FLAGOS_E_MODEL_INVALID unless there is exactly one value attribute of the right type. */
export const constantTensor = (attrs: Attributes): Tensor => {
  const given = Object.entries(attrs);
  const [entry] = given;
  if (given.length !== 1 || !entry) {
    throw new FlagosError(
      'FLAGOS_E_MODEL_INVALID',
      `a Constant must have one value, it has ${given.length ? given.map(([n]) => n).join(', ') : 'none'}`,
    );
  }
  const [name, attr] = entry;
  switch (`${name}:${attr.type}`) {
    case 'value:tensor':
    case 'sparse_value:tensor':
      if (attr.type === 'tensor') return attr.value;
      break;
    case 'value_int:int':
      if (attr.type === 'int') return Tensor.scalar('int64', attr.value);
      break;
    case 'value_ints:ints':
      if (attr.type === 'ints') return once(attr, () => Tensor.from('int64', [attr.value.length], attr.value));
      break;
    case 'value_float:float':
      if (attr.type === 'float') return Tensor.scalar('float32', attr.value);
      break;
    case 'value_floats:floats':
      if (attr.type === 'floats') return once(attr, () => Tensor.from('float32', [attr.value.length], attr.value));
      break;
    case 'value_string:string':
      if (attr.type === 'string') return Tensor.scalar('string', attr.value);
      break;
    case 'value_strings:strings':
      if (attr.type === 'strings') return once(attr, () => Tensor.from('string', [attr.value.length], attr.value));
      break;
  }
  throw new FlagosError('FLAGOS_E_MODEL_INVALID', `a Constant has attribute '${name}' of type ${attr.type}`);
};
