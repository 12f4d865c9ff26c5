/** Threads of flagos/wasm as programs meet them: two runtimes at once, closing, and a process that ends by itself. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { expect, it, onTestFinished } from 'vitest';
import { Tensor } from '../../src/core/tensor.ts';
import { createRuntime, type Flagos } from '../../src/host/flagos.ts';
import { nodeThreads } from '../../src/host/threads.ts';
import { poolOf } from '../../src/plugins/flagos/thread-pool.ts';

const root = join(import.meta.dirname, '../..');
const SIZE = 256;
const matrix = (step: number): Tensor =>
  Tensor.from(
    'float32',
    [SIZE, SIZE],
    Float32Array.from({ length: SIZE * SIZE }, (_, i) => Math.sin(i * step)),
  );

const open = (threads: number, ...first: string[]): Promise<Flagos> =>
  createRuntime({ file: false, discover: false, env: {}, threads, prefer: [...first, 'flagos/wasm'], log: 'silent' });

/** Bytes of a product, of which there are as many as it takes for a thread to have taken part. */
const product = async (flagos: Flagos): Promise<Buffer> => {
  const inputs = [matrix(1), matrix(2)];
  await flagos.call('MatMul', inputs);
  await flagos.ready();
  const [y] = await flagos.call('MatMul', inputs);
  const { data } = y as Tensor;
  return Buffer.from((data as Float32Array).buffer);
};

it('two runtimes use one pool, and each runs on when the other is closed', async () => {
  const [one, two, other] = [await open(1), await open(2), await open(2)];
  const expected = await product(one);
  const pool = poolOf(nodeThreads);
  expect(pool.size).toBe(1);
  for (let i = 0; i < 3; i++) for (const f of [two, other]) expect((await product(f)).equals(expected)).toBe(true);
  expect(pool.size).toBe(2);
  await two.close();
  expect(pool.size).toBe(2);
  expect((await product(other)).equals(expected)).toBe(true);
  await other.close();
  expect(pool.size).toBe(1);
  await one.close();
});

it('a kernel may be asked for on the thread of its caller', async () => {
  const [two, serial] = [await open(2), await open(2, 'impl:flagos/wasm:*.fp32-serial')];
  const made = await product(serial);
  expect(poolOf(nodeThreads).size).toBe(1);
  expect((await product(two)).equals(made)).toBe(true);
  expect(poolOf(nodeThreads).size).toBe(2);
  await two.close();
  await serial.close();
});

it('says how many threads there are', async () => {
  const [one, two] = [await open(1), await open(2)];
  const text = (f: Flagos): string => f.runtime.chips.find((c) => c.id === 'flagos/wasm')!.chip.description;
  expect([text(one), text(two)]).toEqual([expect.stringMatching(/one thread$/), expect.stringMatching(/2 threads$/)]);
  await one.close();
  await two.close();
});

it('a process whose threads are asleep, and nobody has closed, ends by itself', async () => {
  // Inside of the repository: packages are found from there.
  const folder = mkdtempSync(join(root, 'node_modules/.threads-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const input = join(folder, 'program.ts');
  writeFileSync(
    input,
    `import { createRuntime, Tensor } from '${join(root, 'src/entries/index.ts')}';
    import { nodeThreads } from '${join(root, 'src/host/threads.ts')}';
    import { poolOf } from '${join(root, 'src/plugins/flagos/thread-pool.ts')}';
    const flagos = await createRuntime({ file: false, discover: false, threads: 2, prefer: ['flagos/wasm'], log: 'silent' });
    const x = Tensor.from('float32', [${SIZE}, ${SIZE}], new Float32Array(${SIZE * SIZE}).fill(1));
    for (let i = 0; i < 3; i++) {
      const [y] = await flagos.call('MatMul', [x, x]);
      await flagos.ready();
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (i === 2) console.log(y.data[0], poolOf(nodeThreads).size);
    }`,
  );
  const build = await rolldown({
    input,
    platform: 'node',
    tsconfig: join(root, 'tsconfig.json'),
    external: [/^onnxruntime/, 'koffi', 'wabt', 'pg'],
    logLevel: 'silent',
  });
  await build.write({ dir: folder, format: 'esm', entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' });
  await build.close();
  const said = execFileSync(process.execPath, [join(folder, 'program.mjs')], { encoding: 'utf8', timeout: 50_000 });
  expect(said).toBe(`${SIZE} 2\n`);
});
