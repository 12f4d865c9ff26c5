/** What `flagos/cpu` hands its kernels, on a processor that is not there. */
import { describe, expect, it } from 'vitest';
import { tensorType, type ValueType } from '../../core/graph.ts';
import { coarserIn } from '../../core/numerics.ts';
import { Tensor } from '../../core/tensor.ts';
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

describe('variants of flagos/cpu', () => {
  it('have Winograd’s algorithm for float32 on every processor, and say so', async () => {
    const { chip, prepared } = session(1);
    const weights = Tensor.from('float32', [32, 32, 3, 3], Array(32 * 32 * 9).fill(0.5));
    const types = new Map([
      ['x', tensorType('float32', [1, 32, 28, 28])],
      ['w', tensorType('float32', [32, 32, 3, 3])],
      ['y', tensorType('float32', [1, 32, 26, 26])],
    ]);
    const region: Region = {
      nodes: [{ name: 'n', op: 'Conv', domain: '', version: 22, inputs: ['x', 'w'], outputs: ['y'], attrs: {} }],
      inputs: [{ name: 'x', type: types.get('x') }],
      outputs: [{ name: 'y', type: types.get('y') }],
      constants: new Map([['w', weights]]),
      types,
    };
    const variants = chip.variants(region);
    expect(variants.map((v) => v.name)).toEqual(['fp32', 'winograd']);
    expect(variants[1]!.numerics.notes).toContain('winograd');
    expect(coarserIn(variants[0]!.numerics)).toBeUndefined();
    expect(coarserIn(variants[1]!.numerics)).toContain('Winograd');
    expect((await prepared(region, 'fp32')).source).not.toContain('wg4_patch');
    expect((await prepared(region, 'winograd')).source).toContain('wg4_patch');
    const double = (t: ValueType | undefined): ValueType => ({ ...(t as Extract<ValueType, { kind: 'tensor' }>), dtype: 'float64' });
    const { inputs, outputs } = region;
    const wide = {
      ...region,
      ...Object.fromEntries(Object.entries({ inputs, outputs }).map(([k, v]) => [k, v.map((x) => ({ ...x, type: double(x.type) }))])),
    };
    expect(chip.variants({ ...wide, types: new Map([...types].map(([k, t]) => [k, double(t)])) }).map((v) => v.name)).toEqual(['fp32']);
  });
});
