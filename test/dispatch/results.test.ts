/** Whose memory is whose: results, tensors given for them, inputs. */
import { describe, expect, it } from 'vitest';
import { Sequence, Tensor, type Value } from '../../src/core/tensor.ts';
import { f32, graph, i64, listOf, loadModel, node, openRuntime, row, tensor, vendor } from './kit.ts';
import { guardInputs } from './guard.ts';

const int64 = (
  ...shape: (number | string)[]
): { readonly kind: 'tensor'; readonly dtype: 'int64'; readonly shape: readonly (number | string)[] } => ({
  kind: 'tensor',
  dtype: 'int64',
  shape,
});
const bool = { kind: 'tensor', dtype: 'bool', shape: [] } as const;
const yes = tensor([], [true], 'bool');
const no = tensor([], [false], 'bool');
const data = (v: Value | undefined): Tensor['data'] => {
  if (v instanceof Tensor) return v.data;
  throw new Error('no tensor');
};

describe('results', () => {
  it('are the caller’s: inputs, constants, duplicates, items of sequences, values a branch hands through', async () => {
    const through = graph([], { outputs: ['x'] });
    const g = graph(
      [
        'a = Abs x',
        's = SequenceConstruct x w a',
        'v = SequenceAt s one',
        node('i = If c', { then_branch: through, else_branch: through }),
        'z = NonZero x',
        't = Transpose z',
        'g = GatherND a t',
        node('j = If c', { then_branch: graph([], { outputs: ['a'] }), else_branch: through }),
        'q = SequenceInsert s g',
      ],
      {
        inputs: { x: f32('n'), c: bool },
        outputs: ['x', 'w', 'a', 'a', 's', 'v', 'i', 'j', 'q', 'g'],
        constants: { w: row(5), one: tensor([], [1], 'int64') },
      },
    );
    const model = await loadModel(g);
    const x = row(-1, 2);
    const run = async (): Promise<Value[]> => model.runPositional([x, yes]);
    const first = await run();
    const flat = (values: readonly Value[]): Tensor[] =>
      values.flatMap((v) => (v instanceof Sequence ? flat(v.items) : v instanceof Tensor ? [v] : []));
    const tensors = flat(first);
    expect(new Set([...tensors.map((t) => (t.data as Float32Array).buffer), (x.data as Float32Array).buffer]).size).toBe(
      tensors.length + 1,
    );
    const kept = tensors.map(listOf);
    for (const t of tensors) (t.data as Float32Array).fill(77);
    expect(listOf(x)).toEqual([-1, 2]);
    const second = flat(await run());
    expect(second.map(listOf)).toEqual(kept);
    // And they stay what they are when the model runs on.
    await model.runPositional([row(8, 9, 0), no]);
    expect(second.map(listOf)).toEqual(kept);
  });

  it('of one op called by itself, too', async () => {
    const runtime = await openRuntime([]);
    const x = row(1);
    const [s] = await runtime.call('SequenceConstruct', [x]);
    expect(data((s as Sequence).items[0])).not.toBe(x.data);
  });

  it('can be asked for by name; others cannot', async () => {
    const model = await loadModel(graph(['a = Abs x', 'b = Neg x'], { inputs: { x: f32(1) }, outputs: ['a', 'b'] }));
    expect(await model.run({ x: row(-1) }, { outputs: ['b'] })).toEqual({ b: row(1) });
    for (const [feeds, options, hint] of [
      [{ x: row(1) }, { outputs: ['B'] }, "did you mean 'b'?"],
      [{ x: row(1), xx: row(1) }, {}, "did you mean 'x'?"],
      [{ x: row(1) }, { into: { c: row(1) } }, undefined],
      [{}, {}, 'it is float32[1]'],
    ] as const) {
      await expect(model.run(feeds as never, options as never)).rejects.toMatchObject({
        code: 'FLAGOS_E_INPUT',
        trace: { model: 'm' },
        ...(hint && { hint }),
      });
    }
    await expect(model.run({ x: { dims: [1] } as never })).rejects.toMatchObject({
      code: 'FLAGOS_E_INPUT',
      reason: "input 'x' is not a value of this library",
    });
  });
});

