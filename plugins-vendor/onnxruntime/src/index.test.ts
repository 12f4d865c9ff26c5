/** The provider as a whole: what it finds, what it prepares, how it runs and lets go. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { MapValue, Tensor, tensorType, type Graph, type Region, type RunValue } from 'flagos/plugin';
import plugin, { OnnxruntimeProvider } from './index.ts';
import { f32, host, i64, node, openSession, ramp, region, runOnce, tensor } from './test-regions.ts';

const session = openSession();
const add = region([node('y = Add a b')], { inputs: { a: f32(2), b: f32(2) }, outputs: { y: f32(2) } });
const numbers = (t: RunValue): number[] => (t instanceof Tensor ? [...t.toNumbers()] : []);
const codeOf = async (of: Promise<unknown>): Promise<unknown> =>
  of.then(
    () => 'nothing thrown',
    (e: unknown) => (e instanceof Error && 'code' in e ? e.code : e),
  );
/** What an async function throws, also when it does so at once. */
const thrown = (f: () => unknown): Promise<unknown> => codeOf((async () => void (await f()))());

describe('provider', () => {
  it('is a plugin that brings a vendor with one chip, whose fingerprint names version and threads', () => {
    expect(plugin.abi).toBe(1);
    const { chips } = new OnnxruntimeProvider().probe(host);
    expect(chips.map((c) => c.id)).toEqual(['cpu']);
    expect(chips[0]!.fingerprint).toMatch(/^onnxruntime-node \d+\.\d+\.\d+; .*; 1 threads$/);
  });
});

describe('running', () => {
  it('runs one op', async () => {
    const [y] = await runOnce(session, add, [tensor('float32', [2], [1, 2]), tensor('float32', [2], [10, 20])]);
    expect(y).toEqual(tensor('float32', [2], [11, 22]));
  });

  it('writes into the tensors it is given, for every type the API has but strings', async () => {
    const samples = {
      float32: [1.5, -2],
      float64: [0.1, 2],
      float16: [0.5, -2],
      int8: [-1, 2],
      int16: [-1, 2],
      int32: [-1, 2],
      int64: [-1n, 2n],
      uint8: [1, 2],
      uint16: [1, 2],
      uint32: [1, 2],
      uint64: [1n, 2n],
      bool: [true, false],
    } as const;
    for (const dtype of Object.keys(samples) as (keyof typeof samples)[]) {
      const of = region([node('y = Reshape x s')], {
        inputs: { x: tensorType(dtype, [2]) },
        outputs: { y: tensorType(dtype, [1, 2]) },
        constants: { s: tensor('int64', [2], [1n, 2n]) },
      });
      const prepared = await session.prepare(of, 'default');
      const place = Tensor.zeros(dtype, [1, 2]);
      const outputs = [place];
      await prepared.run([tensor(dtype, [2], samples[dtype])], outputs);
      expect(outputs[0]).toBe(place);
      expect(place.toValues()).toEqual([...samples[dtype]]);
      await prepared.dispose();
    }
  });

  it('copies strings into the tensor it is given', async () => {
    const of = region([node('y = Identity x')], { inputs: { x: tensorType('string', [2]) }, outputs: { y: tensorType('string', [2]) } });
    const prepared = await session.prepare(of, 'default');
    const place = Tensor.zeros('string', [2]);
    await prepared.run([tensor('string', [2], ['é', ''])], [place]);
    expect(place.data).toEqual(['é', '']);
    await prepared.dispose();
  });

  it('sees changes in memory it has wrapped before, and other memory and shapes', async () => {
    const of = region([node('y = Neg x')], { inputs: { x: f32('n') }, outputs: { y: undefined } });
    const prepared = await session.prepare(of, 'default');
    const results: number[][] = [];
    const x = tensor('float32', [2], [1, 2]);
    const data = x.data as Float32Array;
    for (const input of [x, x, new Tensor('float32', [2], data), tensor('float32', [3], [7, 8, 9]), x, tensor('float32', [0], [])]) {
      const outputs: RunValue[] = [undefined];
      await prepared.run([input], outputs);
      results.push(numbers(outputs[0]));
      data[0]!++;
    }
    expect(results).toEqual([[-1, -2], [-2, -2], [-3, -2], [-7, -8, -9], [-5, -2], []]);
    await prepared.dispose();
  });

  it('takes and fills tensors in shared memory, small and large', async () => {
    for (const n of [2, 40_000]) {
      const shared = (): Tensor => new Tensor('float32', [n], new Float32Array(new SharedArrayBuffer(4 * n)));
      const of = region([node('y = Sub w x')], { inputs: { x: f32(n) }, outputs: { y: f32(n) }, constants: { w: shared() } });
      const prepared = await session.prepare(of, 'default');
      const [x, place] = [shared(), shared()];
      (x.data as Float32Array).fill(2);
      await prepared.run([x], [place]);
      expect(numbers(place).every((v) => v === -2)).toBe(true);
      (x.data as Float32Array).fill(3);
      await prepared.run([x], [place]);
      expect(numbers(place).every((v) => v === -3)).toBe(true);
      await prepared.dispose();
    }
  });

  it('runs a region that onnxruntime fuses, weights beside the model', async () => {
    const w = ramp(200, 100);
    const of = region([node('h = MatMul x w'), node('g = Add h b'), node('y = Relu g')], {
      inputs: { x: f32('batch', 200) },
      outputs: { y: f32('batch', 100) },
      constants: { w, b: ramp(100) },
    });
    const [y] = await runOnce(session, of, [tensor('float32', [1, 200], new Array(200).fill(1))]);
    // Column 0 of w is 0, 10, 20, … 1990.
    expect(numbers(y)[0]).toBe(199000);
    expect(y!.dims).toEqual([1, 100]);
  });

  it('runs control flow that reads values from outside', async () => {
    const branch = (op: string): Graph => ({
      name: op,
      inputs: [],
      outputs: [{ name: op, type: f32(2) }],
      initializers: new Map([[`c${op}`, tensor('float32', [1], [3])]]),
      nodes: [node(`${op} = ${op} x c${op}`)],
      types: new Map(),
    });
    const of = region([node('y = If c', { then_branch: branch('Add'), else_branch: branch('Mul') })], {
      inputs: { c: tensorType('bool', []), x: f32(2) },
      outputs: { y: f32(2) },
    });
    for (const [value, expected] of [
      [true, [4, 5]],
      [false, [3, 6]],
    ] as const) {
      const [y] = await runOnce(session, of, [tensor('bool', [], [value]), tensor('float32', [2], [1, 2])]);
      expect(numbers(y)).toEqual(expected);
    }
  });

  it('runs ops of onnxruntime’s own domain', async () => {
    const of = region([node('y = com.microsoft.FusedMatMul a b', { transB: 1, alpha: { float: 2 } })], {
      inputs: { a: f32(1, 2), b: f32(1, 2) },
      outputs: { y: f32(1, 1) },
    });
    const [y] = await runOnce(session, of, [tensor('float32', [1, 2], [1, 2]), tensor('float32', [1, 2], [3, 4])]);
    expect(numbers(y)).toEqual([22]);
  });

  it('takes sequences inside a region', async () => {
    const of = region([node('s = SplitToSequence x', { axis: 0 }), node('y = ConcatFromSequence s', { axis: 1 })], {
      inputs: { x: f32(2, 3) },
      outputs: { y: f32(1, 6) },
    });
    const [y] = await runOnce(session, of, [ramp(2, 3)]);
    expect(y).toEqual(ramp(1, 6));
  });

  it('gives the same results through the public API, where the native binding cannot be used', async () => {
    const provider = new OnnxruntimeProvider();
    const slow = provider.open(provider.probe(host).chips[0]!, { ...host, env: { FLAGOS_ONNXRUNTIME_BINDING: '0' } });
    const prepared = await slow.prepare(add, 'default');
    const place = Tensor.zeros('float32', [2]);
    const pending = prepared.run([ramp(2), ramp(2)], [place]);
    expect(pending).toBeInstanceOf(Promise);
    await pending;
    expect(numbers(place)).toEqual([0, Math.fround(0.2)]);
    await prepared.dispose();
  });
});

