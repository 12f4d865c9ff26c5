/** The execution provider `flagos`, through onnxruntime's own API, beside the provider `cpu`. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensorType, type Attributes, type Graph, type ValueInfo } from '../../src/core/graph.ts';
import type { DType } from '../../src/core/dtype.ts';
import { install } from '../../src/entries/onnxruntime.ts';
import { writeModel } from '../../src/formats/onnx/index.ts';
import { createRuntime, type Flagos } from '../../src/host/flagos.ts';

const graph = (op: string, inputs: ValueInfo[], outputs: ValueInfo[], attrs: Attributes = {}): Graph => ({
  name: op,
  inputs,
  outputs,
  initializers: new Map(),
  types: new Map(),
  nodes: [{ name: 'n', op, domain: '', version: 13, inputs: inputs.map((i) => i.name), outputs: outputs.map((o) => o.name), attrs }],
});
const value = (name: string, dtype: DType, shape: readonly (number | string | null)[]): ValueInfo => ({
  name,
  type: tensorType(dtype, shape),
});
const bytes = (g: Graph): Uint8Array => writeModel({ graph: g, name: g.name, opsets: { '': 17 } });
const identity = (dtype: DType): Uint8Array => bytes(graph('Identity', [value('x', dtype, ['n', null])], [value('y', dtype, ['n', null])]));
const add = bytes(graph('Add', [value('a', 'float32', [2, 3]), value('b', 'float32', [2, 3])], [value('c', 'float32', [2, 3])]));
const flagosOptions = { executionProviders: ['flagos'] } as unknown as ort.InferenceSession.SessionOptions;

describe('onnxruntime on flagos', () => {
  let runtime: Flagos;
  beforeAll(async () => {
    runtime = await createRuntime({ cwd: join(import.meta.dirname, '../..'), file: false, env: {}, log: 'error' });
    await install(ort as never, { runtime });
  });
  afterAll(() => runtime.close());

  const both = async (model: Uint8Array): Promise<[ort.InferenceSession, ort.InferenceSession]> => [
    await ort.InferenceSession.create(model, flagosOptions),
    await ort.InferenceSession.create(model, { executionProviders: ['cpu'] }),
  ];

  it('gives the same names and metadata', async () => {
    const [ours, theirs] = await both(identity('float32'));
    expect(ours.inputNames).toEqual(theirs.inputNames);
    expect(ours.outputNames).toEqual(theirs.outputNames);
    expect(ours.inputMetadata).toEqual(theirs.inputMetadata);
    expect(ours.outputMetadata).toEqual(theirs.outputMetadata);
  });

  it.each([
    ['float32', Float32Array.of(1.5, -2)],
    ['float64', Float64Array.of(1.5, -2)],
    ['int32', Int32Array.of(1, -2)],
    ['int8', Int8Array.of(1, -2)],
    ['uint8', Uint8Array.of(1, 254)],
    ['int64', BigInt64Array.of(1n, -(2n ** 60n))],
    ['uint64', BigUint64Array.of(1n, 2n ** 63n)],
    ['bool', Uint8Array.of(1, 0)],
    ['float16', Uint16Array.of(0x3c00, 0xc000)],
    ['string', ['a', 'ß']],
  ] as const)('passes %s through as onnxruntime-node does', async (dtype, data) => {
    const [ours, theirs] = await both(identity(dtype));
    const feeds = { x: new ort.Tensor(dtype as 'float32', data as never, [2, 1]) };
    const [a, b] = [await ours.run(feeds), await theirs.run(feeds)];
    expect(a['y']).toBeInstanceOf(ort.Tensor);
    expect({ type: a['y']!.type, dims: [...a['y']!.dims], data: a['y']!.data }).toEqual({
      type: b['y']!.type,
      dims: [...b['y']!.dims],
      data: b['y']!.data,
    });
  });

  it('writes into an output the user gives', async () => {
    const session = await ort.InferenceSession.create(add, flagosOptions);
    const feeds = {
      a: new ort.Tensor('float32', Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]),
      b: new ort.Tensor('float32', new Float32Array(6).fill(10), [2, 3]),
    };
    const place = new ort.Tensor('float32', new Float32Array(6), [2, 3]);
    const { c } = await session.run(feeds, { c: place });
    expect([...(place.data as Float32Array)]).toEqual([11, 12, 13, 14, 15, 16]);
    expect(c!.data).toBe(place.data);
  });

  it('does not hand out memory it will use again', async () => {
    const session = await ort.InferenceSession.create(add, flagosOptions);
    const run = async (v: number): Promise<Float32Array> =>
      (
        await session.run({
          a: new ort.Tensor('float32', new Float32Array(6).fill(v), [2, 3]),
          b: new ort.Tensor('float32', new Float32Array(6), [2, 3]),
        })
      )['c']!.data as Float32Array;
    const first = await run(1);
    const all = await Promise.all([run(2), run(3), run(4)]);
    expect(first[0]).toBe(1);
    expect(all.map((d) => d[0])).toEqual([2, 3, 4]);
  });

  it('rejects what onnxruntime-node rejects, with what is wrong', async () => {
    const session = await ort.InferenceSession.create(add, flagosOptions);
    const good = new ort.Tensor('float32', new Float32Array(6), [2, 3]);
    await expect(session.run({ a: good })).rejects.toThrow(/input 'b' is missing/);
    await expect(session.run({ a: good, b: new ort.Tensor('float32', new Float32Array(3), [3]) })).rejects.toThrow(
      /input 'b' is float32\[3\], the model takes float32\[2,3\]/,
    );
    await expect(session.run({ a: good, b: new ort.Tensor('int32', new Int32Array(6), [2, 3]) })).rejects.toThrow(
      /input 'b' is int32\[2,3\]/,
    );
    await expect(session.run({ a: good, b: good, z: good })).rejects.toThrow(/there is no input 'z'/);
    await expect(ort.InferenceSession.create(add.subarray(0, 40), flagosOptions)).rejects.toThrow(/FLAGOS_E_MODEL/);
    await expect(ort.InferenceSession.create('/nowhere/model.onnx', flagosOptions)).rejects.toThrow(/FLAGOS_E_FILE/);
  });

  it('refuses use after release', async () => {
    const session = await ort.InferenceSession.create(add, flagosOptions);
    await session.release();
    const x = new ort.Tensor('float32', new Float32Array(6), [2, 3]);
    await expect(session.run({ a: x, b: x })).rejects.toThrow(/FLAGOS_E_DISPOSED/);
  });

  it('takes policy as options of the provider, and says which option is wrong', async () => {
    const entry = (options: object): ort.InferenceSession.SessionOptions =>
      ({ executionProviders: [{ name: 'flagos', ...options }] }) as unknown as ort.InferenceSession.SessionOptions;
    const session = await ort.InferenceSession.create(add, entry({ prefer: ['reference'], fallback: 'none' }));
    const x = new ort.Tensor('float32', new Float32Array(6).fill(2), [2, 3]);
    expect((await session.run({ a: x, b: x }))['c']!.data[0]).toBe(4);
    await expect(ort.InferenceSession.create(add, entry({ prefr: ['reference'] }))).rejects.toThrow(/FLAGOS_E_CONFIG.*prefr/s);
  });

  it('writes a profile that Chrome can read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'flagos-profile-'));
    try {
      const session = await ort.InferenceSession.create(add, {
        ...flagosOptions,
        enableProfiling: true,
        profileFilePrefix: join(folder, 'p_'),
      });
      const x = new ort.Tensor('float32', new Float32Array(6), [2, 3]);
      await session.run({ a: x, b: x });
      session.endProfiling();
      const [file] = readdirSync(folder);
      const events = JSON.parse(readFileSync(join(folder, file!), 'utf8')) as { ph: string; cat: string; dur: number }[];
      expect(events.map((e) => e.cat)).toEqual(['Node', 'Session']);
      expect(events.every((e) => e.ph === 'X' && e.dur >= 0)).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is harmless to install twice, and refuses what is no onnxruntime', async () => {
    await install(ort as never, { runtime });
    await expect(install({} as never)).rejects.toThrow(/FLAGOS_E_USAGE/);
  });
});
