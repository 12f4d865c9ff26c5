/** Chips with memory of their own: what is copied, when that is worth it, and that nothing is left behind. */
import { describe, expect, it } from 'vitest';
import type { Graph } from '../../src/core/graph.ts';
import { f32, graph, listOf, loadModel, node, openRuntime, row, runners, tensor, vendor, type VendorOptions } from './kit.ts';

const gpu = (options: VendorOptions = {}, name = 'gpu'): ReturnType<typeof vendor> =>
  vendor(name, { regions: 'connected', memory: { latencyUs: 10, gbps: 5 }, prior: { overheadUs: 5, gflops: 1000, gbps: 500 }, ...options });
const host = (options: VendorOptions = {}): ReturnType<typeof vendor> =>
  vendor('host', { regions: 'connected', prior: { overheadUs: 1, gflops: 1, gbps: 10 }, ...options });
const matmuls = (n: number, count: number): Graph =>
  graph(
    Array.from({ length: count }, (_, i) => `v${i} = MatMul ${i ? `v${i - 1}` : 'x'} w`),
    { inputs: { x: f32(n, n) }, outputs: [`v${count - 1}`], constants: { w: tensor([n, n], new Array<number>(n * n).fill(1 / n)) } },
  );
const ones = (n: number): ReturnType<typeof tensor> => tensor([n, n], new Array<number>(n * n).fill(1));

describe('a fast kernel in another memory', () => {
  it('is not chosen where copies eat the gain, and the decision says so', async () => {
    const [g, h] = [gpu(), host()];
    const model = await loadModel(matmuls(8, 1), [g, h], { prefer: ['vendor'] });
    await model.run({ x: ones(8) });
    expect(runners(model)).toEqual({ v0: 'host' });
    expect(g.log).toMatchObject({ uploads: 0, downloads: 0, runs: 0 });
    // 1024 operations: 1 µs on the host; on the gpu it starts later but is done sooner only if nothing had to be copied.
    const larger = await loadModel(matmuls(20, 1), [g, h], { prefer: ['vendor'] });
    await larger.run({ x: ones(20) });
    const verdict = larger.explain('v0').verdicts.find((v) => v.provider === 'gpu')!;
    expect(verdict.reason).toBe('TRANSFER');
    expect(verdict.detail).toMatch(
      /^faster by itself \(5\.\d µs against 17\.0 µs\), but copies to and from its memory would cost 20\.6 µs more$/,
    );
  });

  it('says which operands would have to be there', async () => {
    // The result has one reader on the host all the same, so what counts is the way in: two inputs of 1600 bytes.
    const [g, h] = [gpu(), host()];
    const product = graph(['y = MatMul a b', 's = ReduceSum y'], { inputs: { a: f32(20, 20), b: f32(20, 20) }, outputs: ['s'] });
    const model = await loadModel(product, [g, h], { prefer: ['vendor'] });
    await model.run({ a: ones(20), b: ones(20) });
    const verdict = model.explain('y').verdicts.find((v) => v.provider === 'gpu')!;
    expect(verdict).toMatchObject({ reason: 'TRANSFER', winsIf: { inputs: ['a', 'b'], memory: 'gpu-memory' } });
  });

  it('is chosen where arithmetic dominates: copied in once, out once', async () => {
    const [g, h] = [gpu(), host()];
    const model = await loadModel(matmuls(32, 6), [g, h], { prefer: ['vendor'] });
    const { v5 } = await model.run({ x: ones(32) });
    expect(new Set(listOf(v5) as number[])).toEqual(new Set([1]));
    expect(new Set(Object.values(runners(model)))).toEqual(new Set(['gpu']));
    expect(g.log).toMatchObject({ uploads: 1, downloads: 1, runs: 1 });
  });

  it('shares its copies: a value that three regions read there is brought there once', async () => {
    const g = gpu({ regions: 'single', ops: ['Abs', 'Neg', 'Exp'] });
    const model = await loadModel(
      graph(['a = Sqrt x', 'b = Abs a', 'c = Neg a', 'd = Exp a'], { inputs: { x: f32(2) }, outputs: ['b', 'c', 'd', 'a'] }),
      [g],
      { perOp: { '*': ['vendor:gpu'] } },
    );
    const results = await model.run({ x: row(4, 9) });
    expect(Object.values(results).map(listOf)).toEqual([[2, 3], [-2, -3], [Math.exp(2), Math.exp(3)].map(Math.fround), [2, 3]]);
    expect(g.log).toMatchObject({ uploads: 1, downloads: 3, runs: 3 });
  });
});

