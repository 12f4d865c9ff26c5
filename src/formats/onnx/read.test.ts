import { describe, expect, it } from 'vitest';
import { subgraphsOf } from '../../core/graph.ts';
import { Tensor } from '../../core/tensor.ts';
import { AttributeProto_AttributeType as T } from './onnx_pb.ts';
import {
  errorOf,
  failure,
  float,
  floatTensor,
  floats,
  graphAttr,
  int,
  ints,
  model,
  modelBytes,
  node,
  string,
  strings,
  value,
  type GraphPart,
} from './testing.ts';
import { readModel } from './read.ts';

const x = value('x', [2, 'n']);
const relu: GraphPart = { input: [x], output: [value('y')], node: [node('Relu', ['x'], ['y'])] };

describe('a graph', () => {
  it('has its types, names, versions and metadata', () => {
    const { graph, metadata, name } = model({ graph: { ...relu, valueInfo: [value('y', [2, -1])] }, opsets: { 'com.acme': 3 } });
    expect(name).toBe('test');
    expect(graph.inputs).toEqual([{ name: 'x', type: { kind: 'tensor', dtype: 'float32', shape: [2, 'n'] } }]);
    expect(graph.outputs).toEqual([{ name: 'y', type: { kind: 'tensor', dtype: 'float32', shape: undefined } }]);
    expect(graph.types.get('y')).toEqual({ kind: 'tensor', dtype: 'float32', shape: [2, null] });
    expect(graph.nodes).toEqual([{ name: 'Relu_0', op: 'Relu', domain: '', version: 14, inputs: ['x'], outputs: ['y'], attrs: {} }]);
    expect(metadata).toEqual({ irVersion: '8', opsets: 'ai.onnx 21, com.acme 3', modelVersion: '0' });
  });

  it('is sorted, whatever the order in the file', () => {
    const { graph } = model({
      graph: { input: [x], output: [value('c')], node: [node('Exp', ['b'], ['c']), node('Neg', ['a'], ['b']), node('Abs', ['x'], ['a'])] },
    });
    expect(graph.nodes.map((n) => n.op)).toEqual(['Abs', 'Neg', 'Exp']);
  });

  it('gives every node a name of its own', () => {
    const { graph } = model({
      graph: {
        input: [x],
        output: [value('c')],
        node: [node('Abs', ['x'], ['a'], [], { name: 'n' }), node('Abs', ['a'], ['b'], [], { name: 'n' }), node('Abs', ['b'], ['c'])],
      },
    });
    expect(graph.nodes.map((n) => n.name)).toEqual(['n', 'n_2', 'Abs_2']);
  });

  it('of another domain keeps domain and version; ai.onnx is the empty domain', () => {
    const { graph } = model({
      graph: {
        input: [x],
        output: [value('y')],
        node: [node('Foo', ['x'], ['a'], [], { domain: 'com.acme' }), node('Relu', ['a'], ['y'], [], { domain: 'ai.onnx' })],
      },
      opsets: { 'com.acme': 3 },
    });
    expect(graph.nodes.map((n) => [n.domain, n.version])).toEqual([
      ['com.acme', 3],
      ['', 14],
    ]);
  });

  it('drops omitted inputs at the end, keeps them in between', () => {
    const { graph } = model({
      graph: { input: [x], output: [value('y')], node: [node('Clip', ['x', '', ''], ['a']), node('Clip', ['a', '', 'x'], ['y'])] },
    });
    expect(graph.nodes.map((n) => n.inputs)).toEqual([['x'], ['a', '', 'x']]);
  });

  it('of a file before IR version 4 has no defaults: initializers are constants', () => {
    const graph = {
      input: [x, value('w', [1])],
      initializer: [floatTensor('w', [1], [3])],
      output: [value('y')],
      node: [node('Add', ['x', 'w'], ['y'])],
    };
    expect(model({ graph, irVersion: 3 }).graph.inputs.map((i) => i.name)).toEqual(['x']);
    const { inputs, initializers } = model({ graph, irVersion: 4 }).graph;
    expect(inputs.map((i) => i.name)).toEqual(['x', 'w']);
    expect(initializers.get('w')).toEqual(Tensor.from('float32', [1], [3]));
  });

  it('has sparse initializers as dense ones', () => {
    const sparse = (indices: bigint[], dims: bigint[]) => ({
      values: floatTensor('s', [2], [5, 6]),
      indices: { dims, dataType: 7, int64Data: indices },
      dims: [2n, 3n],
    });
    const dense = Float32Array.of(0, 5, 0, 0, 0, 6);
    expect(model({ graph: { sparseInitializer: [sparse([1n, 5n], [2n])] } }).graph.initializers.get('s')!.data).toEqual(dense);
    expect(model({ graph: { sparseInitializer: [sparse([0n, 1n, 1n, 2n], [2n, 2n])] } }).graph.initializers.get('s')!.data).toEqual(dense);
    expect(failure(() => model({ graph: { sparseInitializer: [sparse([1n, 6n], [2n])] } }))).toContain(
      'has the index 6, outside its shape [2, 3]',
    );
    const huge = { ...sparse([1n, 5n], [2n]), dims: [2n ** 20n, 2n ** 20n] };
    expect(failure(() => model({ graph: { sparseInitializer: [huge] } }))).toContain(
      'FLAGOS_E_MODEL_UNSUPPORTED the dense form of sparse initializer',
    );
  });
});

