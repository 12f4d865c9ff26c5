/**
 * One call of an op for a kernel to be tried on: the region a planner would make of it, the inputs, and what the reference
 * says of it in float64. Inputs are drawn from the case's id, so that any case can be made again alone.
 */
import { isFloat, type DType } from '../core/dtype.ts';
import { opName, type ValueType } from '../core/graph.ts';
import { Tensor, type Value } from '../core/tensor.ts';
import { bindNode, inferTypes } from '../ops/bind.ts';
import type { OpRecord } from '../ops/define.ts';
import type { OpSet } from '../ops/registry.ts';
import { callGraph, type PlainAttributes } from '../runtime/call.ts';
import type { Region, RegionValue } from '../plugins/contract.ts';
import { exampleOf, isPositive, typeOf, typesOf } from './examples/example.ts';

export interface Case {
  /** Op, type and shapes. */
  readonly id: string;
  readonly op: string;
  readonly dtype: DType | undefined;
  readonly region: Region;
  /** In the order of the region's inputs. */
  readonly inputs: readonly Value[];
  /** Whether the op gives the same for the same inputs. */
  readonly deterministic: boolean;
}

/** A generator of numbers in [0, 1), from a text: FNV-1a into xorshift32. */
const random = (seed: string): (() => number) => {
  let h = 0x811c9dc5;
  for (let i = 0; i < seed.length; i++) h = Math.imul(h ^ seed.charCodeAt(i), 0x01000193);
  h ||= 1;
  return () => {
    h ^= h << 13;
    h ^= h >>> 17;
    h ^= h << 5;
    return (h >>> 0) / 2 ** 32;
  };
};

/**
 * Other contents of the same kind: floats in (−2, 2), in (¼, 2) where they must be above zero; integers and booleans stay,
 * because they may be indices or sizes.
 */
const drawn = (tensor: Tensor, next: () => number, positive: boolean): Tensor =>
  isFloat(tensor.dtype)
    ? Tensor.from(
        tensor.dtype,
        tensor.dims,
        Array.from({ length: tensor.size }, () => (positive ? 0.25 + 1.75 * next() : 4 * next() - 2)),
      )
    : tensor;

/** The case of a node with its values: those that decide shapes are constants of the region. */
const caseOf = (
  ops: OpSet,
  record: OpRecord,
  id: string,
  dtype: DType | undefined,
  call: ReturnType<typeof exampleOf>,
  draw: boolean,
): Case => {
  const { node, inputs, kept } = call;
  const bound = bindNode(record, node);
  const types = new Map<string, ValueType>();
  const constants = new Map<string, Tensor>();
  const read: RegionValue[] = [];
  const values: Value[] = [];
  const next = random(id);
  const args = inputs.map((given, i) => {
    const name = node.inputs[i]!;
    if (name === '' || given === undefined) return { type: undefined };
    const { role, name: slot } = record.inputs[Math.min(i, record.inputs.length - 1)]!;
    const value = draw && role !== 'value' && !kept?.[i] && given instanceof Tensor ? drawn(given, next, isPositive(slot)) : given;
    const type = typeOf(value);
    if (type) types.set(name, type);
    const constant = role === 'value' && value instanceof Tensor ? value : undefined;
    if (constant) constants.set(name, constant);
    else {
      read.push({ name, type });
      values.push(value);
    }
    return { type, value: constant };
  });
  const made = inferTypes(bound, args);
  node.outputs.forEach((name, i) => made[i] && types.set(name, made[i]));
  const outputs = node.outputs.map((name, i) => ({ name, type: made[i] }));
  const region = { nodes: [node], inputs: read, outputs, constants, types };
  const deterministic = !record.nondeterministic;
  return { id, op: opName(record.domain, record.name), dtype, region, inputs: values, deterministic };
};

/** A case of given shapes, with float inputs of its own. */
export const shapedCase = (
  ops: OpSet,
  op: string,
  dtype: DType,
  shapes: readonly (readonly number[])[],
  attrs: PlainAttributes = {},
): Case => {
  const record = ops.find('', op)!;
  const values = shapes.map((dims) => Tensor.zeros(dtype, dims));
  const [node] = callGraph(op, values, attrs, 1, ops).nodes;
  return caseOf(ops, record, `${op} ${dtype} ${shapes.map((s) => `[${s}]`).join(' ')}`, dtype, { node: node!, inputs: values }, true);
};

/** The usual case of an op with a type: small, and every op has one. */
export const exampleCase = (ops: OpSet, record: OpRecord, dtype: DType | undefined): Case => {
  const call = exampleOf(record, ops, dtype);
  const name = opName(record.domain, record.name);
  return caseOf(ops, record, `${name}${dtype === undefined ? '' : ` ${dtype}`}`, dtype, call, record.compute !== undefined);
};

const declared = (record: OpRecord): readonly (DType | undefined)[] => {
  const types = typesOf(record);
  return types.length > 0 ? types : [undefined];
};

