import { describe, expect, it } from 'vitest';
import { subgraphsOf, type Graph } from '../../core/graph.ts';
import { AttributeProto_AttributeType as T } from './onnx_pb.ts';
import {
  failure,
  float,
  floatTensor,
  graphAttr,
  int,
  model,
  node,
  reference,
  value,
  type FunctionInit,
  type GraphPart,
  type NodeInit,
} from './testing.ts';

const acme = { domain: 'acme' };
const call = (
  name: string,
  input: string[],
  output: string[],
  attribute: NonNullable<Parameters<typeof node>[3]> = [],
  overload = '',
): NodeInit => node(name, input, output, attribute, { ...acme, overload });
const fn = (name: string, init: FunctionInit): FunctionInit => ({ name, ...acme, opsetImport: [{ domain: '', version: 21n }], ...init });

const inlined = (nodes: NodeInit[], functions: FunctionInit[], more: GraphPart = {}): Graph =>
  model({ graph: { input: [value('x', [3])], output: [value('y')], node: nodes, ...more }, opsets: { acme: 1 }, functions }).graph;
const shape = (graph: Graph): unknown[] => graph.nodes.map((n) => [n.op, n.inputs, n.outputs]);

const double = fn('Double', { input: ['a'], output: ['b'], node: [node('Add', ['a', 'a'], ['t']), node('Identity', ['t'], ['b'])] });

describe('a call', () => {
  it('is replaced by the function’s nodes, inner values named anew', () => {
    const graph = inlined([call('Double', ['x'], ['t']), call('Double', ['t'], ['y'])], [double]);
    expect(shape(graph)).toEqual([
      ['Add', ['x', 'x'], ['Double_0/t']],
      ['Identity', ['Double_0/t'], ['t']],
      ['Add', ['t', 't'], ['Double_1/t']],
      ['Identity', ['Double_1/t'], ['y']],
    ]);
    expect(graph.nodes.map((n) => n.name)).toEqual(['Double_0/Add_0', 'Double_0/Identity_1', 'Double_1/Add_0', 'Double_1/Identity_1']);
  });

  it('of a function that calls another', () => {
    const four = fn('Four', { input: ['p'], output: ['q'], node: [call('Double', ['p'], ['m']), call('Double', ['m'], ['q'])] });
    const graph = inlined([call('Four', ['x'], ['y'])], [four, double]);
    expect(graph.nodes.map((n) => n.op)).toEqual(['Add', 'Identity', 'Add', 'Identity']);
    expect(new Set(graph.nodes.flatMap((n) => n.outputs)).size).toBe(4);
  });

  it('takes precedence over an op of the same name, and tells overloads apart', () => {
    const relu: FunctionInit = { name: 'Relu', domain: '', input: ['a'], output: ['b'], node: [node('Abs', ['a'], ['b'])] };
    const second = fn('Double', { overload: 'v2', input: ['a'], output: ['b'], node: [node('Neg', ['a'], ['b'])] });
    const graph = inlined([node('Relu', ['x'], ['t']), call('Double', ['t'], ['y'], [], 'v2')], [relu, double, second]);
    expect(graph.nodes.map((n) => n.op)).toEqual(['Abs', 'Neg']);
  });

  it('with omitted inputs and outputs', () => {
    const clip = fn('Bound', {
      input: ['a', 'lo', 'hi'],
      output: ['b', 'unused'],
      node: [node('Clip', ['a', 'lo', 'hi'], ['b']), node('Neg', ['a'], ['unused'])],
    });
    const graph = inlined([call('Bound', ['x', '', 'x'], ['y', ''])], [clip]);
    expect(shape(graph)[0]).toEqual(['Clip', ['x', '', 'x'], ['y']]);
    expect(shape(inlined([call('Bound', ['x'], ['y'])], [clip]))[0]).toEqual(['Clip', ['x'], ['y']]);
  });

  it('whose result is an input gets an Identity', () => {
    const pass = fn('Pass', { input: ['a'], output: ['a'], node: [] });
    expect(shape(inlined([call('Pass', ['x'], ['y'])], [pass]))).toEqual([['Identity', ['x'], ['y']]]);
  });

  it('keeps the operator set versions of the function', () => {
    const old = fn('Old', {
      opsetImport: [{ domain: '', version: 11n }],
      input: ['a'],
      output: ['b'],
      node: [node('Squeeze', ['a'], ['b'], [{ name: 'axes', type: T.INTS, ints: [0n] }])],
    });
    const graph = inlined([call('Old', ['x'], ['y'])], [old]);
    expect(graph.nodes[0]).toMatchObject({ op: 'Squeeze', version: 25, attrs: {} });
    expect(graph.initializers.get(graph.nodes[0]!.inputs[1]!)!.data).toEqual(BigInt64Array.of(0n));
  });

  it('inside a subgraph, with a subgraph inside the function', () => {
    const chooses = fn('Choose', {
      input: ['c', 'a'],
      output: ['b'],
      node: [
        node(
          'If',
          ['c'],
          ['b'],
          [
            graphAttr('then_branch', { name: 't', node: [node('Neg', ['a'], ['v'])], output: [value('v')] }),
            graphAttr('else_branch', { name: 'e', node: [call('Double', ['a'], ['v'])], output: [value('v')] }),
          ],
        ),
      ],
    });
    const graph = inlined([call('Choose', ['c', 'x'], ['y'])], [chooses, double], { input: [value('c', [], 9), value('x', [3])] });
    const [[, then], [, other]] = subgraphsOf(graph.nodes[0]!);
    expect(shape(then!)).toEqual([['Neg', ['x'], ['Choose_0/v']]]);
    expect(other!.nodes.map((n) => [n.op, n.inputs[0]])).toEqual([
      ['Add', 'x'],
      ['Identity', 'Choose_0/Double_0/t'],
    ]);
    expect(other!.outputs[0]!.name).toBe(other!.nodes[1]!.outputs[0]);
  });
});

