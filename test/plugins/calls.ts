/** For tests of vendors: nodes in a few words, one call of a node, and how far a result is off. */
import { Tensor, type Attribute, type Node, type Region } from '../../src/entries/plugin.ts';
import { referenceOf, regionOf } from './vendor-suite.ts';

export type Plain = number | string | readonly number[] | { readonly float: number };
const toAttribute = (value: Plain): Attribute => {
  if (typeof value === 'number') return { type: 'int', value };
  if (typeof value === 'string') return { type: 'string', value };
  return 'float' in value ? { type: 'float', value: value.float } : { type: 'ints', value };
};
/** A node `y = op(x0, x1, …)`. */
export const nodeOf = (op: string, inputs: number, attrs: Readonly<Record<string, Plain>> = {}, domain = ''): Node => ({
  name: 'n',
  op,
  domain,
  version: domain === '' ? 22 : 1,
  attrs: Object.fromEntries(Object.entries(attrs).map(([k, v]) => [k, toAttribute(v)])),
  inputs: Array.from({ length: inputs }, (_, i) => `x${i}`),
  outputs: ['y'],
});
/** Numbers between -2 and 2 that look random and are not, float32. */
export const noise = (dims: readonly number[], seed = 1): Tensor =>
  Tensor.from(
    'float32',
    dims,
    Array.from({ length: dims.reduce((n, d) => n * d, 1) }, (_, i) => 2 * Math.sin((i + 1) * 12.9898 * seed + seed)),
  );
export const f32 = (...values: number[]): Tensor => Tensor.from('float32', [values.length], values);

/** The region of a call, and what the float64 reference makes of it. */
export const callOf = (
  node: Node,
  inputs: readonly Tensor[],
  fixed: (i: number) => boolean,
): { region: Region; expected: Tensor; values: Map<string, Tensor> } => {
  const expected = referenceOf(node, inputs)[0] as Tensor;
  return { region: regionOf(node, inputs, [expected], fixed), expected, values: new Map(inputs.map((x, i) => [`x${i}`, x])) };
};

/** Distance in units in the last place of float32; numbers below the smallest normal one count as zero (they are flushed). */
export const ulps = (actual: number, expected: number): number => {
  if (actual === expected || (Number.isNaN(actual) && Number.isNaN(expected))) return 0;
  if (!Number.isFinite(actual) || !Number.isFinite(expected)) return Infinity;
  if (Math.max(Math.abs(actual), Math.abs(expected)) < 2 ** -126) return 0;
  return Math.abs(actual - expected) / 2 ** (Math.floor(Math.log2(Math.max(Math.abs(expected), 2 ** -126))) - 23);
};