describe('Constant nodes become initializers', () => {
  it.each([
    [int('value_int', 2n ** 60n), Tensor.from('int64', [], [2n ** 60n])],
    [ints('value_ints', [1, -2]), Tensor.from('int64', [2], [1, -2])],
    [float('value_float', 0.5), Tensor.from('float32', [], [0.5])],
    [floats('value_floats', []), Tensor.from('float32', [0], [])],
    [string('value_string', 'é'), Tensor.from('string', [], ['é'])],
    [strings('value_strings', ['a', 'b']), Tensor.from('string', [2], ['a', 'b'])],
    [{ name: 'value', type: T.TENSOR, t: floatTensor('', [1], [7]) }, Tensor.from('float32', [1], [7])],
    [
      {
        name: 'sparse_value',
        type: T.SPARSE_TENSOR,
        sparseTensor: { values: floatTensor('', [1], [7]), indices: { dims: [1n], dataType: 7, int64Data: [1n] }, dims: [3n] },
      },
      Tensor.from('float32', [3], [0, 7, 0]),
    ],
  ])('%#', (attribute, tensor) => {
    const { graph } = model({ graph: { node: [node('Constant', [], ['c'], [attribute])], output: [value('c')] } });
    expect(graph.nodes).toEqual([]);
    expect(graph.initializers.get('c')).toEqual(tensor);
  });

  it('with one value of the right kind', () => {
    const constant = (...attributes: Parameters<typeof node>[3] & object) =>
      failure(() => model({ graph: { node: [node('Constant', [], ['c'], attributes)] } }));
    expect(constant()).toContain('must have one value, it has none');
    expect(constant(int('value_int', 1), float('value_float', 1))).toContain('it has value_int, value_float');
    expect(constant(float('value_int', 1))).toContain("has attribute 'value_int' of type float");
  });
});

