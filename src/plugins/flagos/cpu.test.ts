/** What `flagos/cpu` hands its kernels, on a processor that is not there. */
import { describe, expect, it } from 'vitest';
import { tensorType } from '../../core/graph.ts';
import { opSet } from '../../ops/index.ts';
import type { Region } from '../contract.ts';
import { CpuSession } from './cpu.ts';
import type { NativeToolchain } from './native.ts';

const session = (threads: number) => {
  const given: { source: string; params: readonly number[] }[] = [];
  const toolchain: NativeToolchain = {
    description: 'none',
    fingerprint: '1',
    threads,
    target: { vectorBytes: 64, registers: 32, l1: 48 << 10, l2: 1 << 20, l3: 32 << 20, threads },
    load: async ({ source }) => ({
      prepare: (_, params) => void given.push({ source, params: [...params].map(Number) }),
      run: () => {},
      runAsync: async () => {},
    }),
    allocate: () => ({ memory: undefined, address: 0n }),
    address: () => 0n,
  };
  const chip = new CpuSession(opSet, toolchain, () => []);
  const prepared = async (region: Region, variant: string) => {
    await chip.prepare(region, variant);
    return given.at(-1)!;
  };
  return { chip, prepared };
};

const matmul = (m: number, k: number, n: number): Region => {
  const types = new Map([
    ['a', tensorType('float32', [m, k])],
    ['b', tensorType('float32', [k, n])],
    ['y', tensorType('float32', [m, n])],
  ]);
  const value = (name: string) => ({ name, type: types.get(name) });
  return {
    nodes: [{ name: 'n', op: 'MatMul', domain: '', version: 13, inputs: ['a', 'b'], outputs: ['y'], attrs: {} }],
    inputs: [value('a'), value('b')],
    outputs: [value('y')],
    constants: new Map(),
    types,
  };
};

describe('schedules of flagos/cpu', () => {
  const region = matmul(512, 2048, 2048);

  it('are those of float32, and each of them is another way to cut the work', async () => {
    const { chip, prepared } = session(4);
    const fp32 = chip.variants(region).find((v) => v.name === 'fp32')!;
    expect(fp32.schedules).toEqual(['fp32-half', 'fp32-double', 'fp32-serial']);
    const made: Awaited<ReturnType<typeof prepared>>[] = [];
    for (const name of ['fp32', ...fp32.schedules!]) made.push(await prepared(region, name));
    expect(new Set(made.map((m) => m.source + m.params.join())).size).toBe(4);
  });

  it('on one thread are what a processor with one thread gets, and are not offered there', async () => {
    const [one, four] = [session(1), session(4)];
    expect((await four.prepared(region, 'fp32-serial')).params).toEqual((await one.prepared(region, 'fp32')).params);
    expect(one.chip.variants(region)[0]!.schedules).toEqual(['fp32-half', 'fp32-double']);
  });
});