describe('values', () => {
  it('go from one chip to another through the host', async () => {
    const [one, two] = [gpu({ ops: ['Abs', 'Neg'] }, 'one'), gpu({ ops: ['Exp', 'Add'] }, 'two')];
    const g = graph(['a = Abs x', 'b = Exp a', 'c = Neg b', 'd = Add c a'], { inputs: { x: f32(2) }, outputs: ['d', 'a', 'b'] });
    const model = await loadModel(g, [one, two], { prefer: ['vendor'] });
    for (let run = 0; run < 2; run++) {
      const { d, a, b } = await model.run({ x: row(0, -1) });
      const e = Math.fround(Math.E);
      expect([a, b, d].map(listOf)).toEqual([
        [0, 1],
        [1, e],
        [-1, Math.fround(1 - e)],
      ]);
    }
    // One: x and b go there, a and c come back. Two: a and c go there, b and d come back.
    expect([one, two].map(({ log }) => [log.uploads / 2, log.downloads / 2])).toEqual([
      [2, 2],
      [2, 2],
    ]);
    expect([one.log.live.size, two.log.live.size]).toEqual([0, 0]);
  });

  it('that a chip makes can be outputs, and be read by the host, the tail and a branch', async () => {
    const g = gpu({ ops: ['Abs', 'Mul'] });
    const branch = (op: string): Graph => graph([`r = ${op} a`], { outputs: ['r'] });
    const model = await loadModel(
      graph(
        [
          'a = Abs x',
          'z = NonZero a',
          'e = Sqrt a',
          node('i = If c', { then_branch: branch('Neg'), else_branch: branch('Exp') }),
          'q = Transpose z',
          't = Mul a i',
          'y = GatherND t q',
        ],
        { inputs: { x: f32(3), c: { kind: 'tensor', dtype: 'bool', shape: [] } }, outputs: ['a', 'e', 'y'] },
      ),
      [g],
      { perOp: { '*': ['vendor:gpu'] } },
    );
    const { a, e, y } = await model.run({ x: row(-4, 0, 9), c: tensor([], [true], 'bool') });
    expect([a, e, y].map(listOf)).toEqual([
      [4, 0, 9],
      [2, 0, 3],
      [-16, -81],
    ]);
    expect(g.log.live.size).toBe(0);
  });

  it('are freed as soon as nobody reads them, after failures and when cancelled, too', async () => {
    let peak = 0;
    const g = gpu({
      regions: 'single',
      run: (_, __, honest) => {
        honest();
        peak = Math.max(peak, g.log.live.size);
      },
    });
    const many = matmuls(4, 20);
    const model = await loadModel(many, [g], { prefer: ['vendor:gpu'] });
    await model.run({ x: ones(4) });
    expect([g.log.live.size, peak]).toEqual([0, 2]);
    const stop = new AbortController();
    let steps = 0;
    await expect(
      model.run({ x: ones(4) }, { signal: stop.signal, observer: { after: () => void (++steps === 5 && stop.abort()) } }),
    ).rejects.toMatchObject({ code: 'FLAGOS_E_CANCELLED' });
    expect(g.log.live.size).toBe(0);
    const broken = gpu({
      regions: 'single',
      run: (_, __, honest) => {
        honest();
        if (broken.log.runs % 7 === 0) throw new Error('device lost');
      },
    });
    const failing = await loadModel(many, [broken], { prefer: ['vendor:gpu'], onFailure: 'error' });
    await expect(failing.run({ x: ones(4) })).rejects.toMatchObject({ code: 'FLAGOS_E_KERNEL' });
    // What the failing kernel made before it threw is its own to free.
    expect(broken.log.live.size).toBe(1);
  });
});

