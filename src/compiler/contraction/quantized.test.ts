/**
 * Contractions in bytes keep to what quantizing allows: each factor is off by at most half a step, which
 * is 1/127 of the largest magnitude of its row or column.
 */
import { describe, expect, it } from 'vitest';
import { conv, type ConvAttrs } from '../../ops/conv.ts';
import { matmul } from '../../ops/matmul.ts';
import { abs, constant } from '../expr.ts';
import { compute, InputTensor, map, type TensorExpr } from '../tensor-expr.ts';
import { randomData, runJs, testCompiler } from './compile.test-util.ts';

const found = await testCompiler();
const kinds = typeof found === 'string' ? [] : found.int8;

type Build = (a: TensorExpr, b: TensorExpr) => TensorExpr;

/** Half a step for any row: of the largest magnitude there is. */
const halfStep = (data: ArrayLike<number | bigint>): number =>
  Array.from(data, (x) => Math.abs(Number(x))).reduce((m, x) => Math.max(m, x), 0) / 254;

const check = (kind: 'dot' | 'amx', a: InputTensor, b: InputTensor, steps: number, build: Build): void => {
  if (typeof found === 'string') throw new Error(found);
  const data = [randomData(a, 1), randomData(b, 2)];
  const compiled = found.compile([a, b], [build(a, b)], { int8: kind }, 'int8');
  expect(compiled.source).toContain('quantize_panel(wide_panel');
  const [actual] = compiled.run(data);
  const magnitude = (t: TensorExpr): TensorExpr => map(t, (e) => abs(e));

  const one = (t: InputTensor): TensorExpr => compute(t.shape, () => constant(1, 'float32'));
  const [exact, sumA, sumB] = [build(a, b), build(magnitude(a), one(b)), build(one(a), magnitude(b))].map(
    (t) => runJs([a, b], [t], data)[0]!,
  );
  const [ha, hb] = data.map((d) => halfStep(d as ArrayLike<number>));
  let narrowed = false;
  for (let i = 0; i < exact!.length; i++) {
    const difference = Math.abs(Number(actual![i]) - Number(exact![i]));
    narrowed ||= difference > 1e-4;
    const allowed = hb! * Number(sumA![i]) + ha! * Number(sumB![i]) + ha! * hb! * steps + 1e-5;
    if (!(difference <= allowed)) expect.fail(`element ${i} is ${actual![i]}, not ${exact![i]}: off by ${difference}, allowed ${allowed}`);
  }
  // Else the test would say nothing of bytes.
  expect(narrowed).toBe(true);
};

const tensor = (name: string, ...dims: number[]): InputTensor => new InputTensor(name, 'float32', dims);
const attrs: ConvAttrs = {
  auto_pad: 'NOTSET',
  dilations: undefined,
  pads: [1, 1, 1, 1],
  strides: [1, 1],
  group: 1,
  kernel_shape: undefined,
};

describe.skipIf(kinds.length === 0).each(kinds)('contractions in bytes by %s', (kind) => {
  it.each([
    [5, 64, 64],
    [17, 100, 45],
    [40, 257, 70],
  ])('%i × %i × %i', (m, k, n) => check(kind, tensor('a', m, k), tensor('b', k, n), k, (a, b) => matmul(a, b)));

  it('convolution', () => check(kind, tensor('x', 1, 16, 9, 9), tensor('w', 40, 16, 3, 3), 144, (x, w) => conv(x, w, undefined, attrs)));

  it('NaN stays in its row, zeros are zeros', () => {
    if (typeof found === 'string') throw new Error(found);
    const [a, b] = [tensor('a', 20, 64), tensor('b', 64, 40)];
    const rows = randomData(a, 1) as Float32Array;
    rows.fill(0, 0, 64);
    rows[64 + 7] = NaN;
    const [y] = found.compile([a, b], [matmul(a, b)], { int8: kind }, 'int8').run([rows, randomData(b, 2)]);
    expect((y as Float32Array).slice(0, 40).every((x) => x === 0)).toBe(true);
    expect((y as Float32Array).slice(40, 80).every((x) => Number.isNaN(x))).toBe(true);
    expect((y as Float32Array).slice(80).some((x) => Number.isNaN(x))).toBe(false);
  });
});