describe('subgraphs', () => {
  const branch = (op: string, from: string, name: string): GraphPart => ({
    name: 'b',
    node: [node(op, [from], [name])],
    output: [value(name)],
  });
  const iff = (thenBranch: GraphPart, elseBranch: GraphPart): GraphPart => ({
    input: [value('c', [], 9), x],
    output: [value('y')],
    node: [node('If', ['c'], ['y'], [graphAttr('then_branch', thenBranch), graphAttr('else_branch', elseBranch)])],
  });

  it('see values around them, and hide them by their own', () => {
    const shadow: GraphPart = {
      name: 'b',
      node: [node('Neg', ['x'], ['t']), node('Abs', ['t'], ['x2'])],
      output: [value('x2')],
      initializer: [floatTensor('c', [1], [1])],
    };
    const { graph } = model({
      graph: iff(shadow, {
        name: 'e',
        node: [node('Add', ['c', 'x'], ['x2'])],
        initializer: [floatTensor('c', [1], [2])],
        output: [value('x2')],
      }),
    });
    const [[, then], [, other]] = subgraphsOf(graph.nodes[0]!);
    expect(then!.nodes.map((n) => [n.op, n.inputs, n.outputs])).toEqual([
      ['Neg', ['x'], ['t']],
      ['Abs', ['t'], ['x2']],
    ]);
    expect([...then!.initializers.keys()]).toEqual(['c_2']);
    expect(other!.nodes[0]).toMatchObject({ inputs: ['c_3', 'x'], outputs: ['x2_2'] });
    expect(other!.outputs[0]!.name).toBe('x2_2');
  });

  it('may hide a value that is also computed outside later', () => {
    const inner: GraphPart = { name: 'b', input: [value('y')], node: [node('Neg', ['y'], ['z'])], output: [value('z')] };
    const { graph } = model({ graph: { ...iff(inner, inner), output: [value('y')] } });
    const [[, then]] = subgraphsOf(graph.nodes[0]!);
    expect(then!.inputs[0]!.name).toBe('y_2');
    expect(then!.nodes[0]!.inputs).toEqual(['y_2']);
  });

  it('order the nodes around them by what they capture', () => {
    const { graph } = model({
      graph: {
        input: [value('c', [], 9), x],
        output: [value('y')],
        node: [
          node(
            'If',
            ['c'],
            ['y'],
            [graphAttr('then_branch', branch('Neg', 'late', 'p')), graphAttr('else_branch', branch('Abs', 'x', 'q'))],
          ),
          node('Exp', ['x'], ['late']),
        ],
      },
    });
    expect(graph.nodes.map((n) => n.op)).toEqual(['Exp', 'If']);
  });

  it('that capture their own node’s output make a cycle', () => {
    expect(failure(() => model({ graph: iff(branch('Neg', 'y', 'p'), branch('Neg', 'x', 'q')) }))).toContain(
      'FLAGOS_E_MODEL_INVALID the graph has a cycle',
    );
  });

  it('name what they miss', () => {
    const error = errorOf(() => model({ graph: iff(branch('Neg', 'nowhere', 'p'), branch('Neg', 'x', 'q')) }));
    expect(error.reason).toBe("value 'nowhere' is read but nothing makes it");
    expect(error.trace).toMatchObject({ model: 'test', node: 'Neg_0', op: 'Neg' });
  });

  it('may give an outer value or a constant as their output', () => {
    const { graph } = model({
      graph: iff(
        { name: 'b', output: [value('x')] },
        { name: 'e', node: [node('Constant', [], ['k'], [float('value_float', 1)])], output: [value('k')] },
      ),
    });
    const [[, then], [, other]] = subgraphsOf(graph.nodes[0]!);
    expect(then!.outputs[0]!.name).toBe('x');
    expect([...other!.initializers.keys()]).toEqual(['k']);
  });
});

