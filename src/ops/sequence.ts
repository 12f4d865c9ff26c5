/** Sequences: making, reading, changing, joining and splitting them, and mapping a subgraph over them. */
import type { DType } from '../core/dtype.ts';
import type { Graph } from '../core/graph.ts';
import { FlagosError } from '../core/errors.ts';
import { describeValue, Sequence, Tensor, type Value } from '../core/tensor.ts';
import { flag, graph, int, optionalDType, requiredInt } from './attrs.ts';
import { allGiven, asTensor, carryOut, checkBody, type Steps } from './control-flow.ts';
import { anyValue, anyValues, defineOp, optional, variadic, type OpRecord, type RunSubgraph } from './define.ts';
import { concatTensors, sliceAxis, stackTensors } from './host-tensor.ts';
import { indices, ints } from './types.ts';
import { normalizeAxis, numbersOf, removeAt, scalarOf, shapeError, showShape, valueError } from './util.ts';

/** Element types the specification puts into sequences. */
const elements = [
  'float32',
  'float64',
  'float16',
  ...ints,
  'bool',
  'string',
  'complex64',
  'complex128',
] as const satisfies readonly DType[];

/** @throws FLAGOS_E_DTYPE if a value is no sequence. */
const itemsOf = (value: Value, name = 'input_sequence'): readonly Value[] => {
  if (value instanceof Sequence) return value.items;
  throw new FlagosError(
    'FLAGOS_E_DTYPE',
    `input '${name}' must be a sequence, it is ${value === null ? 'an' : 'a'} ${describeValue(value)}`,
  );
};

/** A position from −count to last (counted from the end if negative). @throws FLAGOS_E_VALUE. */
const positionIn = (position: Tensor, count: number, last: number): number => {
  const at = scalarOf(position, 'position');
  if (at < -count || at > last)
    throw valueError(`position ${at} is outside a sequence of ${count}`, count > 0 ? `it must be from ${-count} to ${last}` : undefined);
  return at < 0 ? at + count : at;
};

const checkAlike = (items: readonly Value[], tensor: Tensor): void => {
  const [first] = items;
  if (first instanceof Tensor && first.dtype !== tensor.dtype)
    throw new FlagosError('FLAGOS_E_DTYPE', `a sequence of ${first.dtype} cannot take a tensor of ${tensor.dtype}`);
};

export const SequenceConstruct: OpRecord = defineOp({
  name: 'SequenceConstruct',
  since: 11,
  inputs: { inputs: variadic(elements) },
  outputs: { output_sequence: () => undefined },
  host: ({ inputs }) => new Sequence(allGiven(inputs, 'tensor')),
});

export const SequenceEmpty: OpRecord = defineOp({
  name: 'SequenceEmpty',
  since: 11,
  inputs: {},
  outputs: { output: () => undefined },
  attrs: { dtype: optionalDType() },
  host: () => new Sequence([]),
});

export const SequenceLength: OpRecord = defineOp({
  name: 'SequenceLength',
  since: 11,
  inputs: { input_sequence: anyValue() },
  outputs: { length: 'int64' },
  host: ({ input_sequence }) => Tensor.scalar('int64', itemsOf(input_sequence).length),
});

export const SequenceAt: OpRecord = defineOp({
  name: 'SequenceAt',
  since: 11,
  inputs: { input_sequence: anyValue(), position: indices },
  outputs: { tensor: () => undefined },
  host: ({ input_sequence, position }) => {
    const items = itemsOf(input_sequence);
    return items[positionIn(position, items.length, items.length - 1)]!;
  },
});

export const SequenceInsert: OpRecord = defineOp({
  name: 'SequenceInsert',
  since: 11,
  inputs: { input_sequence: anyValue(), tensor: elements, position: optional(indices) },
  outputs: { output_sequence: () => undefined },
  host: ({ input_sequence, tensor, position }) => {
    const items = itemsOf(input_sequence);
    checkAlike(items, tensor);
    return new Sequence(items.toSpliced(position ? positionIn(position, items.length, items.length) : items.length, 0, tensor));
  },
});