it('copies and kernels may be slow', async () => {
  const g = gpu({ slow: true, ops: ['Abs', 'Add'] });
  const model = await loadModel(graph(['a = Abs x', 'b = Sqrt a', 'c = Add a b'], { inputs: { x: f32(2) }, outputs: ['c', 'b'] }), [g], {
    perOp: { '*': ['vendor:gpu'] },
  });
  const runs = await Promise.all([model.run({ x: row(4, 9) }), model.run({ x: row(-16, 1) })]);
  expect(runs.map(({ b, c }) => [listOf(b), listOf(c)])).toEqual([
    [
      [2, 3],
      [6, 12],
    ],
    [
      [4, 1],
      [20, 2],
    ],
  ]);
  expect(g.log).toMatchObject({ uploads: 4, downloads: 4, live: new Set() });
});

describe('a chip that breaks its memory’s contract', () => {
  const runOn = async (options: VendorOptions): Promise<unknown> => {
    const model = await loadModel(
      graph(['y = Abs x', 'z = Neg y'], { inputs: { x: f32(2) }, outputs: ['z'] }),
      [gpu({ regions: 'single', ...options })],
      { prefer: ['vendor:gpu'], onFailure: 'error', fallback: 'none' },
    );
    return model.run({ x: row(1, -2) }).then(
      ({ z }) => listOf(z),
      (e: unknown) => String(e),
    );
  };

  it('is told so: host tensors, tensors of another memory, what it read, another type or shape', async () => {
    expect(await runOn({})).toEqual([-1, -2]);
    expect(await runOn({ run: (_, outputs) => void (outputs[0] = row(1, 2)) })).toMatch(
      /KERNEL_CONTRACT: made something else than a tensor in gpu-memory as output 'y'\n {2}at model m → node y → op Abs → chip gpu\/chip → kernel gpu\/chip:Abs.default/,
    );
    expect(await runOn({ run: (_, outputs) => void (outputs[0] = { space: 'other', dtype: 'float32', dims: [2], handle: 0 }) })).toMatch(
      /something else than a tensor in gpu-memory/,
    );
    expect(await runOn({ run: (inputs, outputs) => void (outputs[0] = inputs[0]) })).toMatch(/gave back what it read as output 'y'/);
    expect(await runOn({ run: () => {} })).toMatch(/made no output 'y'/);
    for (const wrong of [{ dims: [3] }, { dtype: 'int32' as const }]) {
      expect(
        await runOn({ run: (_, outputs) => void (outputs[0] = { space: 'gpu-memory', dtype: 'float32', dims: [2], handle: 0, ...wrong }) }),
      ).toMatch(/made (float32\[3\]|int32\[2\]) in gpu-memory as output 'y', which is float32\[2\]/);
    }
  });

  it('another chip takes over when copying fails, and the log says so', async () => {
    for (const broken of ['upload', 'download', 'free'] as const) {
      const runtime = await openRuntime([gpu({ memory: { latencyUs: 10, gbps: 5, broken } })], { prefer: ['vendor:gpu'] });
      const model = runtime.model({ name: 'm', graph: matmuls(4, 2), metadata: {} });
      expect(new Set(listOf((await model.run({ x: ones(4) }))['v1']) as number[])).toEqual(new Set([1]));
      expect(runners(model)).toEqual(broken === 'free' ? { v0: 'gpu', v1: 'gpu' } : { v0: 'reference', v1: 'reference' });
      expect(runtime.lines.join('\n')).toContain(`no ${broken}`);
    }
  });
});
