/** One op to be timed, as data, and the ONNX model and inputs made of it. */
import type { Attribute } from '../../src/core/graph.ts';
import { tensorType, type Graph } from '../../src/core/graph.ts';
import { sizeOf, Tensor } from '../../src/core/tensor.ts';
import { writeModel } from '../../src/formats/onnx/index.ts';

export interface CaseInput {
  readonly name: string;
  readonly dims: readonly number[];
  /** A weight: part of the model. */
  readonly constant?: boolean;
  /** Integer contents; floats are made up. */
  readonly integers?: readonly number[];
}

export interface OpCase {
  readonly name: string;
  /** Geometric means are taken by group too. */
  readonly group: string;
  readonly op: string;
  readonly domain?: string;
  /** `undefined`: an optional input left out. */
  readonly inputs: readonly (CaseInput | undefined)[];
  readonly attrs?: Readonly<Record<string, number | string | readonly number[]>>;
}

const attribute = (value: number | string | readonly number[]): Attribute =>
  typeof value === 'number' ? { type: 'int', value } : typeof value === 'string' ? { type: 'string', value } : { type: 'ints', value };

/** Reproducible numbers in (−1, 1). */
const madeUp = (dims: readonly number[], salt: number): Tensor =>
  Tensor.from(
    'float32',
    dims,
    Float32Array.from({ length: sizeOf(dims) }, (_, i) => Math.sin(i * 12.9898 + salt)),
  );

export const tensorOf = (input: CaseInput, salt: number): Tensor =>
  input.integers ? Tensor.from('int64', input.dims, input.integers.map(BigInt)) : madeUp(input.dims, salt);

/** The case as a model of one node, and what to feed it. */
export const modelOf = (c: OpCase): { bytes: Uint8Array; feeds: Record<string, Tensor> } => {
  const initializers = new Map<string, Tensor>();
  const feeds: Record<string, Tensor> = {};
  c.inputs.forEach((input, i) => {
    if (!input) return;
    if (input.constant) initializers.set(input.name, tensorOf(input, i));
    else feeds[input.name] = tensorOf(input, i);
  });
  const graph: Graph = {
    name: 'case',
    inputs: Object.entries(feeds).map(([name, t]) => ({ name, type: tensorType(t.dtype, t.dims) })),
    outputs: [{ name: 'result', type: tensorType('float32') }],
    initializers,
    types: new Map(),
    nodes: [
      {
        name: 'node',
        op: c.op,
        domain: c.domain ?? '',
        version: c.domain ? 1 : 21,
        inputs: c.inputs.map((input) => input?.name ?? ''),
        outputs: ['result'],
        attrs: Object.fromEntries(Object.entries(c.attrs ?? {}).map(([k, v]) => [k, attribute(v)])),
      },
    ],
  };
  return { bytes: writeModel({ graph, name: c.name, opsets: { '': 21, ...(c.domain ? { [c.domain]: 1 } : {}) } }), feeds };
};
