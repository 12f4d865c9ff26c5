/**
 * Outputs a kernel supplies itself, because their shape is not known beforehand, or they are no
 * plain tensors, or live in memory of its own: held to what is known of them, and kept from sharing
 * memory with what is not the kernel's to give away.
 */
import { FlagosError } from '../core/errors.ts';
import { describeType, type ValueType } from '../core/graph.ts';
import { describeValue, MapValue, Sequence, Tensor, type Value } from '../core/tensor.ts';
import type { DeviceTensor, RunValue } from '../plugins/contract.ts';
import type { Step } from './prepare.ts';

const broken = (reason: string, hint?: string): FlagosError =>
  new FlagosError('FLAGOS_E_KERNEL_CONTRACT', reason, hint === undefined ? {} : { hint });

const isValue = (x: unknown): x is Value => x === null || x instanceof Tensor || x instanceof Sequence || x instanceof MapValue;
const isDeviceTensor = (x: unknown): x is DeviceTensor =>
  typeof x === 'object' && x !== null && 'space' in x && 'dtype' in x && 'dims' in x && Array.isArray(x.dims);

/** Whether dims agree with a shape, as far as it is known. */
const fits = (dims: readonly number[], shape: Extract<ValueType, { kind: 'tensor' }>['shape']): boolean =>
  !shape || (dims.length === shape.length && dims.every((d, i) => typeof shape[i] !== 'number' || shape[i] === d));

const agrees = (made: Value | DeviceTensor, type: ValueType | undefined): boolean => {
  if (!type || type.kind === 'optional') return true;
  if (type.kind === 'tensor') return made !== null && 'dims' in made && made.dtype === type.dtype && fits(made.dims, type.shape);
  return type.kind === 'sequence' ? made instanceof Sequence : made instanceof MapValue;
};

const describe = (made: Value | DeviceTensor): string =>
  isValue(made) ? describeValue(made) : `${made.dtype}[${made.dims.join(',')}] in ${made.space}`;

/** What the model says of a value's type is not so. What it says of shapes is not relied on any more, and the run starts again. */
export class Misstated extends Error {
  constructor(readonly error: FlagosError) {
    super(error.message, { cause: error });
  }
}

const storageOf = (t: Tensor): object => (Array.isArray(t.data) ? t.data : t.data.buffer);

/** A tensor of its own if this one shares memory with what the step read. */
const own = (made: Tensor, step: Step): Tensor => {
  const storage = storageOf(made);
  const shared = (x: RunValue): boolean => x instanceof Tensor && storageOf(x) === storage;
  return step.inputs.some(shared) || step.constants.some(shared) ? made.clone() : made;
};

/** Sequences may hold what the step read, but never constants: who gets the sequence may change what is in it. */
const withoutConstants = (made: Value, constants: ReadonlySet<object>): Value => {
  if (made instanceof Tensor) return constants.has(storageOf(made)) ? made.clone() : made;
  if (made instanceof Sequence) return new Sequence(made.items.map((item) => withoutConstants(item, constants)));
  if (made instanceof MapValue) return new MapValue(new Map([...made.entries].map(([k, v]) => [k, withoutConstants(v, constants)])));
  return made;
};

/**
 * Takes output `j` of a step that supplied it.
 * @throws FLAGOS_E_KERNEL_CONTRACT if it is missing or not what was planned; Misstated if the model's own word was not so.
 */
export const takeSupplied = (step: Step, j: number): RunValue => {
  const made: unknown = step.outputs[j];
  const { name, type } = step.makes[j]!;
  if (step.places[j] !== undefined)
    throw broken(
      `put another value in place of the tensor it was given for output '${name}'`,
      'where a tensor is given the result must go into it',
    );
  if (made === undefined) throw broken(`made no output '${name}'`, 'the provider must fill every output that is undefined');
  const value =
    step.space === 'host' ? (isValue(made) ? made : undefined) : isDeviceTensor(made) && made.space === step.space ? made : undefined;
  if (value === undefined)
    throw broken(
      `made something else than ${step.space === 'host' ? 'a value on the host' : `a tensor in ${step.space}`} as output '${name}'`,
    );
  if (!agrees(value, type)) {
    if (!step.stated[j]) throw broken(`made ${describe(value)} as output '${name}', which is ${describeType(type)}`);
    throw new Misstated(
      new FlagosError('FLAGOS_E_MODEL_INVALID', `the model says that '${name}' is ${describeType(type)}, it is ${describe(value)}`),
    );
  }
  if (!isValue(value)) {
    // Each is freed by itself.
    if (step.inputs.includes(value))
      throw broken(`gave back what it read as output '${name}'`, 'in memory of its own, outputs are tensors of their own');
    return value;
  }
  // Control flow may hand through what it read, which is why that is not in the arena; constants it may not.
  if (value instanceof Tensor && type?.kind === 'tensor' && step.planned?.chip) return own(value, step);
  return step.constants.length ? withoutConstants(value, new Set(step.constants.map(storageOf))) : value;
};