describe('failing', () => {
  it('says what onnxruntime said: at preparing as unsupported, while running as a kernel failure', async () => {
    const bad = region([node('y = MaxPool x')], { inputs: { x: f32(1, 1, 4, 4) }, outputs: { y: undefined } });
    expect(await thrown(() => session.prepare(bad, 'default'))).toBe('FLAGOS_E_UNSUPPORTED');
    const prepared = await session.prepare(
      region([node('y = Reshape x s')], { inputs: { x: f32('n'), s: i64(1) }, outputs: { y: undefined } }),
      'default',
    );
    expect(await thrown(() => prepared.run([ramp(3), tensor('int64', [1], [2n])], [undefined]))).toBe('FLAGOS_E_KERNEL');
    // And is usable afterwards.
    const outputs: RunValue[] = [undefined];
    await prepared.run([ramp(3), tensor('int64', [1], [3n])], outputs);
    expect(outputs[0]).toEqual(ramp(3));
    await prepared.dispose();
  });

  it('refuses values that are no tensors, and runs after dispose', async () => {
    const prepared = await session.prepare(add, 'default');
    expect(await thrown(() => prepared.run([new MapValue(new Map()), ramp(2)], [undefined]))).toBe('FLAGOS_E_KERNEL_CONTRACT');
    await prepared.dispose();
    await prepared.dispose();
    expect(await thrown(() => prepared.run([ramp(2), ramp(2)], [undefined]))).toBe('FLAGOS_E_DISPOSED');
  });

  it('does not let an output through that would take the process down, when its type shows only once the model is loaded', async () => {
    const branch = (name: string): Graph => ({
      name,
      inputs: [],
      outputs: [{ name, type: undefined }],
      initializers: new Map(),
      nodes: [node(`${name} = Cast x`, { to: 16 })],
      types: new Map(),
    });
    const of: Region = region([node('y = If c', { then_branch: branch('t'), else_branch: branch('e') })], {
      inputs: { c: tensorType('bool', []), x: f32(2) },
      outputs: { y: undefined },
    });
    expect(session.supports(of)).toEqual({ ok: true });
    expect(await thrown(() => session.prepare(of, 'default'))).toBe('FLAGOS_E_UNSUPPORTED');
  });
});

it('gives memory back: 200 regions of 4 MB weights, prepared, run and disposed', async () => {
  const of = region([node('y = MatMul x w')], {
    inputs: { x: f32(1, 1024) },
    outputs: { y: f32(1, 1024) },
    constants: { w: Tensor.zeros('float32', [1024, 1024]) },
  });
  const x = Tensor.zeros('float32', [1, 1024]);
  const cycle = async (): Promise<void> => void (await runOnce(session, of, [x]));
  // Garbage of JavaScript's own is collected first, so that what is left is what the sessions hold.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const settled = (): number => {
    collect();
    return process.memoryUsage.rss();
  };
  for (let i = 0; i < 20; i++) await cycle();
  const before = settled();
  for (let i = 0; i < 200; i++) {
    await cycle();
    if (i % 10 === 9) collect();
  }
  // 200 leaked sessions would hold 800 MB; what the allocator keeps for itself varies by up to 200 MB, and then stays.
  expect((settled() - before) / 2 ** 20).toBeLessThan(400);
});
