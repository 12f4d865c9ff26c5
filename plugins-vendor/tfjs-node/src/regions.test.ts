/** Whole regions, memory, and what goes wrong: through the runtime, as a plugin. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRuntime, silentLogger, Tensor, type Flagos } from 'flagos';
import plugin, { TfjsNodeProvider } from './index.ts';
import { callOf, nodeOf, noise } from '../../../test/plugins/calls.ts';
import { absent, host, openSession } from './testing.ts';

describe.skipIf(absent)(`in a runtime${absent === undefined ? '' : ` (skipped: ${absent})`}`, () => {
  let flagos: Flagos;
  beforeAll(async () => {
    flagos = await createRuntime({ plugins: [plugin], logger: silentLogger, prefer: ['vendor:tfjs-node'], fallback: 'none' });
  });
  afterAll(() => flagos.close());

  it('is found, and runs what it claims', async () => {
    expect(flagos.runtime.chips.map((c) => c.id)).toContain('tfjs-node/cpu');
    const [y] = await flagos.call('Relu', [Tensor.from('float32', [3], [-1, 2, NaN])]);
    expect([...(y as Tensor).toNumbers()]).toEqual([0, 2, NaN]);
  });
  it('says why it does not run the rest', async () => {
    await expect(flagos.call('Elu', [noise([3])])).rejects.toThrow(/lose their digits/);
    await expect(flagos.call('Relu', [Tensor.from('float64', [1], [1])])).rejects.toThrow(/float32/);
  });
});

it.skipIf(absent)('many regions leave nothing behind in libtensorflow', async () => {
  const session = openSession();
  const inputs = [noise([1, 16, 32, 32]), noise([16, 16, 3, 3])];
  const { region } = callOf(nodeOf('Conv', 2, { pads: [1, 1, 1, 1] }), inputs, (i) => i > 0);
  const before = session.tensors;
  for (let i = 0; i < 50; i++) {
    const prepared = session.prepare(region);
    await prepared.run([inputs[0]], [undefined]);
    await prepared.dispose();
  }
  expect(session.tensors).toBe(before);
});

it.skipIf(absent)('what an op says while running is an error, and leaves nothing behind', () => {
  const session = openSession();
  const { region } = callOf(nodeOf('Gather', 2), [noise([3]), Tensor.from('int64', [1], [0n])], () => false);
  const prepared = session.prepare(region);
  const before = session.tensors;
  expect(() => prepared.run([noise([3]), Tensor.from('int64', [1], [7n])], [undefined])).toThrow(/TF_Status/);
  expect(session.tensors).toBe(before);
});

it.skipIf(absent)('takes shared memory', async () => {
  const shared = new Tensor('float32', [3], new Float32Array(new SharedArrayBuffer(12)));
  const { region } = callOf(nodeOf('Neg', 1), [noise([3])], () => false);
  const outputs: (Tensor | undefined)[] = [undefined];
  openSession().prepare(region).run([shared], outputs);
  expect([...outputs[0]!.toNumbers()].map(Math.abs)).toEqual([0, 0, 0]);
});

it.skipIf(absent)('a region that was disposed does not run', async () => {
  const session = openSession();
  const prepared = session.prepare(callOf(nodeOf('Abs', 1), [noise([4])], () => false).region);
  await prepared.dispose();
  await prepared.dispose();
  expect(() => prepared.run([noise([4])], [undefined])).toThrow(/disposed/);
});

it('says what is missing, without throwing', () => {
  const nowhere = { ...host, env: { FLAGOS_TFJS_NODE: '/nowhere', FLAGOS_CACHE: '/nowhere' } };
  const report = new TfjsNodeProvider().probe(nowhere);
  // The package itself may be installed all the same.
  if (report.chips.length === 0) expect(report.missing![0]!.hint).toMatch(/build-tfjs-node/);
  else expect(report.chips[0]!.description).toMatch(/libtensorflow/);
});
