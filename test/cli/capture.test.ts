/** Calls captured from a model: as cases that run again, and as a class of inputs that verification runs. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { testIo } from '../../src/cli/testing.ts';
import { tensorType, type Graph, type Node } from '../../src/core/graph.ts';
import { Tensor } from '../../src/core/tensor.ts';
import { writeModel } from '../../src/formats/onnx/index.ts';
import type { AccuracyRow } from '../../src/opmanager/tables/rows.ts';
import { bundle, runProgram, type Ended } from './program.ts';

const node = (name: string, op: string, inputs: string[]): Node => ({
  name,
  op,
  domain: '',
  version: 13,
  inputs,
  outputs: [`${name}_y`],
  attrs: {},
});
const type = tensorType('float32', [3, 7]);
// `x.1` and `x/1` are names of one file, if names are not told apart.
const graph: Graph = {
  name: 'calls',
  nodes: [
    node('first', 'Sum', ['x.1', 'x/1']),
    node('weighed', 'Mul', ['first_y', 'w']),
    node('again', 'Sum', ['weighed_y', 'x/1']),
    node('end', 'Relu', ['again_y']),
  ],
  inputs: ['x.1', 'x/1'].map((name) => ({ name, type })),
  outputs: [{ name: 'end_y', type }],
  initializers: new Map([['w', new Tensor('float32', [7], Float32Array.of(1, 2, 3, 4, 5, 6, 7))]]),
  types: new Map(),
};

let folder: string;
let program: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flagos-capture-'));
  writeFileSync(join(folder, 'm.onnx'), writeModel({ graph, name: 'calls', opsets: { '': 13 } }));
  program = await bundle();
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = async (...argv: string[]): Promise<{ code: number; data: Record<string, unknown>; err: string }> => {
  const io = testIo({ cwd: folder });
  const code = await main([...argv, '--no-discover', '--json'], io);
  return { code, data: io.stdout() === '' ? {} : (JSON.parse(io.stdout()) as Record<string, unknown>), err: io.stderr() };
};
const captured = ({ data }: { data: Record<string, unknown> }): string[] => (data['cases'] as { node: string }[]).map((c) => c.node);

it('writes the calls that are asked for, and each runs again', async () => {
  expect(captured(await run('diff', 'capture', 'm.onnx', '--out', 'all'))).toEqual(['first', 'weighed', 'end']);
  expect(captured(await run('diff', 'capture', 'm.onnx', '--out', 'each', '--ops', 'S*', '--each', '2'))).toEqual(['first', 'again']);
  expect(captured(await run('diff', 'capture', 'm.onnx', '--out', 'limit', '--limit', '1'))).toEqual(['first']);
  expect(captured(await run('diff', 'capture', 'm.onnx', '--out', 'node', '--nodes', 'ag*'))).toEqual(['again']);
  for (const name of ['first', 'weighed', 'end']) expect((await run('diff', 'repro', join('all', name))).code).toBe(0);
  // Weights stay weights, and both inputs of one file name are there.
  expect(existsSync(join(folder, 'all/weighed/inputs/w.npy'))).toBe(false);
  expect(existsSync(join(folder, 'all/first/inputs/x_1.npy'))).toBe(true);
  const [a, b] = ['x.1', 'x_1'].map((n) => readFileSync(join(folder, `all/first/inputs/${n}.npy`)));
  expect(a!.equals(b!)).toBe(false);
  expect(await run('diff', 'capture', 'm.onnx', '--ops', 'Conv')).toMatchObject({ code: 2, err: expect.stringContaining('no such call') });
});

const rows = (table: string): AccuracyRow[] =>
  readFileSync(join(folder, table, 'accuracy.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AccuracyRow);
const planted = join(import.meta.dirname, 'fixtures', 'planted.mjs');
const verify = (...argv: string[]): Promise<Ended> =>
  runProgram(program, ['verify', '--no-discover', '--jobs', '1', '--plugin', planted, '--chip', 'vendor:planted', ...argv], {
    cwd: folder,
    env: { PLANTED: 'end=tail' },
  });

it('says where it cannot write, before the model runs', async () => {
  writeFileSync(join(folder, 'taken'), '');
  const io = testIo({ cwd: folder });
  expect(await main(['diff', 'capture', 'm.onnx', '--out', 'taken/calls', '--no-discover'], io)).toBe(2);
  expect(io.stderr()).toMatch(/taken.*: (a part of its path is not a folder|something else has that name)\n.*FLAGOS_E_FILE/);
});

it('is verified as a class of inputs of its own, with rows like the others', async () => {
  const all = await verify('--from', 'm.onnx', '--table', 't');
  expect(all).toMatchObject({ code: 1, out: expect.stringMatching(/planted\/cpu:Relu\.default Relu\(float32\): 1 case wrong/) });
  expect(
    rows('t')
      .map((r) => `${r.signature} ${r.level} ${r.inputClasses.join()} ${r.cases}`)
      .sort(),
  ).toEqual(['Relu(float32) fail captured 1', 'Sum(float32,float32) bitwise captured 1']);
  // What it says runs the one case again.
  const [, id] = /--case (\S+) --from \S+/.exec(all.out)!;
  const from = join(folder, 't', 'captured', 'm.onnx');
  expect(await verify('--case', id!, '--from', from)).toMatchObject({ code: 1, out: expect.stringContaining(id!) });
  expect(await verify('Sum', '--from', from, '--table', 'u')).toMatchObject({ code: 0 });
  expect(await verify('--from', 'nothing.onnx')).toMatchObject({ code: 2, err: expect.stringContaining('there is no file') });
});