/** Shapes that go wrong first: nothing, one element, primes, and one more or less than what tiles and vectors have. */
const edges = {
  unary: [[], [0], [1], [17], [3, 0, 2], [7, 13], [2, 3, 5, 7], [1025]],
  binary: [
    [[], []],
    [[0], [1]],
    [[17], [17]],
    [
      [3, 1],
      [1, 5],
    ],
    [[2, 3, 5], [5]],
    [[65, 33], [33]],
  ],
  product: [
    [
      [1, 1],
      [1, 1],
    ],
    [
      [3, 0],
      [0, 2],
    ],
    [
      [0, 3],
      [3, 2],
    ],
    [[7], [7]],
    [[5, 7], [7]],
    [
      [17, 31],
      [31, 13],
    ],
    [
      [65, 129],
      [129, 33],
    ],
    [
      [2, 1, 5, 3],
      [4, 3, 2],
    ],
    [
      [3, 4, 5],
      [5, 6],
    ],
  ],
} as const;
const unary = ['Relu', 'Sigmoid', 'Tanh', 'Abs', 'Neg', 'Exp', 'Sqrt', 'Softmax', 'LogSoftmax', 'Gelu', 'Erf'];
const binary = ['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min'];

/** What goes through functions badly: nothing, infinities, the sign of zero, the ends of exponentials, halfway between integers. */
const special = [
  NaN,
  Infinity,
  -Infinity,
  0,
  -0,
  0.5,
  -0.5,
  1.5,
  2.5,
  1e-4,
  -1e-4,
  11,
  -11,
  80,
  -80,
  87.5,
  -90,
  120,
  -120,
  60000,
  -60000,
  1,
  -1,
  3,
];

/** The same call with other contents in its floats: `values` over and over. */
const filled = (c: Case, what: string, values: readonly number[]): Case => {
  const inputs = c.inputs.map((v) =>
    v instanceof Tensor && isFloat(v.dtype)
      ? Tensor.from(
          v.dtype,
          v.dims,
          Array.from({ length: v.size }, (_, i) => values[i % values.length]!),
        )
      : v,
  );
  return { ...c, id: `${c.id}, ${what}`, inputs };
};

/** Cases of an op beyond its example. */
const edgeCases = (ops: OpSet, op: string, dtype: DType): Case[] => {
  const plain = shapeCases(ops, op, dtype);
  const softmax = op.endsWith('Softmax');
  if (softmax) return [...plain, filled(shapedCase(ops, op, dtype, [[5, 6]]), 'masked', [1, -10000, 2, -50, 3.5, 40])];
  if (unary.includes(op)) return [...plain, filled(shapedCase(ops, op, dtype, [[special.length]]), 'special values', special)];
  // One NaN and one infinity: they must reach every sum they belong to, and no other one.
  if (op === 'MatMul')
    return [
      ...plain,
      filled(
        shapedCase(ops, op, dtype, [
          [6, 7],
          [7, 5],
        ]),
        'NaN and infinity',
        [...new Array<number>(19).fill(0.5), NaN, ...new Array<number>(11).fill(0), Infinity, 2, 1, 0],
      ),
    ];
  return plain;
};

const shapeCases = (ops: OpSet, op: string, dtype: DType): Case[] => {
  if (unary.includes(op))
    return edges.unary.filter((s) => s.length > 0 || !op.endsWith('oftmax')).map((s) => shapedCase(ops, op, dtype, [s]));
  if (binary.includes(op)) return edges.binary.map((s) => shapedCase(ops, op, dtype, s));
  if (op === 'MatMul') return edges.product.map((s) => shapedCase(ops, op, dtype, s));
  if (op === 'Gemm')
    return [
      shapedCase(ops, op, dtype, [[17, 31], [31, 13], [13]]),
      shapedCase(
        ops,
        op,
        dtype,
        [
          [31, 17],
          [13, 31],
          [17, 1],
        ],
        { transA: 1, transB: 1, alpha: 0.5, beta: 2 },
      ),
      shapedCase(ops, op, dtype, [
        [5, 0],
        [0, 3],
        [1, 3],
      ]),
    ];
  if (op === 'Conv')
    return [
      shapedCase(ops, op, dtype, [[2, 3, 11, 13], [5, 3, 3, 3], [5]], { pads: [1, 1, 1, 1], strides: [2, 1] }),
      shapedCase(
        ops,
        op,
        dtype,
        [
          [1, 8, 9, 7],
          [8, 1, 3, 3],
        ],
        { group: 8, auto_pad: 'SAME_LOWER' },
      ),
      shapedCase(
        ops,
        op,
        dtype,
        [
          [1, 6, 12, 12],
          [9, 2, 2, 3],
        ],
        { group: 3, dilations: [2, 3] },
      ),
      shapedCase(ops, op, dtype, [
        [2, 4, 17],
        [3, 4, 1],
      ]),
    ];
  if (op === 'MaxPool' || op === 'AveragePool')
    return [
      shapedCase(ops, op, dtype, [[1, 3, 9, 11]], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
      shapedCase(ops, op, dtype, [[2, 17, 5, 5]], { kernel_shape: [2, 2], auto_pad: 'SAME_UPPER' }),
    ];
  return [];
};

/** Every case of every op, by op and type; made when asked for, because of most nothing but the name is needed. */
export const allCases = function* (
  ops: OpSet,
  filter?: RegExp,
): Generator<{ readonly op: string; readonly dtype: DType | undefined; readonly cases: () => Case[] }> {
  for (const record of ops.records) {
    const op = opName(record.domain, record.name);
    if (record.control || (filter && !filter.test(op))) continue;
    for (const dtype of declared(record)) {
      yield {
        op,
        dtype,
        cases: () => [exampleCase(ops, record, dtype), ...(dtype !== undefined && isFloat(dtype) ? edgeCases(ops, op, dtype) : [])],
      };
    }
  }
};
