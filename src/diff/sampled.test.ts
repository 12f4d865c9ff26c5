/** A sample of a region's elements against the analysis of all of them, and what a comparison makes of it. */
import { expect, it } from 'vitest';
import { tensorType } from '../core/graph.ts';
import { Tensor } from '../core/tensor.ts';
import { opSet } from '../ops/index.ts';
import type { Region } from '../plugins/contract.ts';
import { makeOracle } from './oracle.ts';
import { outputDiff } from './output-diff.ts';
import { compileRegionModel } from './region-model.ts';
import { gathered, SampledOracle, samplePositions } from './sampled.ts';

const f32 = (dims: readonly number[], make: (i: number) => number): Tensor =>
  Tensor.from(
    'float32',
    dims,
    Array.from({ length: dims.reduce((n, d) => n * d, 1) }, (_, i) => make(i)),
  );
const node = (op: string, inputs: string[], output: string) => ({
  name: output,
  op,
  domain: '',
  version: 13,
  inputs,
  outputs: [output],
  attrs: {},
});
const x = f32([1, 3, 9, 9], (i) => Math.sin(i));
const w = f32([8, 3, 3, 3], (i) => Math.cos(i * 5));
const type = tensorType('float32', [1, 8, 7, 7]);
const region: Region = {
  nodes: [node('Conv', ['x', 'w'], 'c'), node('Relu', ['c'], 'y')],
  inputs: [{ name: 'x', type: tensorType('float32', x.dims) }],
  outputs: [{ name: 'y', type }],
  constants: new Map([['w', w]]),
  types: new Map([
    ['x', tensorType('float32', x.dims)],
    ['w', tensorType('float32', w.dims)],
    ['c', type],
    ['y', type],
  ]),
};
const numerics = { inputs: 'same', accumulate: 'same', notes: [] } as const;
const parts = { ops: opSet, wide: undefined, wideFrom: 1, sample: 20 };

it('has the values and bounds of the analysis at its elements', async () => {
  const oracle = await makeOracle(region, [x], numerics, parts);
  expect(oracle.kind).toBe('sampled');
  const [bounds] = await oracle.evaluate([x]);
  const [{ positions, of, seed }] = oracle.samples!;
  expect([positions.length, new Set(positions).size, of]).toEqual([20, 20, 392]);
  expect((await makeOracle(region, [x], numerics, parts)).samples![0]).toEqual({ positions, of, seed });
  const [all] = compileRegionModel(opSet, region, numerics)([x]);
  positions.forEach((p, i) => {
    expect(bounds!.exact![i]).toBeCloseTo(all!.exact![p]!, 12);
    expect(bounds!.allowed!.standard![i]! / all!.allowed!.standard![p]!).toBeCloseTo(1, 9);
  });
});

it('judges what it looked at, and says that this was not all', async () => {
  const oracle = await makeOracle(region, [x], numerics, parts);
  const [bounds] = await oracle.evaluate([x]);
  const [sample] = oracle.samples!;
  const right = compileRegionModel(opSet, region, numerics)([x])[0]!.golden as Tensor;
  const judge = (actual: Tensor) =>
    outputDiff({
      output: 'y',
      actual,
      bounds: bounds!,
      inputs: [x],
      ops: ['Conv', 'Relu'],
      gate: undefined,
      pictures: true,
      sample,
      other: false,
      isolated: undefined,
      accumulated: undefined,
      propagated: undefined,
    });
  expect(judge(right)).toMatchObject({
    ok: true,
    level: 'bitwise',
    shape: [1, 8, 7, 7],
    sampled: { elements: 20, of: 392 },
    picture: undefined,
  });
  const at = sample!.positions[7]!;
  const wrong = f32([1, 8, 7, 7], (i) => right.toNumbers()[i]! + (i === at ? 1 : 0));
  expect(judge(wrong)).toMatchObject({ ok: false, score: { worst: [{ at }] } });
  expect(judge(f32([1, 8, 7], () => 0))).toMatchObject({ ok: false });
});

it('takes all elements where there are few, and both ends of many', () => {
  expect(samplePositions(3, 8, 1)).toEqual([0, 1, 2]);
  const some = samplePositions(1e6, 8, 1);
  expect([some.length, some[0], some.at(-1)]).toEqual([8, 0, 999_999]);
  expect(
    gathered(
      f32([4], (i) => i),
      [1, 3],
    ),
  ).toEqual(f32([2], (i) => 1 + 2 * i));
});

it('is given up, and not an end to everything, where even a sample takes too long', async () => {
  const oracle = new SampledOracle(opSet, region, numerics, 20, 100);
  await expect(oracle.evaluate([x])).rejects.toMatchObject({
    code: 'FLAGOS_E_UNSUPPORTED',
    reason: 'a sample of it takes too long to calculate exactly',
  });
});