describe('attributes', () => {
  const leaky = fn('Leaky', {
    input: ['a'],
    output: ['b'],
    attribute: ['slope'],
    attributeProto: [float('extra', 0.25)],
    node: [
      node('LeakyRelu', ['a'], ['t'], [reference('alpha', 'slope', T.FLOAT)]),
      node('Elu', ['t'], ['b'], [reference('alpha', 'extra')]),
    ],
  });

  it('come from the call, or from the default, or are left out', () => {
    const attrs = (...given: Parameters<typeof call>[3] & object): unknown =>
      inlined([call('Leaky', ['x'], ['y'], given)], [leaky]).nodes.map((n) => n.attrs);
    expect(attrs(float('slope', 0.5), float('extra', 2))).toEqual([
      { alpha: { type: 'float', value: 0.5 } },
      { alpha: { type: 'float', value: 2 } },
    ]);
    expect(attrs()).toEqual([{}, { alpha: { type: 'float', value: 0.25 } }]);
  });

  it('pass through nested calls, and to Constant nodes', () => {
    const inner = fn('Inner', {
      output: ['k'],
      attribute: ['v'],
      node: [node('Constant', [], ['k'], [reference('value_int', 'v', T.INT)])],
    });
    const outer = fn('Outer', { output: ['k'], attribute: ['w'], node: [call('Inner', [], ['k'], [reference('v', 'w')])] });
    const graph = inlined([call('Outer', [], ['y'], [int('w', 9)])], [outer, inner]);
    expect(graph.initializers.get('y')!.data).toEqual(BigInt64Array.of(9n));
  });

  it('may be graphs, read with the names of the caller', () => {
    const apply = fn('Apply', {
      input: ['c'],
      output: ['r'],
      attribute: ['body'],
      node: [node('If', ['c'], ['r'], [reference('then_branch', 'body'), reference('else_branch', 'body')])],
    });
    const body = graphAttr('body', { name: 'b', node: [node('Neg', ['x'], ['v'])], output: [value('v')] });
    const graph = inlined([call('Apply', ['c'], ['y'], [body])], [apply], { input: [value('c', [], 9), value('x', [3])] });
    const graphs = subgraphsOf(graph.nodes[0]!).map(([, g]) => shape(g));
    expect(graphs).toEqual([[['Neg', ['x'], ['v']]], [['Neg', ['x'], ['v_2']]]]);
  });

  it('share a tensor over all calls', () => {
    const biased = fn('Biased', {
      input: ['a'],
      output: ['b'],
      node: [
        node('Constant', [], ['k'], [{ name: 'value', type: T.TENSOR, t: floatTensor('', [3], [1, 2, 3]) }]),
        node('Add', ['a', 'k'], ['b']),
      ],
    });
    const graph = inlined([call('Biased', ['x'], ['t']), call('Biased', ['t'], ['y'])], [biased]);
    const [first, second] = [...graph.initializers.values()];
    expect(first).toBe(second);
  });
});

