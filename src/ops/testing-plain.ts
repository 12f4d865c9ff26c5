/** Calling ops in tests with nested lists for tensors and plain values for attributes, over testing.ts. */
import type { DType } from '../core/dtype.ts';
import type { Attribute } from '../core/graph.ts';
import { Tensor } from '../core/tensor.ts';
import type { OpRecord } from './define.ts';
import { callAll, inferred } from './testing.ts';

type PlainAttribute = number | string | readonly number[] | readonly string[] | Tensor | Attribute;
type Attrs = Readonly<Record<string, PlainAttribute>>;
type Inputs = readonly (Tensor | undefined)[];

const isStrings = (list: readonly number[] | readonly string[]): list is readonly string[] => typeof list[0] === 'string';
const isList = (value: PlainAttribute): value is readonly number[] | readonly string[] => Array.isArray(value);

/** Integers become `int`, other numbers `float`; pass an attribute itself where that is wrong. */
const attributeOf = (value: PlainAttribute): Attribute => {
  if (typeof value === 'number') return Number.isInteger(value) ? { type: 'int', value } : { type: 'float', value };
  if (typeof value === 'string') return { type: 'string', value };
  if (value instanceof Tensor) return { type: 'tensor', value };
  if (!isList(value)) return value;
  return isStrings(value) ? { type: 'strings', value } : { type: 'ints', value };
};

const attributesOf = (attrs: Attrs): Record<string, Attribute> =>
  Object.fromEntries(Object.entries(attrs).map(([name, value]) => [name, attributeOf(value)]));

/** Evaluates one op whose outputs are tensors. */
export const callOp = (record: OpRecord, inputs: Inputs, attrs: Attrs = {}, outputs = 1): Tensor[] =>
  callAll(record, inputs, attributesOf(attrs), outputs).map((v) => {
    if (v instanceof Tensor) return v;
    throw new TypeError(`${record.name} gave something that is not a tensor`);
  });

/** Output shapes as inferred before running; undefined where they depend on data. Every input counts as known. */
export const shapesOf = (record: OpRecord, inputs: Inputs, attrs: Attrs = {}, outputs = 1): unknown[] =>
  inferred(record, inputs, attributesOf(attrs), outputs).map((t) => (t?.kind === 'tensor' ? t.shape : undefined));

type Scalar = number | bigint | string | boolean;
type Nested = Scalar | readonly Nested[];
const flatten = (value: Nested): Scalar[] => (typeof value === 'object' ? value.flatMap(flatten) : [value]);

/** A tensor of a value (a scalar) or of a nested list. */
export const tensor = (dtype: DType, values: Nested): Tensor => {
  const dims: number[] = [];
  for (let level: Nested | undefined = values; typeof level === 'object'; level = level[0]) dims.push(level.length);
  return Tensor.from(dtype, dims, flatten(values));
};
