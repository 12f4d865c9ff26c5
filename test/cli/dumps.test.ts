/** Tensors from elsewhere as either side of a comparison: what is judged, by what, and what is said to be lacking. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { writeNpy } from '../../src/cli/model/npy.ts';
import { testIo } from '../../src/cli/testing.ts';
import { tensorType, type Graph, type Node } from '../../src/core/graph.ts';
import { Tensor } from '../../src/core/tensor.ts';
import { writeModel, writeTensor } from '../../src/formats/onnx/index.ts';

const node = (op: string, inputs: string[], output: string): Node => ({
  name: `${op}_${output}`,
  op,
  domain: '',
  version: 13,
  inputs,
  outputs: [output],
  attrs: {},
});
const type = tensorType('float32', [2, 7]);
const graph: Graph = {
  name: 'dumps',
  nodes: [node('Sum', ['x', 'b'], 's/1'), node('Relu', ['s/1'], 'r'), node('Sum', ['r', 'x'], 'y')],
  inputs: ['x', 'b'].map((name) => ({ name, type })),
  outputs: [{ name: 'y', type }],
  initializers: new Map(),
  types: new Map(),
};
const f32 = (make: (i: number) => number): Float32Array => Float32Array.from({ length: 14 }, (_, i) => make(i));
const x = f32((i) => Math.sin(i));
const b = f32((i) => Math.cos(i));
const s = f32((i) => x[i]! + b[i]!);
const r = f32((i) => Math.max(0, s[i]!));
const y = f32((i) => r[i]! + x[i]!);
/** What a chip makes that adds wrongly at one place, and is right behind it. */
const wrongS = f32((i) => (i === 3 ? 5 : s[i]!));
const wrongR = f32((i) => Math.max(0, wrongS[i]!));
const wrongY = f32((i) => wrongR[i]! + x[i]!);

type Values = Readonly<Record<string, Float32Array>>;
const right: Values = { x, b, 's/1': s, r, y };
const wrong: Values = { x, b, 's/1': wrongS, r: wrongR, y: wrongY };
const tensor = (data: Float32Array): Tensor => new Tensor('float32', [2, 7], data);

let folder: string;
const save = (name: string, values: Values): string => {
  mkdirSync(join(folder, name));
  // As a program must name files: what a path cannot hold is replaced.
  for (const [n, v] of Object.entries(values)) writeFileSync(join(folder, name, `${n.replace('/', '_')}.npy`), writeNpy(tensor(v))!);
  return name;
};
const results = (values: Values): string => {
  const array = (v: Float32Array) => ({ array: Buffer.from(writeNpy(tensor(v))!).toString('base64'), polygraphy_class: 'ndarray' });
  const outputs = Object.fromEntries(Object.entries(values).map(([n, v]) => [n, { values: array(v), polygraphy_class: 'LazyArray' }]));
  const iteration = { outputs, runtime: 1, runner_name: 'trt', polygraphy_class: 'IterationResult' };
  return JSON.stringify({ lst: [['trt', [iteration]]], polygraphy_class: 'RunResults' });
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'flagos-dumps-'));
  writeFileSync(join(folder, 'm.onnx'), writeModel({ graph, name: 'dumps', opsets: { '': 13 } }));
  save('right', right);
  save('wrong', wrong);
  save('others', { ...right, x: b });
  save('ends', { x, b, y });
  save('more', { ...right, elsewhere: y });
  writeFileSync(join(folder, 'wrong.json'), results({ 's/1': wrongS, r: wrongR, y: wrongY }));
  const set = join(folder, 'test_data_set_0');
  mkdirSync(set);
  [x, b].forEach((v, i) => writeFileSync(join(set, `input_${i}.pb`), writeTensor(tensor(v))));
  writeFileSync(join(set, 'output_0.pb'), writeTensor(tensor(y)));
});
afterEach(() => void vi.unstubAllEnvs());
afterAll(() => rmSync(folder, { recursive: true }));

interface Region {
  region: string;
  ok: boolean;
  role: string;
  suspect: boolean;
  skipped?: string;
  outputs: { doubt?: { blame: string }; eta: number; gate?: boolean; accumulated: { maxAbs: number }; isolated?: { maxAbs: number } }[];
}
interface Report {
  regions: Region[];
  endToEnd: { output: string; ok: boolean }[];
  dumps: { side: string; tensors: number; lacks: string[]; unused: string[] }[];
  suspects: string[];
}
const run = async (...argv: string[]): Promise<{ code: number; report: Report; err: string }> => {
  const io = testIo({ cwd: folder });
  const code = await main(['diff', 'm.onnx', '--no-discover', '--json', ...argv], io);
  return { code, report: (io.stdout() === '' ? {} : JSON.parse(io.stdout())) as Report, err: io.stderr() };
};
const bad = ({ report }: { report: Report }): string[] => report.regions.filter((g) => !g.ok).map((g) => g.region);

