/** One op called by itself: its attributes in plain JavaScript, and the graph of one node around it. */
import { FlagosError } from '../core/errors.ts';
import { opName, type Attribute, type Attributes, type Graph } from '../core/graph.ts';
import { MapValue, Sequence, Tensor, type Value } from '../core/tensor.ts';
import type { OpRecord } from '../ops/define.ts';
import type { OpSet } from '../ops/registry.ts';

/** Plain attribute values of a single call; numbers become what the op declares, else ints if they are whole. Undefined: left out. */
export type PlainAttributes = Readonly<
  Record<string, number | bigint | boolean | string | readonly (number | bigint)[] | readonly string[] | Tensor | Attribute | undefined>
>;

const isAttribute = (v: object): v is Attribute => 'type' in v && typeof v.type === 'string' && 'value' in v;
const isNumbers = (v: readonly unknown[]): v is readonly (number | bigint)[] =>
  v.every((x) => typeof x === 'number' || typeof x === 'bigint');
const isStrings = (v: readonly unknown[]): v is readonly string[] => v.every((x) => typeof x === 'string');
const isFloats = (v: readonly (number | bigint)[]): v is readonly number[] => v.every((x) => typeof x === 'number');

/** @param declared the type the op's record states, if there is one. @throws FLAGOS_E_ATTRIBUTE for what can be no attribute. */
const toAttribute = (name: string, v: unknown, declared: Attribute['type'] | undefined): Attribute => {
  if (v instanceof Tensor) return { type: 'tensor', value: v };
  if (typeof v === 'string') return { type: 'string', value: v };
  if (typeof v === 'boolean') return { type: 'int', value: v ? 1 : 0 };
  if (typeof v === 'bigint') return { type: 'int', value: v };
  if (typeof v === 'number')
    return { type: declared === 'float' || (declared === undefined && !Number.isInteger(v)) ? 'float' : 'int', value: v };
  if (Array.isArray(v) && isStrings(v) && (v.length > 0 || declared === 'strings')) return { type: 'strings', value: v };
  if (Array.isArray(v) && isNumbers(v)) {
    return isFloats(v) && (declared === 'floats' || (declared === undefined && !v.every(Number.isInteger)))
      ? { type: 'floats', value: v }
      : { type: 'ints', value: v };
  }
  if (typeof v === 'object' && v !== null && isAttribute(v)) return v;
  throw new FlagosError(
    'FLAGOS_E_ATTRIBUTE',
    `'${name}' is ${v === null ? 'null' : Array.isArray(v) ? 'a list of other things than numbers or strings' : `a ${typeof v}`}, which is no attribute`,
    {
      hint: 'give numbers, strings, lists of them, tensors, or { type, value }',
    },
  );
};

const isValue = (x: unknown): x is Value => x === null || x instanceof Tensor || x instanceof Sequence || x instanceof MapValue;

/** `com.microsoft.Gelu` → its domain and name; `ai.onnx` is the domain without a name. */
export const splitName = (op: string): readonly [domain: string, name: string] => {
  const dot = op.lastIndexOf('.');
  const domain = dot < 0 ? '' : op.slice(0, dot);
  return [domain === 'ai.onnx' ? '' : domain, op.slice(dot + 1)];
};

/** Plain attributes as a node has them, typed as the op's record declares. @throws FLAGOS_E_ATTRIBUTE for what can be no attribute. */
export const attributesOf = (attributes: PlainAttributes, record: OpRecord | undefined): Attributes =>
  Object.fromEntries(
    Object.entries(attributes).flatMap(([k, v]) => (v === undefined ? [] : [[k, toAttribute(k, v, record?.attrs[k]?.type)] as const])),
  );

/** The graph of one call: inputs x0, x1, …, outputs y0, y1, …. @throws FLAGOS_E_ATTRIBUTE, FLAGOS_E_USAGE. */
export const callGraph = (
  op: string,
  inputs: readonly (Value | undefined)[],
  attributes: PlainAttributes,
  outputs: number,
  ops: OpSet,
): Graph => {
  const [domain, name] = splitName(op);
  const record = ops.find(domain, name);
  if (!Number.isInteger(outputs) || outputs < 1) throw new FlagosError('FLAGOS_E_USAGE', `${op} cannot have ${outputs} outputs`);
  const attrs = attributesOf(attributes, record);
  const names = inputs.map((x, i) => (x === undefined ? '' : `x${i}`));
  const made = Array.from({ length: outputs }, (_, i) => `y${i}`);
  return {
    name: opName(domain, name),
    types: new Map(),
    initializers: new Map(),
    inputs: names.filter((n) => n !== '').map((n) => ({ name: n, type: undefined })),
    outputs: made.map((n) => ({ name: n, type: undefined })),
    nodes: [{ name: op, op: name, domain, version: record?.since ?? 1, inputs: names, outputs: made, attrs }],
  };
};

/** @throws FLAGOS_E_INPUT for what is no value of this library. */
export const checkArguments = (op: string, inputs: readonly unknown[]): void => {
  let odd = 0;
  while (odd < inputs.length && (inputs[odd] === undefined || isValue(inputs[odd]))) odd++;
  if (odd < inputs.length)
    throw new FlagosError('FLAGOS_E_INPUT', `argument ${odd} is not a value of this library`, {
      trace: { op },
      hint: 'make it with new Tensor(dtype, dims, data) or Tensor.from',
    });
};

/** Values JSON would take for others. */
const distinct = (_: string, v: unknown): unknown => {
  if (typeof v === 'bigint') return { bigint: String(v) };
  if (typeof v === 'number' && (!Number.isFinite(v) || Object.is(v, -0))) return { number: Object.is(v, -0) ? '-0' : String(v) };
  if (typeof v === 'function' || typeof v === 'symbol') return { odd: String(v) };
  return v instanceof Map ? { map: [...v] } : v;
};

/** An attribute value that is no number, text or list, as text: equal where the values are. */
export const attributeText = (v: object): string => JSON.stringify(v, distinct);
