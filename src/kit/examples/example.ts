/** An op and an element type → a small call of that op: a node, the types of its inputs, and the contents that decide shapes. */
import { isFloat, type DType } from '../../core/dtype.ts';
import { opName, type Node, type ValueType } from '../../core/graph.ts';
import { MapValue, Sequence, Tensor, type Value } from '../../core/tensor.ts';
import type { InputSpec, OpRecord } from '../../ops/define.ts';
import type { OpSet } from '../../ops/registry.ts';
import { callGraph } from '../../runtime/call.ts';
import { examples, type ExampleInput } from './table.ts';

export interface ExampleCall {
  readonly node: Node;
  /** By position; undefined where left out. */
  readonly inputs: readonly (Value | undefined)[];
  /** By position: whether its contents are the example's own, because others may make no sense (places, boxes, frequencies). */
  readonly kept?: readonly boolean[];
}

type Input = OpRecord['inputs'][number];

const MATRIX = [2, 4];

const fill = (dtype: DType, dims: readonly number[]): Tensor => {
  const size = dims.reduce((n, d) => n * d, 1);
  const value = dtype === 'string' ? 'a' : dtype === 'bool' ? true : isFloat(dtype) ? 0.5 : 1;
  if (dtype === 'complex64' || dtype === 'complex128')
    return new Tensor(dtype, dims, dtype === 'complex64' ? new Float32Array(2 * size) : new Float64Array(2 * size));
  return Tensor.from(dtype, dims, new Array<typeof value>(size).fill(value));
};

const isShape = (x: ExampleInput): x is readonly number[] => Array.isArray(x) && x.every((d) => typeof d === 'number');
const isMade = (x: ExampleInput | undefined): x is (dtype: DType) => Tensor => typeof x === 'function';
const isKept = (x: ExampleInput | undefined): boolean => isMade(x) || x instanceof Tensor;

/** Whether an input of this name must be above zero for an op to mean anything: scales, variances. */
export const isPositive = (name: string): boolean => /scale$|var(iance)?$|^scales$/i.test(name);

/** Types an input may have, where they are its own choice. */
const ownTypes = (spec: InputSpec): readonly DType[] => (typeof spec.types === 'string' ? [] : spec.types);

/** The input by whose type calls are told apart; undefined for ops without tensors. */
const leading = (record: OpRecord): Input | undefined => {
  const by = examples[opName(record.domain, record.name)]?.by;
  const tensors = record.inputs.filter((i) => i.role !== 'value' && ownTypes(i).length > 0);
  return tensors.find((i) => i.name === by) ?? tensors.find((i) => ownTypes(i).length > 1 && !i.optional) ?? tensors[0];
};

/** Element types to ask about, in the record's order. Empty for ops whose inputs say nothing of them: they are asked about once. */
export const typesOf = (record: OpRecord): readonly DType[] => {
  const lead = leading(record);
  return lead ? ownTypes(lead) : [];
};

/** The type of each input when the leading one is of type `dtype`: the same where allowed, else the first one allowed. */
export const typeFor = (record: OpRecord, spec: Input, dtype: DType): DType => {
  if (typeof spec.types === 'string') {
    const like = record.inputs.find((i) => i.name === spec.types)!;
    return typeFor(record, like, dtype);
  }
  if (spec.types.length === 0 || spec.types.includes(dtype)) return dtype;
  return spec.types[0]!;
};

const sequenceOf = (dtype: DType): Value => new Sequence([fill(dtype, MATRIX), fill(dtype, MATRIX)]);

const valueFor = (record: OpRecord, spec: Input, given: ExampleInput | undefined, dtype: DType): (Value | undefined)[] => {
  const type = typeFor(record, spec, dtype);
  const one = (x: ExampleInput): Value => (isShape(x) ? fill(type, x) : isMade(x) ? x(type) : (x as Value));
  if (given === undefined && spec.variadic && spec.least === 0) return [];
  if (given === undefined && spec.optional) return [undefined];
  if (spec.role === 'any' && (given === undefined || given === null) && spec.types.length === 0) return [sequenceOf(dtype)];
  if (given === null) return spec.role === 'value' ? [fill(type, [])] : [undefined];
  if (spec.variadic && given === undefined) return [one(MATRIX), one(MATRIX)];
  if (spec.variadic && Array.isArray(given)) return (given as readonly ExampleInput[]).map(one);
  return [one(given ?? MATRIX)];
};

/** @param dtype of the leading input, where there is one. */
export const exampleOf = (record: OpRecord, ops: OpSet, dtype: DType = 'float32'): ExampleCall => {
  const name = opName(record.domain, record.name);
  const { inputs = {}, attrs = {} } = examples[name] ?? {};
  const values = record.inputs.flatMap((spec) => valueFor(record, spec, inputs[spec.name], dtype));
  while (values.length > 0 && values.at(-1) === undefined) values.pop();
  const [node] = callGraph(name, values, typeof attrs === 'function' ? attrs(dtype) : attrs, 1, ops).nodes;
  const kept = record.inputs.flatMap((spec) => valueFor(record, spec, inputs[spec.name], dtype).map(() => isKept(inputs[spec.name])));
  return { node: node!, inputs: values, kept };
};

/** Type of a value as a planner knows it. */
export const typeOf = (value: Value | undefined): ValueType | undefined => {
  if (value instanceof Tensor) return { kind: 'tensor', dtype: value.dtype, shape: value.dims };
  if (value instanceof Sequence) return { kind: 'sequence', element: typeOf(value.items[0]) };
  if (value instanceof MapValue) return { kind: 'map', key: 'int64', element: { kind: 'tensor', dtype: 'float32', shape: [] } };
  return value === undefined ? undefined : { kind: 'optional', element: undefined };
};
