/** One op called by itself: its attributes in plain JavaScript, the graph of one node around it, and the key by which that graph is kept. */
import { opName, type Attribute, type Graph } from '../core/graph.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import type { OpSet } from '../ops/registry.ts';
import type { PolicyOverride } from '../opmanager/policy.ts';

/** Plain attribute values of a single call; numbers that are whole become ints. */
export type PlainAttributes = Readonly<Record<string, number | string | readonly number[] | readonly string[] | Tensor | Attribute>>;

const isAttribute = (v: PlainAttributes[string]): v is Attribute => typeof v === 'object' && !Array.isArray(v) && !(v instanceof Tensor) && 'type' in v && 'value' in v;

const toAttribute = (v: PlainAttributes[string], declared: Attribute['type'] | undefined): Attribute => {
  if (isAttribute(v)) return v;
  if (v instanceof Tensor) return { type: 'tensor', value: v };
  if (typeof v === 'string') return { type: 'string', value: v };
  if (typeof v === 'number') return { type: declared === 'float' || (declared === undefined && !Number.isInteger(v)) ? 'float' : 'int', value: v };
  if (declared === 'strings' || (v.length > 0 && v.every((x) => typeof x === 'string'))) return { type: 'strings', value: v as readonly string[] };
  const numbers = v as readonly number[];
  return { type: declared === 'floats' || (declared === undefined && !numbers.every(Number.isInteger)) ? 'floats' : 'ints', value: numbers };
};

/** `com.microsoft.Gelu` → its domain and name; `ai.onnx` is the domain without a name. */
const splitName = (op: string): readonly [domain: string, name: string] => {
  const dot = op.lastIndexOf('.');
  const domain = dot < 0 ? '' : op.slice(0, dot);
  return [domain === 'ai.onnx' ? '' : domain, op.slice(dot + 1)];
};

/** The graph of one call: inputs x0, x1, …, outputs y0, y1, …. @throws FLAGOS_E_ATTRIBUTE where an attribute has no such type. */
export const callGraph = (op: string, inputs: readonly (Value | undefined)[], attributes: PlainAttributes, outputs: number, ops: OpSet): Graph => {
  const [domain, name] = splitName(op);
  const record = ops.find(domain, name);
  const attrs = Object.fromEntries(Object.entries(attributes).map(([k, v]) => [k, toAttribute(v, record?.attrs[k]?.type)] as const));
  const names = inputs.map((x, i) => (x === undefined ? '' : `x${i}`));
  const made = Array.from({ length: outputs }, (_, i) => `y${i}`);
  return {
    name: opName(domain, name), types: new Map(), initializers: new Map(),
    inputs: names.filter((n) => n !== '').map((n) => ({ name: n, type: undefined })),
    outputs: made.map((n) => ({ name: n, type: undefined })),
    nodes: [{ name: op, op: name, domain, version: record?.since ?? 1, inputs: names, outputs: made, attrs }],
  };
};

/** Values JSON would take for others. */
const distinct = (_: string, v: unknown): unknown => {
  if (typeof v === 'bigint') return { bigint: String(v) };
  if (typeof v === 'number' && (!Number.isFinite(v) || Object.is(v, -0))) return { number: Object.is(v, -0) ? '-0' : String(v) };
  return v instanceof Map ? { map: [...v] } : v;
};

/** The same for calls that can share a graph and its plans. */
export const callKey = (op: string, inputs: readonly (Value | undefined)[], attributes: PlainAttributes, options: { readonly outputs?: number; readonly policy?: PolicyOverride }): string =>
  JSON.stringify([op, inputs.map((x) => (x === undefined ? 0 : 1)), options.outputs ?? 1, attributes, options.policy ?? null], distinct);
