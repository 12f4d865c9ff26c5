import { describe, expect, it } from 'vitest';
import { tensorType, type Attribute, type Graph, type Node, type ValueType } from '../../core/graph.ts';
import { Tensor } from '../../core/tensor.ts';
import { readModel } from './read.ts';
import { failure } from './testing.ts';
import { writeModel } from './write.ts';

const graphOf = (parts: Partial<Graph>): Graph => ({
  name: 'g',
  inputs: [],
  outputs: [],
  initializers: new Map(),
  nodes: [],
  types: new Map(),
  ...parts,
});
const node = (attrs: Record<string, Attribute>, more: Partial<Node> = {}): Node => ({
  name: 'n',
  op: 'Foo',
  domain: 'acme',
  version: 2,
  inputs: [],
  outputs: ['y'],
  attrs,
  ...more,
});
const roundTrip = (graph: Graph, opsets: Record<string, number> = { '': 25, acme: 2 }): Graph =>
  readModel(writeModel({ graph, name: graph.name, opsets }), { name: 'again' }).graph;

describe('a written model reads back the same', () => {
  const inner = graphOf({ name: 'body', nodes: [node({}, { name: 'inside', outputs: ['z'] })], outputs: [{ name: 'z', type: undefined }] });
  const attributes: Record<string, Attribute> = {
    int: { type: 'int', value: -3 },
    big: { type: 'int', value: 2n ** 62n },
    zero: { type: 'int', value: 0 },
    float: { type: 'float', value: Math.fround(0.1) },
    infinite: { type: 'float', value: -Infinity },
    string: { type: 'string', value: 'ünï' },
    empty: { type: 'string', value: '' },
    tensor: { type: 'tensor', value: Tensor.from('int4', [3], [1, -8, 7]) },
    ints: { type: 'ints', value: [1, 2n ** 60n] },
    none: { type: 'ints', value: [] },
    floats: { type: 'floats', value: [1, -0.5] },
    strings: { type: 'strings', value: ['a', ''] },
    tensors: { type: 'tensors', value: [Tensor.scalar('float32', 1), Tensor.from('string', [1], ['x'])] },
    type: { type: 'type', value: { kind: 'sequence', element: tensorType('float16', [1, 'n', null]) } },
    graph: { type: 'graph', value: inner },
    graphs: { type: 'graphs', value: [] },
  };

  it.each(Object.entries(attributes))('attribute %s', (name, attr) => {
    const { nodes } = roundTrip(graphOf({ nodes: [node({ [name]: attr })], outputs: [{ name: 'y', type: undefined }] }));
    expect(nodes[0]!.attrs).toEqual({ [name]: attr });
  });

  const types: ValueType[] = [
    tensorType('float32'),
    tensorType('bfloat16', []),
    tensorType('int64', [1, 'batch', null, 0]),
    { kind: 'sequence', element: { kind: 'optional', element: tensorType('string', [2]) } },
    { kind: 'optional', element: { kind: 'sequence', element: tensorType('bool') } },
    { kind: 'map', key: 'int64', element: tensorType('float32') },
    { kind: 'sequence', element: undefined },
  ];
  it.each(types)('type %j', (type) => {
    const { inputs } = roundTrip(
      graphOf({
        inputs: [
          { name: 'x', type },
          { name: 'w', type: undefined },
        ],
      }),
    );
    expect(inputs).toEqual([
      { name: 'x', type },
      { name: 'w', type: undefined },
    ]);
  });

  it('nodes, initializers large and small, types', () => {
    const initializers = new Map([
      ['small', Tensor.from('float32', [2], [1, 2])],
      [
        'large',
        new Tensor(
          'float64',
          [50, 100],
          Float64Array.from({ length: 5000 }, (_, i) => i / 7),
        ),
      ],
      ['text', Tensor.from('string', [2], ['a', 'b'])],
      [
        'codes',
        Tensor.from(
          'uint2',
          [9001],
          Array.from({ length: 9001 }, (_, i) => i % 4),
        ),
      ],
    ]);
    const graph = graphOf({
      name: 'whole',
      inputs: [{ name: 'x', type: tensorType('float32', [2]) }],
      outputs: [{ name: 'y', type: tensorType('float32', [2]) }],
      initializers,
      nodes: [
        { name: 'add', op: 'Add', domain: '', version: 14, inputs: ['x', 'small'], outputs: ['t'], attrs: {} },
        node({}, { inputs: ['t', '', 'large'], outputs: ['y', ''] }),
      ],
      types: new Map([['t', tensorType('float32', ['n'])]]),
    });
    expect(roundTrip(graph)).toEqual(graph);
  });
});

describe('the file', () => {
  it('says IR version and operator sets', () => {
    const { metadata } = readModel(writeModel({ graph: graphOf({}), name: 'm', opsets: { '': 21, acme: 2 } }), { name: 'm' });
    expect(metadata).toMatchObject({ irVersion: '10', opsets: 'ai.onnx 21, acme 2', producer: 'flagos' });
    expect(
      readModel(writeModel({ graph: graphOf({}), name: 'm', opsets: { '': 17 }, irVersion: 9 }), { name: 'm' }).metadata['irVersion'],
    ).toBe('9');
  });

  it('copies large weights once', () => {
    const big = new Tensor('uint8', [3_000_000], new Uint8Array(3_000_000));
    const bytes = writeModel({ graph: graphOf({ initializers: new Map([['w', big]]) }), name: 'm', opsets: { '': 21 } });
    expect(bytes.byteLength - 3_000_000).toBeLessThan(100);
    // The result is exactly its buffer: nothing was grown by doubling.
    expect(bytes.buffer.byteLength).toBe(bytes.byteLength);
  });

  it('needs a version for each domain, in subgraphs too', () => {
    const graph = graphOf({ nodes: [node({ body: { type: 'graph', value: graphOf({ nodes: [node({}, { domain: 'other' })] }) } })] });
    expect(failure(() => writeModel({ graph, name: 'm', opsets: { acme: 1 } }))).toBe(
      "FLAGOS_E_USAGE other.Foo needs a version for the domain 'other' in `opsets`",
    );
  });

  it('of 2 GiB and more is refused before memory is taken', () => {
    const storage = new Uint8Array(2 ** 20);
    const initializers = new Map(Array.from({ length: 2050 }, (_, i) => [`w${i}`, new Tensor('uint8', [2 ** 20], storage)] as const));
    expect(failure(() => writeModel({ graph: graphOf({ initializers }), name: 'm', opsets: { '': 21 } }))).toContain(
      'FLAGOS_E_LIMIT the model would be 2149',
    );
  });
});
