/** What a caller gives a model, held against what the model says it takes. */
import { FlagosError } from '../core/errors.ts';
import { describeType, type ValueInfo } from '../core/graph.ts';
import { nearest } from '../core/nearest.ts';
import { describeValue, MapValue, Sequence, Tensor, type Value } from '../core/tensor.ts';
import { fitsInto } from '../dispatch/ownership.ts';

const isValue = (x: unknown): x is Value => x === null || x instanceof Tensor || x instanceof Sequence || x instanceof MapValue;

/** Whether a value is of a type: kind, element type, rank, and the extents that are numbers. */
const isOf = (value: Value, type: ValueInfo['type']): boolean => {
  if (type?.kind === 'sequence') return value instanceof Sequence;
  if (type?.kind === 'map') return value instanceof MapValue;
  if (type?.kind !== 'tensor') return true;
  if (!(value instanceof Tensor) || value.dtype !== type.dtype) return false;
  const { shape } = type;
  if (!shape) return true;
  const { dims } = value;
  if (dims.length !== shape.length) return false;
  for (let d = 0; d < dims.length; d++) if (typeof shape[d] === 'number' && shape[d] !== dims[d]) return false;
  return true;
};

/** @throws FLAGOS_E_INPUT if an input is missing or is not what the model takes. */
export const checkInput = (model: string, info: ValueInfo, value: Value | undefined, optional: ReadonlySet<string>): void => {
  const fail = (reason: string, hint?: string): never => {
    throw new FlagosError('FLAGOS_E_INPUT', `input '${info.name}' ${reason}`, { trace: { model }, ...(hint ? { hint } : {}) });
  };
  if (value === undefined) return optional.has(info.name) ? undefined : fail('is missing', `it is ${describeType(info.type)}`);
  if (!isValue(value)) return fail('is not a value of this library', 'make it with new Tensor(dtype, dims, data) or Tensor.from');
  if (!isOf(value, info.type)) fail(`is ${describeValue(value)}, the model takes ${describeType(info.type)}`);
};

/** @throws FLAGOS_E_INPUT if a tensor given for an output is not of its type and shape. */
export const checkPlaces = (
  model: string,
  outputs: readonly ValueInfo[],
  places: readonly (Tensor | undefined)[],
  values: readonly Value[],
): void =>
  places.forEach((place, i) => {
    if (!place || fitsInto(place, values[i]!)) return;
    throw new FlagosError(
      'FLAGOS_E_INPUT',
      `the tensor given for output '${outputs[i]!.name}' is ${describeValue(place)}, the output is ${describeValue(values[i]!)}`,
      { trace: { model } },
    );
  });

/** The error for a name the model does not have. */
export const unknownName = (model: string, what: 'input' | 'output', name: string, known: readonly ValueInfo[]): FlagosError => {
  const near = nearest(
    name,
    known.map((k) => k.name),
  );
  return new FlagosError('FLAGOS_E_INPUT', `there is no ${what} '${name}'`, {
    trace: { model },
    hint: near ? `did you mean '${near}'?` : `${what}s are ${known.map((k) => `'${k.name}'`).join(', ')}`,
  });
};
