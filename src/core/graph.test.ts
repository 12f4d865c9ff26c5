import { describe, expect, it } from 'vitest';
import { FlagosError } from './errors.ts';
import {
  captures,
  concreteShape,
  describeType,
  nodeReads,
  opName,
  subgraphsOf,
  tensorType,
  topologicalOrder,
  typeBytes,
  type Graph,
  type Node,
} from './graph.ts';
import { Tensor } from './tensor.ts';

const node = (name: string, inputs: string[], outputs: string[], attrs: Node['attrs'] = {}): Node => ({
  name,
  op: 'Op',
  domain: '',
  version: 25,
  inputs,
  outputs,
  attrs,
});
const graph = (parts: Partial<{ inputs: string[]; outputs: string[]; initializers: string[]; nodes: Node[] }>): Graph => ({
  name: 'g',
  inputs: (parts.inputs ?? []).map((name) => ({ name, type: undefined })),
  outputs: (parts.outputs ?? []).map((name) => ({ name, type: undefined })),
  initializers: new Map((parts.initializers ?? []).map((name) => [name, Tensor.scalar('float32', 0)])),
  nodes: parts.nodes ?? [],
  types: new Map(),
});
const names = (nodes: readonly Node[]): string => nodes.map((n) => n.name).join(' ');
const errorOf = (f: () => unknown): FlagosError => {
  try {
    f();
  } catch (e) {
    if (e instanceof FlagosError) return e;
    throw e;
  }
  throw new Error('it did not throw');
};

describe('captures', () => {
  const inner = graph({
    inputs: ['i'],
    initializers: ['w'],
    nodes: [node('n', ['i', 'w', 'x', ''], ['t']), node('m', ['t', 'y'], ['o'])],
    outputs: ['o', 'z'],
  });

  it('are the names a subgraph does not make itself, outputs included', () => {
    expect(captures(inner)).toEqual(['x', 'y', 'z']);
    expect(captures(inner)).toBe(captures(inner));
  });

  it('pass through the subgraphs between', () => {
    const branch = node('if', ['c'], ['o'], {
      then_branch: { type: 'graph', value: inner },
      bodies: { type: 'graphs', value: [graph({ outputs: ['q'] })] },
    });
    expect(subgraphsOf(branch).map(([name]) => name)).toEqual(['then_branch', 'bodies']);
    expect(nodeReads(branch)).toEqual(['c', 'x', 'y', 'z', 'q']);
    expect(captures(graph({ inputs: ['y', 'c'], nodes: [branch], outputs: ['o'] }))).toEqual(['q', 'x', 'z']);
  });

  it('of a plain node are its inputs, without the omitted ones', () => {
    expect(nodeReads(node('n', ['a', '', 'b', 'a'], []))).toEqual(['a', 'b', 'a']);
  });
});

describe('topological order', () => {
  it('keeps an order that is right', () => {
    const nodes = [node('a', ['x'], ['1']), node('b', ['x'], ['2']), node('c', ['1', '2'], ['3']), node('d', [], ['4', ''])];
    expect(names(topologicalOrder(nodes, ['x']))).toBe('a b c d');
  });

  it('puts makers before readers, through captured values too', () => {
    const late = graph({ outputs: ['3'] });
    const nodes = [
      node('c', ['2'], ['3']),
      node('if', [], ['4'], { body: { type: 'graph', value: late } }),
      node('b', ['1'], ['2']),
      node('a', ['x'], ['1']),
    ];
    const order = topologicalOrder(nodes, ['x']);
    expect(order.map((n) => n.name).sort()).toEqual(['a', 'b', 'c', 'if']);
    expect(names(order)).toBe('a b c if');
  });

  it('takes time in proportion to the graph, however deep', () => {
    const n = 20_000;
    const chain = Array.from({ length: n }, (_, i) => node(`n${i}`, [`v${i}`], [`v${i + 1}`])).reverse();
    const order = topologicalOrder(chain, ['v0']);
    expect([order.length, order[0]!.name, order[n - 1]!.name]).toEqual([n, 'n0', `n${n - 1}`]);
  });

  it('names what is wrong', () => {
    const cycle = errorOf(() => topologicalOrder([node('a', ['2'], ['1']), node('b', ['1'], ['2'])], []));
    expect([cycle.code, cycle.reason, cycle.trace.node]).toEqual(['FLAGOS_E_MODEL_INVALID', 'the graph has a cycle through a, b', 'a']);
    expect(errorOf(() => topologicalOrder([node('a', ['1'], ['1'])], [])).reason).toBe('the graph has a cycle through a');
    const missing = errorOf(() => topologicalOrder([node('a', ['x'], ['1'])], []));
    expect([missing.code, missing.reason, missing.trace]).toEqual([
      'FLAGOS_E_MODEL_INVALID',
      "value 'x' is read but nothing makes it",
      { node: 'a', op: 'Op' },
    ]);
    expect(errorOf(() => topologicalOrder([node('a', [], ['1']), node('b', [], ['1'])], [])).reason).toBe("value '1' is made twice");
    expect(errorOf(() => topologicalOrder([node('a', [], ['x'])], ['x'])).reason).toBe("value 'x' is made twice");
  });
});

describe('types', () => {
  it('are described for messages', () => {
    expect(describeType(undefined)).toBe('unknown');
    expect(describeType(tensorType('float32', [1, 'batch', null]))).toBe('float32[1,batch,?]');
    expect(describeType(tensorType('float32'))).toBe('float32[…]');
    expect(describeType({ kind: 'sequence', element: tensorType('int64', []) })).toBe('sequence(int64[])');
    expect(describeType({ kind: 'optional', element: undefined })).toBe('optional(unknown)');
    expect(describeType({ kind: 'map', key: 'string', element: undefined })).toBe('map(string)');
  });

  it('know their shape and size where every extent is a number', () => {
    expect(concreteShape(tensorType('float32', [2, 3]))).toEqual([2, 3]);
    expect([concreteShape(tensorType('float32', ['n'])), concreteShape(tensorType('float32')), concreteShape(undefined)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect([typeBytes(tensorType('float16', [2, 3])), typeBytes(tensorType('int64', [])), typeBytes(tensorType('int8', [null]))]).toEqual([
      12,
      8,
      undefined,
    ]);
  });
});

it('ops of other domains have their domain in the name', () => {
  expect([opName('', 'MatMul'), opName('ai.onnx', 'MatMul'), opName('com.microsoft', 'FusedMatMul')]).toEqual([
    'MatMul',
    'MatMul',
    'com.microsoft.FusedMatMul',
  ]);
});
