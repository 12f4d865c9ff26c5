import { describe, expect, it } from 'vitest';
import { decodeMessage } from './decode.ts';
import { defaultLimits } from './limits.ts';
import { ModelProtoSchema } from './onnx_pb.ts';
import { readModel } from './read.ts';
import { errorOf, failure, graphAttr, model, modelBytes, node, value, type GraphPart } from './testing.ts';

const fail = (...bytes: number[]): string => failure(() => readModel(Uint8Array.from(bytes), { name: 'x' }));
const text = (s: string): Uint8Array => new TextEncoder().encode(s);

describe('bytes that are no model', () => {
  it('nothing', () => {
    expect(failure(() => readModel(new Uint8Array(0), { name: 'x' }))).toBe(
      'FLAGOS_E_MODEL_FORMAT the file is empty; it should be an ONNX model',
    );
  });

  it.each([
    ['version https://git-lfs.github.com/spec/v1\noid', /Git LFS/],
    ['PK\u0003\u0004\u0014\u0000\u0000\u0000', /zip archive/],
    ['<!DOCTYPE html><html>', /web page/],
    ['{"modelTopology": {}}', /JSON/],
    ['\u0018\u0000\u0000\u0000ORTM\u0000\u0000', /ORT format/],
  ])('%j is recognized', (head, hint) => {
    const error = errorOf(() => readModel(text(head), { name: 'x' }));
    expect(error.code).toBe('FLAGOS_E_MODEL_FORMAT');
    expect(error.hint).toMatch(hint);
    expect(error.trace.model).toBe('x');
  });

  it('a message of nothing we know', () => {
    expect(fail(0x78, 0x01)).toBe('FLAGOS_E_MODEL_FORMAT not an ONNX model: there is no graph in it');
  });
});

describe('damaged bytes', () => {
  it.each([
    ['a length past the end', [0x3a, 0x10, 0x00], "field 'graph' of ModelProto has 16 bytes, but only 1 are left"],
    ['a huge length', [0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], 'bytes, but only 0 are left'],
    ['a wrong wire type', [0x38, 0x01], "field 'graph' of ModelProto is varint, but must be length-delimited"],
    ['a group', [0x0b, 0x0c], 'wire type group'],
    ['field number 0', [0x02, 0x00], 'no field of number 0'],
    ['an endless integer', [0x08, ...new Array<number>(11).fill(0x80)], 'longer than an integer can be'],
    ['the end within an integer', [0x08, 0x80], 'ends within'],
    ['a fixed field cut off', [0x3a, 0x05, 0x5d, 0, 0, 0], 'bytes'],
  ])('%s', (_, bytes, reason) => {
    const found = fail(...bytes);
    expect(found).toContain('FLAGOS_E_MODEL_FORMAT not an ONNX model: the data is damaged at byte');
    expect(found).toContain(reason);
  });

  it('a name that is not UTF-8', () => {
    const bytes = modelBytes({ graph: { node: [node('Relu', ['x'], ['yyyy'])], input: [value('x')], output: [value('yyyy')] } });
    const at = Buffer.from(bytes).indexOf('yyyy');
    bytes[at] = 0xff;
    expect(failure(() => readModel(bytes, { name: 'x' }))).toContain("field 'output' of NodeProto is not UTF-8 text");
  });

  it('comments may be anything', () => {
    const bytes = modelBytes({ graph: { docString: 'comment', output: [], node: [] } });
    bytes[Buffer.from(bytes).indexOf('comment')] = 0xff;
    expect(readModel(bytes, { name: 'x' }).graph.nodes).toEqual([]);
  });

  it('a packed list that does not divide', () => {
    // TensorProto.float_data with 5 bytes, in an initializer of the graph.
    expect(fail(0x3a, 0x09, 0x2a, 0x07, 0x22, 0x05, 0, 0, 0, 0, 0)).toContain(
      "field 'float_data' of TensorProto has 5 bytes, not a multiple of 4",
    );
    expect(fail(0x3a, 0x06, 0x2a, 0x04, 0x3a, 0x02, 0x01, 0x80)).toContain("field 'int64_data' of TensorProto ends within an integer");
  });
});

describe('limits', () => {
  const nested = (depth: number): GraphPart => {
    let inner: GraphPart = { name: 'g', node: [node('Identity', ['c'], ['z'])], output: [value('z')] };
    for (let i = 0; i < depth; i++) {
      inner = {
        name: 'g',
        node: [
          node(
            'If',
            ['c'],
            [`y${i}`],
            [
              graphAttr('then_branch', inner),
              graphAttr('else_branch', { name: 'e', node: [node('Identity', ['c'], ['w'])], output: [value('w')] }),
            ],
          ),
        ],
        output: [value(`y${i}`)],
      };
    }
    return { ...inner, input: [value('c', [], 9)] };
  };

  it('graphs nested to the limit are read, deeper ones refused', () => {
    expect(model({ graph: nested(40) }).graph.nodes).toHaveLength(1);
    expect(failure(() => model({ graph: nested(10) }, { limits: { depth: 8 } }))).toContain('is nested more than 8 deep');
    expect(failure(() => model({ graph: nested(100) }))).toContain('FLAGOS_E_MODEL_FORMAT');
  });

  it('nesting made to break the decoder’s stack', () => {
    // graph → node → attribute → graph …, each a message of one field.
    const length = (n: number): number[] =>
      n < 128 ? [n] : n < 16384 ? [(n & 127) | 128, n >> 7] : [(n & 127) | 128, ((n >> 7) & 127) | 128, n >> 14];
    const deep = new Uint8Array(200_000);
    let size = 0;
    // Written from the inside out, at the end of the buffer: node, graph attribute, its node …
    for (let i = 0; i < 30_001; i++) {
      const head = [[0x0a, 0x32, 0x2a][i % 3]!, ...length(size)];
      size += head.length;
      deep.set(head, deep.length - size);
    }
    const graph = Uint8Array.from([0x3a, ...length(size), ...deep.subarray(deep.length - size)]);
    expect(failure(() => readModel(graph, { name: 'x' }))).toContain('messages deep');
    expect(failure(() => readModel(graph, { name: 'x', limits: { depth: 1e9 } }))).toMatch(/^FLAGOS_E_MODEL_(FORMAT|UNSUPPORTED)/);
  });

  it('messages that take far more memory than bytes', () => {
    const many = new Uint8Array(2 + 5 + 2_000_000);
    // A graph of a million empty nodes: two bytes each.
    many.set([0x3a, 0x80, 0x89, 0x7a]);
    for (let i = 4; i + 1 < 4 + 2_000_000; i += 2) many.set([0x0a, 0x00], i);
    const bytes = many.subarray(0, 4 + 2_000_000);
    const error = errorOf(() => decodeMessage(ModelProtoSchema, bytes, 'an ONNX model', { ...defaultLimits, decodedBytes: 100e6 }));
    expect(error.code).toBe('FLAGOS_E_MODEL_UNSUPPORTED');
    expect(error.hint).toContain('limits.decodedBytes');
  });
});