describe('a dump of the chip', () => {
  it('is judged region by region, on its own inputs', async () => {
    const made = await run('--chip-dump', 'wrong');
    expect(made.code).toBe(1);
    expect(bad(made)).toEqual(['Sum_s/1']);
    expect(made.report.regions[0]!.outputs[0]!.doubt).toMatchObject({
      blame: 'chip',
      elements: [{ index: [0, 3], actual: 5, exact: expect.closeTo(s[3]!, 6) }],
    });
    // What comes behind it is right, on the inputs it had.
    expect(made.report.regions.map((g) => g.role)).toEqual(['injected', 'inherited', 'inherited']);
    expect(made.report.dumps).toEqual([expect.objectContaining({ side: 'chip', tensors: 3, lacks: [], unused: [] })]);
    expect(await run('--chip-dump', 'right')).toMatchObject({ code: 0, report: { endToEnd: [{ output: 'y', ok: true }] } });
  });

  it('as JSON of Polygraphy, with inputs from another dump', async () => {
    const made = await run('--chip-dump', 'wrong.json', '--inputs-from', 'test_data_set_0');
    expect(made.code).toBe(1);
    expect(bad(made)).toEqual(['Sum_s/1']);
    expect(await run('--chip-dump', 'wrong.json')).toMatchObject({
      code: 2,
      err: expect.stringContaining("no dump holds the model's input 'x'"),
    });
  });

  it('that has the ends only is compared there, by the gate or by numbers, and the rest is not compared', async () => {
    const made = await run('--chip-dump', 'ends');
    expect(made).toMatchObject({ code: 0, report: { endToEnd: [{ output: 'y', ok: true }] } });
    expect(made.report.dumps[0]!.lacks).toEqual(['s/1', 'r']);
    expect(made.report.regions.map((g) => g.skipped)).toEqual(["dump:ends lacks 's/1'", "dump:ends lacks 'r'", "dump:ends lacks 'r'"]);
    // It is within 1e-3 of the reference's, and not within nothing.
    save('off', { x, b, y: f32((i) => y[i]! + 1e-3) });
    expect((await run('--chip-dump', 'off')).code).toBe(1);
    expect((await run('--chip-dump', 'off', '--gate', 'numpy:0,2e-3')).code).toBe(0);
  });
});

describe('a dump of the golden', () => {
  it('is what accumulated and isolated errors are measured against', async () => {
    const { code, report } = await run('--golden', 'right');
    expect(code).toBe(0);
    expect(report.regions.every((g) => g.ok && g.outputs[0]!.accumulated.maxAbs < 1e-6 && g.outputs[0]!.isolated!.maxAbs < 1e-6)).toBe(
      true,
    );
    expect(await run('--golden', 'test_data_set_0')).toMatchObject({ code: 0, report: { endToEnd: [{ output: 'y', ok: true }] } });
  });

  it('that is wrong itself is a suspect, and the chip is not blamed', async () => {
    const made = await run('--golden', 'wrong');
    expect(made.code).toBe(4);
    expect(made.report.suspects).toEqual(['Sum_s/1']);
    expect(bad(made)).toEqual([]);
    // Others' rules have no opinion on that.
    const judged = await run('--golden', 'wrong', '--gate', 'pytorch');
    expect(bad(judged).length).toBe(3);
    // The element calculated again says who is right.
    expect(judged.code).toBe(4);
    expect(judged.report.regions[0]!.outputs[0]!.doubt).toMatchObject({
      blame: 'golden',
      elements: [{ index: [0, 3], golden: 5, goldenWrong: true, chipWrong: false }],
    });
  });

  it('against a chip here that is wrong names the chip', async () => {
    vi.stubEnv('PLANTED', 'Relu_r=tail');
    const planted = ['--plugin', join(import.meta.dirname, 'fixtures', 'planted.mjs'), '--prefer', 'vendor:planted'];
    const made = await run('--golden', 'right', ...planted);
    expect(made.code).toBe(1);
    expect(bad(made)).toEqual(['Relu_r']);
  });
});

it('both sides from elsewhere must have had the same inputs', async () => {
  const made = await run('--chip-dump', 'wrong', '--golden', 'right');
  expect(made.code).toBe(1);
  expect(bad(made)).toEqual(['Sum_s/1']);
  expect(await run('--chip-dump', 'wrong', '--golden', 'others')).toMatchObject({
    code: 2,
    err: expect.stringContaining("have different values of input 'x'"),
  });
});

it('tensors that this run makes no value of are listed, and too many of them are too little compared', async () => {
  const made = await run('--chip-dump', 'more');
  expect(made).toMatchObject({ code: 0, report: { dumps: [{ unused: ['elsewhere'], tensors: 4 }] } });
  expect((await run('--chip-dump', 'more', '--least-compared', '0.9')).code).toBe(8);
});

it('wrong use is said', async () => {
  expect(await run('--golden', 'none.npz')).toMatchObject({ code: 2, err: expect.stringContaining('there is no dump') });
  expect(await run('--chip-dump', 'right', '--repeat', '2')).toMatchObject({ code: 2 });
  expect(await run('--chip-dump', 'right', '--chip', 'reference')).toMatchObject({ code: 2 });
});