describe('functions that are refused', () => {
  const fail = (nodes: NodeInit[], functions: FunctionInit[]): string => failure(() => inlined(nodes, functions));
  const once = call('F', ['x'], ['y']);

  it.each<[string, FunctionInit[], NodeInit, string]>([
    [
      'recursion',
      [
        fn('F', { input: ['a'], output: ['b'], node: [call('G', ['a'], ['b'])] }),
        fn('G', { input: ['a'], output: ['b'], node: [call('F', ['a'], ['b'])] }),
      ],
      once,
      'function acme.F calls itself: acme.F → acme.G → acme.F',
    ],
    ['too many inputs', [fn('F', { input: [], output: ['b'], node: [] })], once, 'the call gives 1 inputs, function acme.F takes 0'],
    ['too many outputs', [fn('F', { input: ['a'], output: [], node: [] })], once, 'the call takes 1 outputs, function acme.F gives 0'],
    ['an output not made', [fn('F', { input: ['a'], output: ['b'], node: [] })], once, "function acme.F does not make its output 'b'"],
    [
      'an unknown attribute',
      [double],
      call('Double', ['x'], ['y'], [int('n', 1)]),
      "the call gives attribute 'n', which function acme.Double does not have",
    ],
    [
      'a reference to no attribute',
      [fn('F', { input: ['a'], output: ['b'], node: [node('Elu', ['a'], ['b'], [reference('alpha', 'z')])] })],
      once,
      "refers to 'z', which function acme.F does not have",
    ],
    [
      'a reference of another type',
      [
        fn('F', {
          input: ['a'],
          output: ['b'],
          attributeProto: [int('z', 1)],
          node: [node('Elu', ['a'], ['b'], [reference('alpha', 'z', T.FLOAT)])],
        }),
      ],
      once,
      'as another type than it is given: int',
    ],
    [
      'a value from the caller',
      [fn('F', { input: ['a'], output: ['b'], node: [node('Add', ['a', 'x'], ['b'])] })],
      once,
      "value 'x' is read but nothing makes it",
    ],
    ['two of one name', [double, double], once, 'function acme.Double is defined twice'],
    ['an output named twice', [fn('F', { input: ['a'], output: ['b', 'b'], node: [] })], once, 'names an output twice'],
  ])('%s', (_, functions, caller, reason) => {
    const found = fail([caller], functions);
    expect(found).toMatch(/^FLAGOS_E_MODEL_INVALID /);
    expect(found).toContain(reason);
  });

  it('calls that double at every level end at a limit', () => {
    const levels = Array.from({ length: 40 }, (_, i) =>
      fn(`L${i}`, {
        input: ['a'],
        output: ['b'],
        node: i === 39 ? [node('Neg', ['a'], ['b'])] : [call(`L${i + 1}`, ['a'], ['m']), call(`L${i + 1}`, ['m'], ['b'])],
      }),
    );
    expect(
      failure(() =>
        model(
          {
            graph: { input: [value('x')], output: [value('y')], node: [call('L0', ['x'], ['y'])] },
            opsets: { acme: 1 },
            functions: levels,
          },
          { limits: { parts: 50_000 } },
        ),
      ),
    ).toContain('FLAGOS_E_MODEL_UNSUPPORTED the model with its functions inlined passes the limit of 50000 (parts)');
  });

  it('a chain of calls deeper than the limit', () => {
    const chain = Array.from({ length: 100 }, (_, i) =>
      fn(`C${i}`, { input: ['a'], output: ['b'], node: [i === 99 ? node('Neg', ['a'], ['b']) : call(`C${i + 1}`, ['a'], ['b'])] }),
    );
    expect(fail([call('C0', ['x'], ['y'])], chain)).toContain('is nested more than 64 deep');
  });
});
