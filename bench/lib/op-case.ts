/**
 * One case of the op benchmark: an op with its operands, as data, and what is made of it: a model of
 * one node (weights are initializers, as in real models) and seeded values for its inputs.
 */
import { Random } from '../../src/cli/seeded/random.ts';
import { allocate, dtypeInfo, type DType, type NumericData } from '../../src/core/dtype.ts';
import { tensorType, type Attributes, type Graph } from '../../src/core/graph.ts';
import { Tensor, sizeOf } from '../../src/core/tensor.ts';
import { writeModel } from '../../src/formats/onnx/index.ts';

/** How an operand is filled: normal values, values in [0.5, 1.5) (variances), whole numbers of [low, high), or these. */
export type Fill = 'normal' | 'positive' | { readonly low: number; readonly high: number } | readonly number[];

export interface Operand {
  readonly dims: readonly number[];
  readonly dtype: DType;
  readonly fill: Fill;
  /** An initializer of the model; otherwise an input. */
  readonly constant: boolean;
}

export interface OpCase {
  /** Op and shapes, unique. */
  readonly name: string;
  /** Rows of one family share it. */
  readonly group: string;
  readonly op: string;
  readonly domain: string;
  /** Version of ai.onnx the model is written in. */
  readonly opset: number;
  /** `undefined` is an input that is left out. */
  readonly operands: readonly (Operand | undefined)[];
  readonly attrs: Attributes;
  /** Multiplications and additions counted as two; absent where the rate says nothing. */
  readonly flops?: number;
  /** Rows, columns and depth of a plain float matrix product: what BLAS can do too. */
  readonly product?: { readonly m: number; readonly n: number; readonly k: number };
  /** Levels by which quantized outputs may differ: rounding after a float scale. */
  readonly levels?: number;
}

export const input = (dims: readonly number[], fill: Fill = 'normal', dtype: DType = 'float32'): Operand => ({
  dims,
  dtype,
  fill,
  constant: false,
});
export const weight = (dims: readonly number[], fill: Fill = 'normal', dtype: DType = 'float32'): Operand => ({
  dims,
  dtype,
  fill,
  constant: true,
});
export const int64s = (...values: number[]): Operand => weight([values.length], values, 'int64');

export type PlainAttribute = number | string | readonly number[] | { readonly float: number };
/** Attributes from plain values: numbers are ints unless marked. */
const attributes = (plain: Readonly<Record<string, PlainAttribute>>): Attributes =>
  Object.fromEntries(
    Object.entries(plain).map(([name, v]) => [
      name,
      typeof v === 'number'
        ? { type: 'int', value: v }
        : typeof v === 'string'
          ? { type: 'string', value: v }
          : 'float' in v
            ? { type: 'float', value: v.float }
            : { type: 'ints', value: v },
    ]),
  );

/** @param what shapes and whatever else tells this case from others of its op. */
export const opCase = (
  op: string,
  what: string,
  operands: OpCase['operands'],
  attrs: Readonly<Record<string, PlainAttribute>> = {},
  more: Partial<OpCase> = {},
): OpCase => ({ name: `${op} ${what}`, group: op, op, domain: '', opset: 21, operands, attrs: attributes(attrs), ...more });

const fillTensor = ({ dims, dtype, fill }: Operand, random: Random): Tensor => {
  const size = sizeOf(dims);
  if (Array.isArray(fill)) return Tensor.from(dtype, dims, fill as number[]);
  const data = allocate(dtype, size) as NumericData;
  if (fill === 'normal') random.fillBell(data as Float32Array, 0, 1);
  else if (fill === 'positive') for (let i = 0; i < size; i++) data[i] = 0.5 + random.uniform();
  else {
    const { low, high } = fill as { low: number; high: number };
    const big = dtypeInfo(dtype).bytes === 8 && dtypeInfo(dtype).kind !== 'float';
    for (let i = 0; i < size; i++) {
      const v = low + random.below(high - low);
      data[i] = big ? BigInt(v) : v;
    }
  }
  return new Tensor(dtype, dims, data);
};

export interface BuiltCase {
  /** The model, as a file. */
  readonly bytes: Uint8Array;
  readonly feeds: Readonly<Record<string, Tensor>>;
  /** All operands by position, constants too. */
  readonly values: readonly (Tensor | undefined)[];
}

/** The case as a model and the values of its inputs: the same on every machine. */
export const build = (c: OpCase): BuiltCase => {
  const values = c.operands.map((o, i) => o && fillTensor(o, new Random(1, `${c.name}/${i}`)));
  const names = c.operands.map((o, i) => (o ? `i${i}` : ''));
  const fed = c.operands.flatMap((o, i) => (o && !o.constant ? [i] : []));
  const graph: Graph = {
    name: c.op,
    inputs: fed.map((i) => ({ name: names[i]!, type: tensorType(c.operands[i]!.dtype, c.operands[i]!.dims) })),
    outputs: [{ name: 'y', type: undefined }],
    initializers: new Map(c.operands.flatMap((o, i) => (o?.constant ? [[names[i]!, values[i]!] as const] : []))),
    types: new Map(),
    nodes: [{ name: 'op', op: c.op, domain: c.domain, version: c.opset, inputs: names, outputs: ['y'], attrs: c.attrs }],
  };
  const opsets = { '': c.opset, ...(c.domain ? { [c.domain]: 1 } : {}) };
  return {
    bytes: writeModel({ graph, name: c.op, opsets }),
    feeds: Object.fromEntries(fed.map((i) => [names[i]!, values[i]!])),
    values,
  };
};
