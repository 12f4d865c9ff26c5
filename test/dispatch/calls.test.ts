/** One op called by itself: attributes in plain JavaScript, and plans kept for the next call like it. */
import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/core/tensor.ts';
import { f32, graph, i64, listOf, openRuntime, row, tensor, vendor } from './kit.ts';

const bool = (v: boolean): Tensor => tensor([], [v], 'bool');

describe('call', () => {
  it('takes attributes as the op declares them', async () => {
    const runtime = await openRuntime([]);
    const call = async (...args: Parameters<typeof runtime.call>): Promise<unknown> => (await runtime.call(...args)).map(listOf);
    expect(await call('LeakyRelu', [row(-2, 4)], { alpha: 1 })).toEqual([[-2, 4]]);
    expect(await call('LeakyRelu', [row(-2, 4)], { alpha: { type: 'float', value: 0.5 } })).toEqual([[-1, 4]]);
    expect(await call('Transpose', [tensor([1, 2], [1, 2])], { perm: [1, 0] })).toEqual([[1, 2]]);
    expect(await call('ai.onnx.Neg', [row(1)])).toEqual([[-1]]);
    expect(await call('com.microsoft.FusedMatMul', [tensor([1, 2], [1, 2]), tensor([1, 2], [3, 4])], { transB: 1, alpha: 2 })).toEqual([
      [22],
    ]);
    expect(await call('ConstantOfShape', [i64(2)], { value: i64(7) })).toEqual([[7n, 7n]]);
    expect(await call('Split', [row(1, 2, 3)], { axis: 0 }, { outputs: 3 })).toEqual([[1], [2], [3]]);
    // An empty list is of the type the op declares.
    expect((await runtime.call('Constant', [], { value_ints: [] })).map((t) => [(t as Tensor).dtype, (t as Tensor).dims])).toEqual([
      ['int64', [0]],
    ]);
    expect((await runtime.call('Constant', [], { value_strings: [] })).map((t) => (t as Tensor).dtype)).toEqual(['string']);
    expect(await call('Clip', [row(-5, 5), undefined, tensor([], [1])])).toEqual([[-5, 1]]);
  });

  it('control flow, too, including of domain ai.onnx by name', async () => {
    const runtime = await openRuntime([]);
    const branch = (value: number): { type: 'graph'; value: ReturnType<typeof graph> } => ({
      type: 'graph',
      value: graph(['y = Identity c'], { outputs: ['y'], constants: { c: row(value) } }),
    });
    // The same but for the constants in their branches: calls that must not be taken for each other.
    for (const [a, b] of [
      [1, 2],
      [3, 4],
    ] as const) {
      for (const op of ['If', 'ai.onnx.If']) {
        expect((await runtime.call(op, [bool(true)], { then_branch: branch(a), else_branch: branch(b) })).map(listOf)).toEqual([[a]]);
        expect((await runtime.call(op, [bool(false)], { then_branch: branch(a), else_branch: branch(b) })).map(listOf)).toEqual([[b]]);
      }
    }
  });

  it('tells attributes apart that JSON does not', async () => {
    const runtime = await openRuntime([]);
    for (const alpha of [Infinity, -Infinity, NaN, 0, -0]) {
      const [y] = await runtime.call('LeakyRelu', [row(-1)], { alpha });
      expect(listOf(y)).toEqual([-alpha]);
    }
  });

  it('keeps what it made for calls like it, whatever their shapes, and forgets the least recently used of 256', async () => {
    const v = vendor('acme');
    const runtime = await openRuntime([v], { prefer: ['vendor'] });
    for (const n of [1, 2, 1, 2]) await runtime.call('Neg', [Tensor.zeros('float32', [n])]);
    expect(v.log.prepared).toHaveLength(2);
    const alpha = async (i: number): Promise<unknown> => runtime.call('LeakyRelu', [row(1)], { alpha: i });
    for (let i = 0; i < 255; i++) await alpha(i);
    await runtime.call('Neg', [Tensor.zeros('float32', [1])]);
    await alpha(255);
    expect(v.log.prepared).toHaveLength(258);
    await runtime.call('Neg', [Tensor.zeros('float32', [1])]);
    await alpha(1);
    expect(v.log.prepared).toHaveLength(258);
    await alpha(0);
    expect(v.log.prepared).toHaveLength(259);
    await runtime.close();
    expect(v.log.disposed).toBe(259);
  });

  it('has errors of its own for what does not exist or does not fit', async () => {
    const runtime = await openRuntime([]);
    await expect(runtime.call('Frobnicate', [row(1)])).rejects.toMatchObject({ code: 'FLAGOS_E_NO_KERNEL', trace: { op: 'Frobnicate' } });
    await expect(runtime.call('Add', [row(1)])).rejects.toMatchObject({ code: 'FLAGOS_E_MODEL_INVALID', trace: { op: 'Add' } });
    await expect(runtime.call('Add', [row(1, 2), row(1, 2, 3)])).rejects.toMatchObject({ code: 'FLAGOS_E_SHAPE' });
    await expect(runtime.call('Neg', [row(1)], { speed: 3 })).rejects.toMatchObject({ code: 'FLAGOS_E_ATTRIBUTE' });
    for (const alpha of [null, {}, [1, 'a'], () => 1, Symbol('a')])
      await expect(runtime.call('LeakyRelu', [row(1)], { alpha: alpha as never })).rejects.toMatchObject({ code: 'FLAGOS_E_ATTRIBUTE' });
    expect((await runtime.call('LeakyRelu', [row(-1)], { alpha: undefined })).map(listOf)).toEqual([[Math.fround(-0.01)]]);
    await expect(runtime.call('Neg', [[1, 2] as never])).rejects.toMatchObject({ code: 'FLAGOS_E_INPUT' });
    for (const outputs of [0, -1, 1.5, NaN])
      await expect(runtime.call('Neg', [row(1)], {}, { outputs })).rejects.toMatchObject({ code: 'FLAGOS_E_USAGE' });
  });

  it('obeys a policy of its own', async () => {
    const v = vendor('acme');
    const runtime = await openRuntime([v]);
    await runtime.call('Neg', [row(1)], {}, { policy: { prefer: ['reference'], fallback: 'none' } });
    expect(v.log.runs).toBe(0);
    await runtime.call('Neg', [row(1)]);
    expect(v.log.runs).toBe(1);
    await expect(runtime.call('Neg', [row(1)], {}, { policy: { prefer: ['vendor:none'], fallback: 'none' } })).rejects.toMatchObject({
      code: 'FLAGOS_E_NO_KERNEL',
    });
  });
});

it('a runtime lets go of models that are disposed', async () => {
  const v = vendor('acme');
  const runtime = await openRuntime([v], { prefer: ['vendor'] });
  const model = runtime.model({ name: 'm', graph: graph(['y = Neg x'], { inputs: { x: f32(1) }, outputs: ['y'] }), metadata: {} });
  await model.run({ x: row(1) });
  await model.dispose();
  await runtime.close();
  expect(v.log).toMatchObject({ disposed: 1, closed: 1 });
});