describe('tensors given for results', () => {
  const g = graph(['a = Abs x', 'b = Neg a', 'n = NonZero x', 'w2 = Identity w'], {
    inputs: { x: f32('n') },
    outputs: ['a', 'b', 'n', 'w2', 'x'],
    constants: { w: row(3) },
  });
  it('hold them afterwards, wherever they come from', async () => {
    for (const vendors of [
      [],
      [vendor('acme', { regions: 'connected', slow: true })],
      [vendor('gpu', { ops: ['Abs', 'Neg'], memory: { latencyUs: 1, gbps: 1 } })],
    ]) {
      const model = await loadModel(g, vendors, { perOp: { '*': ['vendor'] } });
      const into = { a: row(0, 0), b: row(0, 0), n: Tensor.zeros('int64', [1, 1]), w2: row(0), x: row(0, 0) };
      const results = await model.run({ x: row(0, -5) }, { into });
      for (const [name, place] of Object.entries(into)) expect(results[name]).toBe(place);
      expect(Object.values(into).map(listOf)).toEqual([[0, 5], [-0, -5], [1n], [3], [0, -5]]);
      // And are left alone by the next run.
      await model.run({ x: row(9, 9) });
      expect(listOf(into.a)).toEqual([0, 5]);
    }
  });

  it('of another type or shape are refused, and of the caller’s inputs only at the end written', async () => {
    const model = await loadModel(g);
    for (const a of [row(0), tensor([2, 1], [0, 0]), Tensor.zeros('int32', [2])]) {
      await expect(model.run({ x: row(1, 2) }, { into: { a } })).rejects.toMatchObject({
        code: 'FLAGOS_E_INPUT',
        reason: expect.stringMatching(/^the tensor given for output 'a' is .*, the output is float32\[2\]$/),
      });
    }
    const twice = row(0, 0);
    await expect(model.run({ x: row(1, 2) }, { into: { a: twice, b: twice } })).rejects.toMatchObject({ code: 'FLAGOS_E_INPUT' });
    // The state of a recurrent model, updated in place: `a` is written where `x` is still read by `n` and handed out.
    const state = row(-3, 0);
    const { a, n, x } = await model.run({ x: state }, { into: { a: state } });
    expect([a === state, listOf(state), listOf(n), listOf(x)]).toEqual([true, [3, 0], [0n], [-3, 0]]);
  });
});

describe('inputs', () => {
  it('with a default may be left out, and are used when given, whatever their shape', async () => {
    const model = await loadModel(
      graph(['y = Add x d', 'r = Reshape y s'], {
        inputs: { x: f32(2), d: f32('k'), s: int64('r') },
        outputs: ['r', 'd'],
        constants: { d: row(10), s: i64(2, 1) },
      }),
    );
    expect(model.inputs.map((i) => i.name)).toEqual(['x']);
    const run = async (feeds: Record<string, Tensor>): Promise<unknown> => {
      const { r, d } = await model.run({ x: row(1, 2), ...feeds });
      return [(r as Tensor).dims, listOf(r), listOf(d)];
    };
    expect(await run({})).toEqual([[2, 1], [11, 12], [10]]);
    expect(await run({ d: row(1, 2) })).toEqual([
      [2, 1],
      [2, 4],
      [1, 2],
    ]);
    expect(await run({ d: row(5), s: i64(1, 1, 2) })).toEqual([[1, 1, 2], [6, 7], [5]]);
    expect(await run({})).toEqual([[2, 1], [11, 12], [10]]);
  });

  it('are never changed: a kernel that does is found by who looks', async () => {
    const v = vendor('rude', {
      run: ([x], _, honest) => {
        honest();
        (x as Tensor).data[0] = 7;
      },
    });
    const model = await loadModel(graph(['a = Abs x', 'y = Neg a'], { inputs: { x: f32(2) }, outputs: ['y'] }), [v], {
      prefer: ['vendor'],
    });
    await expect(model.run({ x: row(1, 2) }, { observer: guardInputs() })).rejects.toThrow('rude/chip:Abs.default changed its input 0');
  });

  it('are not kept after a run: nothing of a caller’s is held by a plan at rest', async () => {
    const v = vendor('odd', {
      slow: true,
      run: ([x], _, honest) => (data(x as Tensor)[0] === 13 ? Promise.reject(new Error('no')) : honest()),
    });
    const model = await loadModel(graph(['a = Abs x', 'z = NonZero a', 'y = Neg a'], { inputs: { x: f32(2) }, outputs: ['y', 'z'] }), [v], {
      prefer: ['vendor'],
      onFailure: 'error',
    });
    await model.run({ x: row(1, 2) });
    await expect(model.run({ x: row(13, 2) })).rejects.toMatchObject({ code: 'FLAGOS_E_KERNEL' });
    const arena = model.plans[0]!.steps[0]!.places[0];
    const held = model.plans[0]!.steps.flatMap((s) => [...s.inputs, ...s.outputs]).filter((t) => t !== undefined && t !== arena);
    expect(held).toEqual([]);
  });
});
