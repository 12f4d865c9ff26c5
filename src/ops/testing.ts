/** Calling one op in a test: a node around the inputs, evaluated by its record. */
import type { DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import type { Attribute, Node, ValueType } from '../core/graph.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { bindNode, inferTypes } from './bind.ts';
import type { OpRecord } from './define.ts';
import { evaluateNode, typeOfValue } from './evaluate.ts';

/** Attributes by ONNX's types. */
export const int = (value: number | bigint): Attribute => ({ type: 'int', value });
export const float = (value: number): Attribute => ({ type: 'float', value });
export const text = (value: string): Attribute => ({ type: 'string', value });
export const ints = (...value: number[]): Attribute => ({ type: 'ints', value });

type Attrs = Readonly<Record<string, Attribute>>;
type Inputs = readonly (Value | undefined)[];

const nodeOf = (record: OpRecord, inputs: Inputs, attrs: Attrs, outputs: number): Node => ({
  name: 'n',
  op: record.name,
  domain: record.domain,
  version: record.since,
  attrs,
  inputs: inputs.map((x, i) => (x === undefined ? '' : `x${i}`)),
  outputs: Array.from({ length: outputs }, (_, i) => `y${i}`),
});

/** All outputs of a call. */
export const callAll = (record: OpRecord, inputs: Inputs, attrs: Attrs = {}, outputs = record.outputs.length): Value[] => {
  const results = evaluateNode(record, nodeOf(record, inputs, attrs, outputs), inputs);
  if (results instanceof Promise) throw new Error('the op answered with a promise');
  return results.map((v) => v ?? null);
};

/** The first output of a call, a tensor. */
export const call = (record: OpRecord, inputs: Inputs, attrs: Attrs = {}): Tensor => {
  const [first] = callAll(record, inputs, attrs, 1);
  if (!(first instanceof Tensor)) throw new Error('the op gave no tensor');
  return first;
};

/** The types inferred for a call from its inputs' types and values. */
export const inferred = (record: OpRecord, inputs: Inputs, attrs: Attrs = {}, outputs = 1): (ValueType | undefined)[] =>
  inferTypes(
    bindNode(record, nodeOf(record, inputs, attrs, outputs)),
    inputs.map((v) => ({ type: typeOfValue(v), value: v instanceof Tensor ? v : undefined })),
  );

/** Elements of the first output of a call, as JavaScript values. */
export const valuesOf = (record: OpRecord, inputs: Inputs, attrs: Attrs = {}): (number | bigint | boolean | string)[] =>
  call(record, inputs, attrs).toValues();

/** A tensor from a list, or from a single value of any shape. */
export const tensor = (
  dtype: DType,
  values: readonly (number | bigint | boolean | string)[],
  dims: readonly number[] = [values.length],
): Tensor => Tensor.from(dtype, dims, values);
export const f32 = (...values: number[]): Tensor => tensor('float32', values);
export const i32 = (...values: number[]): Tensor => tensor('int32', values);
export const i64 = (...values: (number | bigint)[]): Tensor => tensor('int64', values);

/** `CODE: reason` of the error a call raises. */
export const errorOf = (f: () => unknown): string => {
  try {
    f();
  } catch (e) {
    if (e instanceof FlagosError) return `${e.code}: ${e.reason}`;
    throw e;
  }
  return 'no error';
};
