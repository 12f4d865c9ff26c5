/**
 * Outputs that are positions: a kernel may break ties its own way, so what counts is the value a
 * position stands for. Source: the ONNX operator pages of the ops below.
 */
import { Tensor, type Value } from '../core/tensor.ts';
import { opName } from '../core/graph.ts';
import type { BoundNode } from '../ops/bind.ts';

/** What indices of one output mean. */
export interface IndexMeaning {
  /**
   * The value that element number `at` of the output stands for if it holds `index`; undefined if the index is out of range.
   */
  value(at: number, index: number): number | bigint | undefined;
  /** Elements of the output along this axis must be different from each other: its extent, and the step from one to the next. */
  readonly distinct?: { readonly extent: number; readonly stride: number };
}

const same = (a: unknown, b: unknown): boolean => a === b || (a !== a && b !== b);
/** Whether two positions stand for the same value. */
export const equivalent = (meaning: IndexMeaning, at: number, a: number, b: number): boolean => {
  const [x, y] = [meaning.value(at, a), meaning.value(at, b)];
  return x !== undefined && y !== undefined && same(x, y);
};

const elements = (t: Tensor): ArrayLike<number | bigint> => (typeof t.data[0] === 'bigint' ? (t.data as BigInt64Array) : t.toNumbers());

/** Positions along an axis of `data`; the output has `kept` elements along it. */
const alongAxis = (data: Tensor, axis: number, kept: number, distinct: boolean): IndexMeaning => {
  const values = elements(data);
  const extent = data.dims[axis]!;
  const inner = data.dims.slice(axis + 1).reduce((n, d) => n * d, 1);
  return {
    value: (at, index) => {
      if (!Number.isInteger(index) || index < 0 || index >= extent) return undefined;
      const outer = Math.floor(at / (kept * inner));
      return values[(outer * extent + index) * inner + (at % inner)];
    },
    ...(distinct ? { distinct: { extent: kept, stride: inner } } : {}),
  };
};

/** The meaning of an output, if it holds positions. */
export const indexMeaning = (
  { node, attrs }: BoundNode,
  inputs: readonly (Value | undefined)[],
  output: number,
): IndexMeaning | undefined => {
  const [data, count] = inputs;
  if (!(data instanceof Tensor) || Array.isArray(data.data)) return undefined;
  const axisOf = (axis: unknown): number => (Number(axis) < 0 ? Number(axis) + data.dims.length : Number(axis));
  switch (opName(node.domain, node.op)) {
    case 'ArgMax':
    case 'ArgMin':
      return data.dims.length === 0 ? undefined : alongAxis(data, axisOf(attrs['axis']), 1, false);
    case 'TopK':
      return output === 1 && count instanceof Tensor ? alongAxis(data, axisOf(attrs['axis']), Number(count.data[0]), true) : undefined;
    case 'MaxPool': {
      if (output !== 1) return undefined;
      const values = elements(data);
      return { value: (_, index) => values[index] };
    }
    default:
      return undefined;
  }
};
