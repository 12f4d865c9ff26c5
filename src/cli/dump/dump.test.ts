/** Dumps as NumPy, ONNX and Polygraphy write them, and damaged ones. The fuzz's seed is fixed; FLAGOS_FUZZ_SECONDS sets how long (default 1). */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FlagosError } from '../../core/errors.ts';
import { Tensor } from '../../core/tensor.ts';
import { writeTensor } from '../../formats/onnx/index.ts';
import { writeNpy } from '../model/npy.ts';
import { Random } from '../seeded/random.ts';
import type { DumpTensor } from './dump.ts';
import { readNpz } from './npz.ts';
import { openDump } from './open.ts';
import { readPolygraphy } from './polygraphy.ts';
import { packedNpz, plainNpz, polygraphyInputs, polygraphyLegacy, polygraphyResults } from './samples.test-util.ts';

const values = (tensors: readonly DumpTensor[]) => Object.fromEntries(tensors.map((t) => [t.name, t.read()]));
const f32 = (dims: number[], ...v: number[]): Tensor => Tensor.from('float32', dims, v);
const x = f32([2, 3], 0, 1, 2, 3, 4, 5);
const y = f32([2, 3], 0, 2, 4, 6, 8, 10);
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'flagos-dump-'))));
afterAll(() => rmSync(folder, { recursive: true }));

describe('dumps', () => {
  it('.npz, stored and packed', () => {
    expect(values(readNpz(plainNpz, 'p'))).toEqual({ x, 'deep/z': Tensor.from('float64', [], [3.5]) });
    expect(values(readNpz(packedNpz, 'p'))).toEqual({ x, s: x });
  });

  it('JSON of Polygraphy: results, inputs, and what old versions wrote', () => {
    const made = readPolygraphy(utf8(polygraphyResults('onnxrt-runner')), 'r.json', undefined);
    expect(values(made.tensors)).toEqual({ y, 'deep/z': Tensor.from('int64', [3], [1, 2, 3]) });
    expect(made.notes).toEqual(['r.json: the first of 2 iterations of onnxrt-runner is compared']);
    expect(values(readPolygraphy(utf8(polygraphyInputs), 'i.json', undefined).tensors)).toEqual({ x: y });
    expect(values(readPolygraphy(utf8(polygraphyLegacy), 'l.json', undefined).tensors)).toEqual({ y });
  });

  it('asks for a runner where there are several', () => {
    writeFileSync(join(folder, 'r.json'), polygraphyResults('onnxrt-N0', 'trt-N0'));
    expect(() => openDump('r.json', folder)).toThrow(/holds results of 2 runners\n.*onnxrt-N0, trt-N0/);
    expect(() => openDump('r.json#tvm', folder)).toThrow("0 of them 'tvm'");
    expect(openDump('r.json#trt', folder).tensors.map((t) => t.name)).toEqual(['y', 'deep/z']);
  });

  it('folders by name, and ONNX test data by place', () => {
    mkdirSync(join(folder, 'named/deep'), { recursive: true });
    writeFileSync(join(folder, 'named/y.npy'), writeNpy(y)!);
    writeFileSync(join(folder, 'named/deep/x.pb'), writeTensor(x));
    writeFileSync(join(folder, 'named/notes.txt'), 'not a tensor');
    expect(values(openDump('named', folder).tensors)).toEqual({ 'deep/x': x, y });
    const set = join(folder, 'case/test_data_set_0');
    mkdirSync(set, { recursive: true });
    writeFileSync(join(set, 'input_0.pb'), writeTensor(x));
    writeFileSync(join(set, 'output_0.pb'), writeTensor(y));
    for (const path of ['case', 'case/test_data_set_0'])
      expect(openDump(path, folder).tensors.map((t) => [t.place, t.read()])).toEqual([
        [{ kind: 'input', index: 0 }, x],
        [{ kind: 'output', index: 0 }, y],
      ]);
    mkdirSync(join(folder, 'case/test_data_set_1'));
    expect(() => openDump('case', folder)).toThrow('holds 2 data sets');
  });

  it('says what is wrong with others', () => {
    expect(() => openDump('nothing.npz', folder)).toThrow('there is no dump');
    expect(() => openDump('named/notes.txt', folder)).toThrow('an ending that says nothing');
    expect(() => openDump('case/test_data_set_1', folder)).toThrow('holds no tensors');
    expect(() => readNpz(plainNpz.subarray(0, 300), 'p.npz')).toThrow('p.npz is no zip archive, or is cut off');
    const damaged = plainNpz.slice();
    damaged[200]! ^= 1;
    expect(() => values(readNpz(damaged, 'p.npz'))).toThrow("p.npz is damaged in 'x.npy'");
    const json = (v: unknown) => () => values(readPolygraphy(utf8(JSON.stringify(v)), 'j', undefined).tensors);
    expect(json({})).toThrow('is no run results of Polygraphy');
    expect(json({ polygraphy_class: 'Tactics' })).toThrow('but Tactics');
    expect(json([])).toThrow('holds no iteration');
    expect(json([{ x: { array: 'UEsDBA==', polygraphy_class: 'Tensor' } }])).toThrow('is no NumPy array but Tensor');
    expect(() => readPolygraphy(utf8('{'), 'j', undefined)).toThrow('is no valid JSON');
  });
});

/** A few bytes changed, cut out, doubled, or the end cut off. */
const mutate = (bytes: Uint8Array, r: Random): Uint8Array => {
  let out = bytes.slice();
  for (let n = 1 + r.below(4); n > 0 && out.length > 2; n--) {
    const at = r.below(out.length);
    const kind = r.below(5);
    if (kind === 0) out[at] = r.below(256);
    else if (kind === 1) out[at]! ^= 1 << r.below(8);
    else if (kind === 2) out = out.slice(0, at);
    else if (kind === 3) out = Uint8Array.from([...out.subarray(0, at), ...out.subarray(at + 1 + r.below(8))]);
    else out.set([0xff, 0xff, 0xff, 0xff].slice(0, Math.min(4, out.length - at)), at);
  }
  return out;
};

it('damaged dumps give tensors or a typed error that is the file`s fault', { timeout: 60_000 }, () => {
  const seconds = Number(process.env['FLAGOS_FUZZ_SECONDS'] ?? 1);
  const seeds: [Uint8Array, (bytes: Uint8Array) => readonly DumpTensor[]][] = [
    [plainNpz, (b) => readNpz(b, 'f')],
    [packedNpz, (b) => readNpz(b, 'f')],
    ...[polygraphyResults('a'), polygraphyInputs, polygraphyLegacy].map((text): (typeof seeds)[number] => [
      utf8(text),
      (b) => readPolygraphy(b, 'f', undefined).tensors,
    ]),
  ];
  const r = new Random(7, 'dumps');
  let [tried, refused] = [0, 0];
  for (const end = performance.now() + seconds * 1000; performance.now() < end; tried++) {
    const [bytes, read] = seeds[tried % seeds.length]!;
    const damaged = mutate(bytes, r);
    try {
      for (const t of read(damaged)) t.read();
    } catch (error) {
      refused++;
      if (error instanceof FlagosError && error.kind === 'user') continue;
      throw new Error(`try ${tried}: ${Buffer.from(damaged).toString('base64')}`, { cause: error });
    }
  }
  expect(tried).toBeGreaterThan(100);
  expect(refused).toBeGreaterThan(tried / 10);
});
