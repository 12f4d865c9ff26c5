/** Two faults at different depths of a model, one of which a later layer hides: both are named in one run; bisection finds the one that shows. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { testIo } from '../../src/cli/testing.ts';
import { tensorType, type Graph, type Node } from '../../src/core/graph.ts';
import { writeModel } from '../../src/formats/onnx/index.ts';

const node = (name: string, op: string, ...inputs: string[]): Node => ({
  name,
  op,
  domain: '',
  version: 13,
  inputs,
  outputs: [`${name}_y`],
  attrs: {},
});
const nodes = [
  node('first', 'Sum', 'x', 'b'),
  node('hides', 'Relu', 'first_y'),
  node('middle', 'Sum', 'hides_y', 'x'),
  node('last', 'Relu', 'middle_y'),
  node('end', 'Sum', 'last_y', 'b'),
];
const type = tensorType('float32', [4, 21]);
const graph: Graph = {
  name: 'planted',
  nodes,
  inputs: ['x', 'b'].map((name) => ({ name, type })),
  outputs: [{ name: 'end_y', type }],
  initializers: new Map(),
  types: new Map(),
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'flagos-planted-'));
  writeFileSync(join(folder, 'm.onnx'), writeModel({ graph, name: 'planted', opsets: { '': 21 } }));
  vi.stubEnv('PLANTED', 'first=below,last=tail');
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const planted = ['--no-discover', '--plugin', join(import.meta.dirname, 'fixtures', 'planted.mjs')];
const run = async (...argv: string[]): Promise<{ code: number; data: Record<string, unknown> }> => {
  const io = testIo({ cwd: folder });
  const code = await main([...argv, '--json'], io);
  return { code, data: JSON.parse(io.stdout()) as Record<string, unknown> };
};

it('names both in one run, and what only carries them on', async () => {
  const { code, data } = await run('diff', 'm.onnx', ...planted, '--prefer', 'vendor:planted,reference');
  expect(code).toBe(1);
  const regions = data['regions'] as { region: string; role: string; ok: boolean }[];
  expect(regions.filter((r) => !r.ok).map((r) => r.region)).toEqual(['first', 'last']);
  expect(Object.fromEntries(regions.map((r) => [r.region, r.role]))).toEqual({
    first: 'injected',
    hides: 'clean',
    middle: 'clean',
    last: 'injected',
    end: 'inherited',
  });
});

it('bisection names what shows at the end, and its case reproduces alone', async () => {
  const { code, data } = await run(
    'diff',
    'bisect',
    'm.onnx',
    ...planted,
    '--chip',
    'vendor:planted',
    '--golden',
    'reference',
    '--out',
    'cases',
  );
  expect(code).toBe(1);
  expect(data).toMatchObject({ found: [{ culprits: [{ node: 'last' }] }], cases: [{ node: 'last' }] });
  expect((await run('diff', 'repro', join(folder, 'cases', 'last'), '--no-discover')).code).toBe(1);
});
