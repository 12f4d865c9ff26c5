/** Whole regions, memory, and what goes wrong: through the runtime, as a plugin. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRuntime, silentLogger, Tensor, type Flagos } from 'flagos';
import { compareValues } from '../../../src/core/compare.ts';
import plugin, { XnnpackProvider } from './index.ts';
import { callOf, nodeOf, noise } from '../../../test/plugins/calls.ts';
import { host, openSession } from './testing.ts';

describe('in a runtime', () => {
  let flagos: Flagos;
  beforeAll(async () => {
    flagos = await createRuntime({ plugins: [plugin], logger: silentLogger, prefer: ['vendor:xnnpack'], fallback: 'none' });
  });
  afterAll(() => flagos.close());

  it('is found, and runs what it claims', async () => {
    expect(flagos.runtime.chips.map((c) => c.id)).toContain('xnnpack/wasm');
    const [y] = await flagos.call('Relu', [Tensor.from('float32', [3], [-1, 2, NaN])]);
    expect([...(y as Tensor).toNumbers()]).toEqual([0, 2, NaN]);
  });
  it('says why it does not run the rest', async () => {
    await expect(flagos.call('Sin', [noise([3])])).rejects.toThrow(/loses digits/);
    await expect(flagos.call('Relu', [Tensor.from('float64', [1], [1])])).rejects.toThrow(/float32/);
  });
});

describe('memory', () => {
  it('is given back: many regions one after the other need no more than one', async () => {
    const session = await openSession();
    const node = nodeOf('Conv', 2, { pads: [1, 1, 1, 1] });
    const inputs = [noise([1, 16, 32, 32]), noise([16, 16, 3, 3])];
    const { region } = callOf(node, inputs, (i) => i > 0);
    const sizes: number[] = [];
    for (let i = 0; i < 600; i++) {
      const prepared = session.prepare(region);
      if (i % 50 === 0) await prepared.run([inputs[0]], [undefined]);
      await prepared.dispose();
      if (i % 200 === 199) sizes.push(session.memoryBytes);
    }
    expect(sizes[2]).toBe(sizes[0]);
  });
  it('is shared by regions that run in turn, and moves when a larger one comes', async () => {
    const session = await openSession();
    const at = (n: number): [ReturnType<typeof session.prepare>, Tensor, Tensor] => {
      const x = noise([n]);
      const { region, expected } = callOf(nodeOf('Abs', 1), [x], () => false);
      return [session.prepare(region), x, expected];
    };
    const regions = [at(10), at(1 << 22), at(1000)];
    for (let round = 0; round < 3; round++)
      for (const [prepared, x, expected] of regions) {
        const outputs: (Tensor | undefined)[] = [undefined];
        await prepared.run([x], outputs);
        expect(compareValues(outputs[0]!, expected, { rtol: 0, atol: 0 }).problem).toBeUndefined();
      }
  });
  it('says so when there is not enough', async () => {
    const session = await openSession();
    const x = Tensor.zeros('float32', [1 << 28]);
    const region = { ...callOf(nodeOf('Abs', 1), [noise([4])], () => false).region };
    const large = { kind: 'tensor', dtype: 'float32', shape: [1 << 29] } as const;
    const huge = {
      ...region,
      inputs: [{ name: 'x0', type: large }],
      outputs: [{ name: 'y', type: large }],
      types: new Map([
        ['x0', large],
        ['y', large],
      ]),
    };
    const prepared = session.prepare(huge);
    expect(() => prepared.run([x], [undefined])).toThrow(/no room/);
  });
});

it('a region that was disposed does not run', async () => {
  const session = await openSession();
  const prepared = session.prepare(callOf(nodeOf('Abs', 1), [noise([4])], () => false).region);
  await prepared.dispose();
  await prepared.dispose();
  expect(() => prepared.run([noise([4])], [undefined])).toThrow(/disposed/);
});

it('probes without loading anything', () => {
  const report = new XnnpackProvider().probe(host);
  expect(report.chips).toHaveLength(1);
  expect(report.chips[0]!.fingerprint).toMatch(/simd/);
});
