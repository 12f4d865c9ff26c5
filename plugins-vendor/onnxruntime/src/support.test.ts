/** What is refused and why, and in which form regions are written. All from tables: nothing is loaded here. */
import { describe, expect, it } from 'vitest';
import { Tensor, tensorType, type Graph } from 'flagos/plugin';
import { buildModel } from './model.ts';
import { examine } from './support.ts';
import { f32, i64, node, ramp, region, tensor } from './test-regions.ts';

const unary = (op: string, dtype: Parameters<typeof tensorType>[0], attrs = {}): ReturnType<typeof examine> =>
  examine(region([node(`y = ${op} x`, attrs)], { inputs: { x: tensorType(dtype, [2]) }, outputs: { y: undefined } }));
const reasonOf = (found: ReturnType<typeof examine>): string => (found.ok ? 'ok' : found.reason);
const opsetOf = (found: ReturnType<typeof examine>): number | undefined => (found.ok ? found.opsets[''] : undefined);

describe('reasons', () => {
  it('NO_KERNEL: ops it does not have, control flow around them included', () => {
    expect(examine(region([node('y = SwiGLU x')], { inputs: { x: f32(2) }, outputs: { y: undefined } }))).toEqual({
      ok: false,
      reason: 'NO_KERNEL',
      detail: 'onnxruntime has no SwiGLU',
    });
    expect(reasonOf(unary('tfjs.Relu', 'float32'))).toBe('NO_KERNEL');
    expect(reasonOf(unary('constructor', 'float32'))).toBe('NO_KERNEL');
    const body: Graph = {
      name: 'b',
      inputs: [],
      outputs: [{ name: 'z', type: undefined }],
      initializers: new Map(),
      nodes: [node('z = SwiGLU x')],
      types: new Map(),
    };
    const loop = region([node('y = If c', { then_branch: body, else_branch: body })], {
      inputs: { c: tensorType('bool', []), x: f32(2) },
      outputs: { y: undefined },
    });
    expect(reasonOf(examine(loop))).toBe('NO_KERNEL');
  });

  it('DTYPE: types without a kernel, by op', () => {
    const add = (dtype: 'int8' | 'uint16' | 'bool'): string =>
      reasonOf(examine(region([node('y = Add x x')], { inputs: { x: tensorType(dtype, [2]) }, outputs: { y: undefined } })));
    expect([add('int8'), add('uint16'), add('bool')]).toEqual(['ok', 'ok', 'DTYPE']);
    expect([unary('Sin', 'float32'), unary('Sin', 'float64'), unary('Sin', 'int32'), unary('Erf', 'float64')].map(reasonOf)).toEqual([
      'ok',
      'ok',
      'DTYPE',
      'DTYPE',
    ]);
    // float16 without a kernel of its own is computed in float32.
    expect(reasonOf(unary('Sin', 'float16'))).toBe('ok');
    // An argument of fixed type: scales in version 10 of QLinearMatMul are float32, in version 21 any float.
    const qlinear = examine(
      region([node('y = QLinearMatMul a s z a s z s z')], {
        inputs: { a: tensorType('uint8', [2, 2]), s: tensorType('float16', []), z: tensorType('uint8', []) },
        outputs: { y: undefined },
      }),
    );
    expect(opsetOf(qlinear)).toBe(21);
  });

  it('DTYPE: what the JavaScript API cannot pass in or out, though it may pass inside', () => {
    expect(reasonOf(unary('Identity', 'bfloat16'))).toBe('DTYPE');
    expect(unary('Cast', 'float32', { to: 22 })).toEqual({
      ok: false,
      reason: 'DTYPE',
      detail: "onnxruntime's JavaScript API gives no int4 ('y')",
    });
    const inside = region([node('h = Cast x', { to: 22 }), node('y = DequantizeLinear h s')], {
      inputs: { x: f32(2), s: f32() },
      outputs: { y: undefined },
    });
    expect(opsetOf(examine(inside))).toBe(21);
    const sequence = region([node('s = SequenceConstruct x')], {
      inputs: { x: f32(2) },
      outputs: { s: { kind: 'sequence', element: f32(2) } },
    });
    expect(reasonOf(examine(sequence))).toBe('DTYPE');
    const unknown = region([node('y = Neg x')], { inputs: { x: undefined }, outputs: { y: undefined } });
    expect(reasonOf(examine(unknown))).toBe('SHAPE_UNKNOWN');
  });

  it('VERSION: forms it does not know, and nodes that cannot stand in one model', () => {
    const range = (stash: number): string =>
      reasonOf(examine(region([node('y = Range@27 a a a', { stash_type: stash })], { inputs: { a: f32() }, outputs: { y: undefined } })));
    expect([range(1), range(10)]).toEqual(['ok', 'VERSION']);
    // Softmax of before 13 coerces to two dimensions.
    expect([unary('Softmax@11', 'float32'), unary('Softmax@13', 'float32')].map(reasonOf)).toEqual(['VERSION', 'ok']);
    // RandomNormal has a kernel up to operator set 21, Swish from 24 on.
    const apart = region([node('r = RandomNormalLike x'), node('y = Swish r')], { inputs: { x: f32(2) }, outputs: { y: undefined } });
    expect(reasonOf(examine(apart))).toBe('VERSION');
  });
});