export const SequenceErase: OpRecord = defineOp({
  name: 'SequenceErase',
  since: 11,
  inputs: { input_sequence: anyValue(), position: optional(indices) },
  outputs: { output_sequence: () => undefined },
  host: ({ input_sequence, position }) => {
    const items = itemsOf(input_sequence);
    if (items.length === 0) throw valueError('an empty sequence has nothing to erase');
    return new Sequence(items.toSpliced(position ? positionIn(position, items.length, items.length - 1) : items.length - 1, 1));
  },
});

export const ConcatFromSequence: OpRecord = defineOp({
  name: 'ConcatFromSequence',
  since: 11,
  inputs: { input_sequence: anyValue() },
  outputs: { concat_result: () => undefined },
  attrs: { axis: requiredInt(), new_axis: flag(false) },
  host: ({ input_sequence }, { axis, new_axis }) => {
    const tensors = itemsOf(input_sequence).map((item, i) => asTensor(item, `item ${i}`));
    if (tensors.length === 0) throw valueError('an empty sequence cannot be concatenated');
    const rank = tensors[0]!.dims.length;
    return new_axis ? stackTensors(tensors, normalizeAxis(axis, rank + 1)) : concatTensors(tensors, normalizeAxis(axis, rank));
  },
});

/** Lengths of the parts of an extent. @throws FLAGOS_E_VALUE, FLAGOS_E_SHAPE. */
const partLengths = (split: Tensor | undefined, extent: number): number[] => {
  const given = split && numbersOf(split);
  if (given && split.dims.length > 0) {
    if (split.dims.length > 1) throw shapeError(`'split' must be a scalar or a list, its shape is ${showShape(split.dims)}`);
    const total = given.reduce((n, d) => n + d, 0);
    if (given.some((d) => d < 0) || total !== extent) throw valueError(`parts ${showShape(given)} do not make up an extent of ${extent}`);
    return given;
  }
  const each = given ? given[0]! : 1;
  if (each <= 0) throw valueError(`parts of length ${each} cannot be cut`);
  return Array.from({ length: Math.ceil(extent / each) }, (_, i) => Math.min(each, extent - i * each));
};

export const SplitToSequence: OpRecord = defineOp({
  name: 'SplitToSequence',
  since: 11,
  inputs: { input: [...elements, 'bfloat16'], split: optional(indices) },
  outputs: { output_sequence: () => undefined },
  attrs: { axis: int(0), keepdims: flag(true) },
  host: ({ input, split }, { axis: given, keepdims }) => {
    const axis = normalizeAxis(given, input.dims.length);
    let start = 0;
    return new Sequence(
      partLengths(split, input.dims[axis]!).map((length) => {
        const part = sliceAxis(input, axis, start, (start += length));
        return split || keepdims ? part : part.reshaped(removeAt(part.dims, axis));
      }),
    );
  },
});

function* mapSequence(body: Graph, first: readonly Value[], others: readonly Value[], run: RunSubgraph): Steps<Value[]> {
  const mapped: Value[][] = body.outputs.map(() => []);
  for (let i = 0; i < first.length; i++) {
    const results: readonly Value[] = yield run(body, [first[i]!, ...others.map((v) => (v instanceof Sequence ? v.items[i]! : v))]);
    mapped.forEach((list, k) => list.push(results[k]!));
  }
  return mapped.map((list) => new Sequence(list));
}

export const SequenceMap: OpRecord = defineOp({
  name: 'SequenceMap',
  since: 17,
  inputs: { input_sequence: anyValue(), additional_inputs: anyValues(0) },
  outputs: { out_sequence: () => undefined },
  variadicOutputs: true,
  attrs: { body: graph() },
  control: ({ input_sequence, additional_inputs }, { body }, run, { outputs }) => {
    const first = itemsOf(input_sequence);
    const others = allGiven(additional_inputs, 'additional input');
    for (const v of others) {
      if (v instanceof Sequence && v.items.length !== first.length)
        throw valueError(`sequences of ${first.length} and ${v.items.length} items cannot be mapped together`);
    }
    checkBody(body, 1 + others.length, outputs);
    return carryOut(mapSequence(body, first, others, run));
  },
});
