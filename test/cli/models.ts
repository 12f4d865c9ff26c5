/** Small models and conformance cases on disk, made for these tests. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tensorType, type Graph, type Node, type ValueInfo } from '../../src/core/graph.ts';
import { Tensor } from '../../src/core/tensor.ts';
import { writeModel, writeTensor } from '../../src/formats/onnx/index.ts';

export const makeFolder = (): string => mkdtempSync(join(tmpdir(), 'flagos-cli-'));

const node = (op: string, inputs: string[], output: string): Node => ({
  name: `${op}_${output}`,
  op,
  domain: '',
  version: 13,
  inputs,
  outputs: [output],
  attrs: {},
});
const float = (name: string, shape: (number | string)[]): ValueInfo => ({ name, type: tensorType('float32', shape) });

const save = (path: string, graph: Graph): string => {
  writeFileSync(path, writeModel({ graph, name: 'test', opsets: { '': 13 } }));
  return path;
};

/** `y = |x + w|` over `[batch, 3]`; w is 1, 2, 3. */
export const absModel = (folder: string): string =>
  save(join(folder, 'abs.onnx'), {
    name: 'g',
    types: new Map(),
    inputs: [float('x', ['batch', 3])],
    outputs: [float('y', ['batch', 3])],
    initializers: new Map([['w', new Tensor('float32', [3], Float32Array.of(1, 2, 3))]]),
    nodes: [node('Add', ['x', 'w'], 'sum'), node('Abs', ['sum'], 'y')],
  });

/** `y = √x`. */
export const sqrtModel = (folder: string): string =>
  save(join(folder, 'sqrt.onnx'), {
    name: 'g',
    types: new Map(),
    inputs: [float('x', [2])],
    outputs: [float('y', [2])],
    initializers: new Map(),
    nodes: [node('Sqrt', ['x'], 'y')],
  });

/** `next = state + x`: recurrent. */
export const stateModel = (folder: string): string =>
  save(join(folder, 'state.onnx'), {
    name: 'g',
    types: new Map(),
    inputs: [float('x', [2]), float('state', [2])],
    outputs: [float('next', [2])],
    initializers: new Map(),
    nodes: [node('Add', ['x', 'state'], 'next')],
  });

/** A model with an op nobody has. */
export const unknownOpModel = (folder: string): string =>
  save(join(folder, 'unknown.onnx'), {
    name: 'g',
    types: new Map(),
    inputs: [float('x', [2])],
    outputs: [float('y', [2])],
    initializers: new Map(),
    nodes: [node('Frobnicate', ['x'], 'y')],
  });

/** A conformance case of one op on [1, 4], with the output given. */
export const unaryCase = (root: string, name: string, op: string, output: readonly number[]): void => {
  const data = join(root, name, 'test_data_set_0');
  mkdirSync(data, { recursive: true });
  save(join(root, name, 'model.onnx'), {
    name: 'g',
    types: new Map(),
    inputs: [float('x', [2])],
    outputs: [float('y', [2])],
    initializers: new Map(),
    nodes: [node(op, ['x'], 'y')],
  });
  writeFileSync(join(data, 'input_0.pb'), writeTensor(new Tensor('float32', [2], Float32Array.of(1, 4))));
  writeFileSync(join(data, 'output_0.pb'), writeTensor(new Tensor('float32', [2], Float32Array.from(output))));
};