describe('operator set', () => {
  it('is the lowest from 17 on that has kernels for all nodes', () => {
    expect(opsetOf(unary('Neg', 'float32'))).toBe(17);
    expect(opsetOf(unary('Gelu', 'float32'))).toBe(20);
    expect(opsetOf(unary('Cast', 'float32', { to: 17 }))).toBe(undefined);
    expect(
      opsetOf(
        examine(
          region([node('h = Neg x'), node('g = Gelu h'), node('y = ReduceMax g')], { inputs: { x: f32(2) }, outputs: { y: undefined } }),
        ),
      ),
    ).toBe(20);
  });

  it('is not crossed by what means something else', () => {
    const pad = region([node('y = Pad x p', { mode: 'wrap' })], { inputs: { x: f32(2), p: i64(2) }, outputs: { y: undefined } });
    expect(opsetOf(examine(pad))).toBe(19);
    const grid = region([node('y = GridSample x g', { mode: 'linear' })], {
      inputs: { x: f32(1, 1, 2, 2), g: f32(1, 2, 2, 2) },
      outputs: { y: undefined },
    });
    expect(opsetOf(examine(grid))).toBe(20);
    // An optional input that the older form has not.
    const axes = region([node('y = Pad x p _ a')], { inputs: { x: f32(2), p: i64(2), a: i64(1) }, outputs: { y: undefined } });
    expect(opsetOf(examine(axes))).toBe(19);
  });

  it('decides which attributes are written: later ones are left out at their defaults', () => {
    const cast = region([node('y = Cast x', { to: 6, saturate: 1, round_mode: 'up' })], {
      inputs: { x: f32(2) },
      outputs: { y: undefined },
    });
    const found = examine(cast);
    const text = new TextDecoder('latin1').decode(buildModel(cast, found.ok ? found.opsets : {}).bytes);
    expect(text).toContain('to');
    expect(text).not.toMatch(/saturate|round_mode/);
  });
});

describe('types inside a region', () => {
  it('are found from op to op where nobody says them', () => {
    const chain = region([node('a = Shape x'), node('b = Cast a', { to: 16 }), node('y = Sin b')], {
      inputs: { x: f32(2) },
      outputs: { y: undefined },
    });
    expect(examine(chain)).toEqual({ ok: false, reason: 'DTYPE', detail: 'onnxruntime has no kernel of Sin for bfloat16' });
  });
});

describe('weights', () => {
  const of = (w: Tensor): ReturnType<typeof buildModel> =>
    buildModel(region([node('y = Mul x w')], { inputs: { x: f32(2) }, outputs: { y: undefined }, constants: { w } }), { '': 17 });
  it('are handed over as views from 64 KiB on, and are not in the model then', () => {
    const large = ramp(128, 200);
    const { bytes, externalData } = of(large);
    expect(externalData.map((e) => [e.path, e.data.byteLength])).toEqual([['weight0', 102400]]);
    expect(externalData[0]!.data.buffer).toBe((large.data as Float32Array).buffer);
    expect(bytes.byteLength).toBeLessThan(300);
    expect(of(ramp(10)).externalData).toEqual([]);
  });
  it('stay in the model where the file form differs from memory', () => {
    expect(of(Tensor.zeros('int4', [1 << 17])).externalData).toEqual([]);
    expect(of(tensor('string', [1], ['x'.repeat(1 << 17)])).externalData).toEqual([]);
  });
});
