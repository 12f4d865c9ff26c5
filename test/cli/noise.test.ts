/** Run-to-run noise: who makes it, who carries it on, and whether the kernel declares it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { testIo } from '../../src/cli/testing.ts';
import { tensorType, type Node } from '../../src/core/graph.ts';
import { writeModel } from '../../src/formats/onnx/index.ts';
import type { RegionNoise } from '../../src/diff/noise.ts';

const node = (name: string, ...inputs: string[]): Node => ({
  name,
  op: 'Sum',
  domain: '',
  version: 13,
  inputs,
  outputs: [`${name}_y`],
  attrs: {},
});
const type = tensorType('float32', [2, 5]);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'flagos-noise-'));
  const graph = {
    name: 'noise',
    nodes: [node('still', 'x', 'x'), node('noisy', 'still_y', 'x'), node('carries', 'noisy_y', 'x')],
    inputs: [{ name: 'x', type }],
    outputs: [{ name: 'carries_y', type }],
    initializers: new Map(),
    types: new Map(),
  };
  writeFileSync(join(folder, 'm.onnx'), writeModel({ graph, name: 'noise', opsets: { '': 21 } }));
});
afterEach(() => void vi.unstubAllEnvs());
afterAll(() => rmSync(folder, { recursive: true }));

const planted = async (what: string, declares: string): Promise<{ code: number; noise: Record<string, RegionNoise>; text: string }> => {
  vi.stubEnv('PLANTED', what);
  vi.stubEnv('PLANTED_DECLARES', declares);
  const plugin = join(import.meta.dirname, 'fixtures', 'planted.mjs');
  const argv = ['diff', 'noise', 'm.onnx', '--no-discover', '--plugin', plugin, '--prefer', 'vendor:planted', '--repeat', '4'];
  const io = testIo({ cwd: folder });
  const code = await main([...argv, '--json'], io);
  const { regions } = JSON.parse(io.stdout()) as { regions: RegionNoise[] };
  const people = testIo({ cwd: folder });
  await main([...argv, '--all'], people);
  return { code, noise: Object.fromEntries(regions.map((r) => [r.region, r])), text: people.stdout() };
};

it('says who makes it and who carries it on, and that nobody declared it', async () => {
  const { code, noise, text } = await planted('noisy=jitter', '');
  expect(code).toBe(6);
  expect(noise).toMatchObject({
    still: { state: 'steady', differing: 0, runsDiffering: 0 },
    noisy: { state: 'flaky', repeats: 4, maxUlp: expect.toSatisfy((n: number) => n > 0 && n <= 2) },
    carries: { state: 'inherits', differing: 0 },
  });
  expect(noise['noisy']!.differing).toBeGreaterThan(0);
  expect(noise['noisy']!.spread.maxAbs).toBeGreaterThan(0);
  expect(text).toContain('not the same bits twice, and not declared: noisy');
});

it('lets a kernel that declares it differ within its bounds, and no further', async () => {
  const within = await planted('noisy=jitter', 'nondeterministic');
  expect(within).toMatchObject({ code: 0, noise: { noisy: { state: 'declared' } } });
  expect(within.noise['noisy']!.eta).toBeGreaterThan(0);
  expect(within.noise['noisy']!.eta).toBeLessThanOrEqual(2);
  const beyond = await planted('noisy=jump', 'nondeterministic');
  expect(beyond).toMatchObject({ code: 6, noise: { noisy: { state: 'flaky' } } });
  expect(beyond.noise['noisy']!.eta).toBeGreaterThan(2);
});

it('is silent where nothing differs', async () => {
  expect(await planted('', '')).toMatchObject({ code: 0, text: expect.stringContaining('3 regions: 3 steady') });
});
