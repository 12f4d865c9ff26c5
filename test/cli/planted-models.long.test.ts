/**
 * Two faults at different depths of real models, ResNet-50 and one of TensorFlow.js, of which the next layer hides one:
 * both are named in one run, what reaches the end is found by bisection, and its case shows the fault alone.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { testIo } from '../../src/cli/testing.ts';
import { findOnnxTests } from '../../src/host/onnx-cases.ts';
import { findPackage } from '../../src/host/package-json.ts';

const root = findOnnxTests(join(import.meta.dirname, '../..'));
let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'flagos-planted-'))));
afterEach(() => {
  rmSync(folder, { recursive: true });
  vi.unstubAllEnvs();
});

const plugin = ['--no-discover', '--plugin', join(import.meta.dirname, 'fixtures', 'planted.mjs')];
const run = async (...argv: string[]): Promise<{ code: number; data: Record<string, unknown> }> => {
  const io = testIo({ cwd: folder });
  const code = await main([...argv, '--json'], io);
  return { code, data: JSON.parse(io.stdout()) as Record<string, unknown> };
};

interface Region {
  readonly region: string;
  readonly role: string;
  readonly ok: boolean;
}
interface Planted {
  readonly model: readonly string[];
  /** A node whose result is wrong below zero, which the Relu behind it hides, and one whose error reaches the end. */
  readonly hidden: string;
  readonly seen: string;
  /** Reads what is seen. */
  readonly behind: string;
}

const check = async ({ model, hidden, seen, behind }: Planted): Promise<void> => {
  vi.stubEnv('PLANTED', `${hidden}=below,${seen}=tail`);
  const { code, data } = await run('diff', ...model, ...plugin, '--prefer', 'vendor:planted,flagos/cpu');
  expect(code).toBe(1);
  const regions = data['regions'] as Region[];
  expect(regions.filter((r) => !r.ok).map((r) => r.region)).toEqual([hidden, seen]);
  const roleOf = (name: string): string | undefined => regions.find((r) => r.region.startsWith(name))?.role;
  expect([hidden, seen].map(roleOf)).toEqual(['injected', 'injected']);
  expect(['inherited', 'amplified']).toContain(roleOf(behind));

  const bisected = await run('diff', 'bisect', ...model, ...plugin, '--chip', 'vendor:planted', '--golden', 'flagos/cpu', '--out', 'cases');
  expect(bisected.code).toBe(1);
  const { found, cases } = bisected.data as { found: { culprits: { node: string }[] }[]; cases: { node: string; folder: string }[] };
  expect(found.map((f) => f.culprits.map((c) => c.node))).toEqual([[seen]]);
  expect(cases.map((c) => c.node)).toEqual([seen]);
  // Alone: where the model is not, in a folder that knows of it only by what was written there.
  expect((await run('diff', 'repro', cases[0]!.folder, '--no-discover')).code).toBe(1);
  vi.stubEnv('PLANTED', '');
  expect((await run('diff', 'repro', cases[0]!.folder, '--no-discover')).code).toBe(0);
};

describe('two faults planted', () => {
  it.skipIf(root === undefined)('in ResNet-50', { timeout: 600_000 }, () =>
    check({
      model: [join(root!, 'light', 'light_resnet50.onnx'), '--seed-weights', '1'],
      hidden: 'n14',
      seen: 'n77',
      behind: 'n78',
    }),
  );

  it('in a GraphModel of TensorFlow.js', { timeout: 300_000 }, () =>
    check({
      model: [join(findPackage('@vladmandic/human', import.meta.dirname)!, 'models', 'emotion.json'), '--input', 'input_1=arange'],
      hidden: 'StatefulPartitionedCall/model_1/block1_conv2_act/Relu/Conv',
      seen: 'StatefulPartitionedCall/model_1/add_2/add',
      behind: 'StatefulPartitionedCall/model_1/conv2d_5/BiasAdd',
    }),
  );
});