describe('models that are refused', () => {
  const fail = (graph: GraphPart, more: { opset?: number; opsets?: Record<string, number> } = {}): string =>
    failure(() => model({ graph, ...more }));

  it.each<[string, GraphPart, string]>([
    [
      'a cycle',
      { input: [x], output: [value('b')], node: [node('Add', ['x', 'b'], ['a']), node('Neg', ['a'], ['b'])] },
      'FLAGOS_E_MODEL_INVALID the graph has a cycle through Add_0, Neg_1',
    ],
    [
      'a missing initializer',
      { input: [x], output: [value('y')], node: [node('Add', ['x', 'w'], ['y'])] },
      "FLAGOS_E_MODEL_INVALID value 'w' is read but nothing makes it",
    ],
    ['an output nobody makes', { ...relu, output: [value('z')] }, "FLAGOS_E_MODEL_INVALID output 'z' of graph 'g' is made by nothing"],
    ['a value made twice', { ...relu, node: [...relu.node!, ...relu.node!] }, "FLAGOS_E_MODEL_INVALID value 'y' is made twice"],
    ['a value made over an input', { ...relu, node: [node('Relu', ['x'], ['x'])] }, "FLAGOS_E_MODEL_INVALID value 'x' is made twice"],
    [
      'an initializer given twice',
      { ...relu, initializer: [floatTensor('w', [], [1]), floatTensor('w', [], [1])] },
      "initializer 'w' is given twice",
    ],
    ['an initializer without a name', { ...relu, initializer: [floatTensor('', [], [1])] }, 'an initializer has no name'],
    ['an input without a name', { ...relu, input: [x, value('')] }, 'a graph input has no name'],
    ['a node without an op', { ...relu, node: [node('', ['x'], ['y'])] }, 'a node has no op'],
    [
      'an attribute given twice',
      { ...relu, node: [node('Relu', ['x'], ['y'], [int('a', 1), int('a', 1)])] },
      "attribute 'a' is given twice",
    ],
    [
      'an attribute of two types',
      { ...relu, node: [node('Relu', ['x'], ['y'], [{ name: 'a', type: T.INT, f: 1 }])] },
      "attribute 'a' says it is INT, but holds FLOAT",
    ],
    ['an attribute without type', { ...relu, node: [node('Relu', ['x'], ['y'], [{ name: 'a' }])] }, "attribute 'a' states no type"],
    [
      'a tensor attribute without tensor',
      { ...relu, node: [node('Relu', ['x'], ['y'], [{ name: 'a', type: T.TENSOR }])] },
      'holds nothing',
    ],
    [
      'a text attribute not UTF-8',
      { ...relu, node: [node('Relu', ['x'], ['y'], [{ name: 'a', type: T.STRING, s: Uint8Array.of(0xc3) }])] },
      "attribute 'a' is not UTF-8 text",
    ],
    [
      'a reference outside a function',
      { ...relu, node: [node('Relu', ['x'], ['y'], [{ name: 'a', refAttrName: 'b' }])] },
      'but stands in none',
    ],
    [
      'a domain nobody imports',
      { ...relu, node: [node('Foo', ['x'], ['y'], [], { domain: 'com.acme' })] },
      'the model uses com.acme.Foo, but imports no version of the operator set com.acme',
    ],
    [
      'an op newer than its operator set',
      { ...relu, node: [node('SwiGLU', ['x'], ['y'])] },
      'SwiGLU came with version 28 of its operator set; the model uses 21',
    ],
    [
      'a sparse tensor input',
      { ...relu, input: [{ name: 'x', type: { value: { case: 'sparseTensorType', value: {} } } }] },
      "FLAGOS_E_MODEL_UNSUPPORTED input 'x' is of a sparse tensor type",
    ],
    ['an impossible dimension', { ...relu, input: [value('x', [Number.MAX_SAFE_INTEGER + 1])] }, 'has a dimension of 9007199254740992'],
  ])('%s', (_, graph, reason) => {
    expect(fail(graph)).toContain(reason);
  });

  it('operator sets we do not know', () => {
    expect(fail(relu, { opset: 29 })).toBe(
      'FLAGOS_E_MODEL_UNSUPPORTED the model uses version 29 of the operator set ai.onnx; 1 to 28 are known',
    );
    expect(fail(relu, { opsets: { 'ai.onnx.ml': 6 } })).toContain('version 6 of the operator set ai.onnx.ml; 1 to 5 are known');
    expect(fail(relu, { opset: 0 })).toContain('FLAGOS_E_MODEL_UNSUPPORTED');
    expect(fail(relu, { opsets: { 'ai.onnx': 20 } })).toContain('imports two versions');
  });

  it('external data without its files', () => {
    const external = { name: 'w', dataType: 1, dims: [1n], dataLocation: 1, externalData: [{ key: 'location', value: 'w.bin' }] };
    expect(fail({ initializer: [external] })).toContain(
      "FLAGOS_E_EXTERNAL_DATA the model keeps weights in 'w.bin', and was given without its files",
    );
  });

  it('names of objects’ own properties are names like others', () => {
    const { graph, metadata } = model({
      graph: {
        input: [value('__proto__')],
        output: [value('constructor')],
        node: [node('Relu', ['__proto__'], ['constructor'], [int('__proto__', 1)])],
      },
    });
    expect(graph.nodes[0]).toMatchObject({ inputs: ['__proto__'], outputs: ['constructor'] });
    expect(Object.keys(graph.nodes[0]!.attrs)).toEqual(['__proto__']);
    expect(metadata.toString).toBe(Object.prototype.toString);
  });

  it('bytes cut anywhere are a typed error', () => {
    const bytes = modelBytes({ graph: { ...relu, initializer: [floatTensor('w', [20], new Array<number>(20).fill(1))] } });
    for (let end = 0; end < bytes.length; end++) {
      expect(failure(() => readModel(bytes.subarray(0, end), { name: 'x' }))).toMatch(/^FLAGOS_E_MODEL_(FORMAT|INVALID|UNSUPPORTED) /);
    }
  });
});
