/** Single calls with a real compiler: before, while and after a kernel is compiled, and when it cannot be. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/core/tensor.ts';
import type { Flagos } from '../../src/host/flagos.ts';
import { cached, folder, runtime, script, type Env, type Lines } from './kit.ts';

/** Kernels, but not what is tried at the start, go through `body`. */
const withCompiler = (body: string): { env: Env; dir: string; cache: string } => {
  const dir = folder();
  const cache = join(dir, 'cache');
  const slow = `grep -q "void run" "$source" 2>/dev/null || { real "$@"; exit $?; }\n${body}`;
  return { dir, cache, env: { CC: script(join(dir, 'fakecc'), slow), FLAGOS_CACHE: cache } };
};

const N = 120;
const a = Tensor.from(
  'float32',
  [N, N],
  Array.from({ length: N * N }, (_, i) => Math.sin(i)),
);
const b = Tensor.from(
  'float32',
  [N, N],
  Array.from({ length: N * N }, (_, i) => Math.cos(i)),
);
const product = Array.from({ length: N * N }, (_, i) => {
  let sum = 0;
  for (let k = 0; k < N; k++) sum += Number(a.data[Math.floor(i / N) * N + k]) * Number(b.data[k * N + (i % N)]);
  return sum;
});
const multiply = async (flagos: Flagos): Promise<number> => {
  const [y] = (await flagos.call('MatMul', [a, b])) as [Tensor];
  return Math.max(...product.map((want, i) => Math.abs(want - Number(y.data[i]))));
};
const open = (env: Env): Promise<Flagos & Lines> => runtime(env, { perOp: { MatMul: ['flagos'] } });

describe('single calls with a real compiler', () => {
  it('are right before, while and after their kernel is compiled', async () => {
    const { env, dir } = withCompiler('while [ ! -e "$(dirname "$0")/go" ]; do sleep 0.02; done; real "$@"');
    const flagos = await open(env);
    const tier = async (): Promise<unknown> => (await flagos.explainCall('MatMul', [a, b])).tier?.why;
    expect(await multiply(flagos)).toBeLessThan(1e-4);
    expect(await tier()).toBe('started on flagos/js:MatMul.fp64acc, moves to flagos/cpu:MatMul.fp32 when it is compiled');
    const errors = Array.from({ length: 20 }, () => multiply(flagos));
    writeFileSync(join(dir, 'go'), '');
    const progress = { ready: false };
    const settled = flagos.ready().then(() => (progress.ready = true));
    // Calls all through the change, several at a time.
    while (!progress.ready) {
      const pair = [multiply(flagos), multiply(flagos)];
      errors.push(...pair);
      await Promise.all(pair);
    }
    await settled;
    errors.push(multiply(flagos));
    for (const error of await Promise.all(errors)) expect(error).toBeLessThan(1e-4);
    expect(await tier()).toBe('started on flagos/js:MatMul.fp64acc, moved to flagos/cpu:MatMul.fp32 when it was compiled');
  });

  it('move to the next chip when the compiler fails', async () => {
    const { env } = withCompiler('echo "too clever" >&2; exit 1');
    const flagos = await open(env);
    expect(await multiply(flagos)).toBeLessThan(1e-4);
    await flagos.ready();
    expect(await multiply(flagos)).toBeLessThan(1e-4);
    const { tier, verdicts } = await flagos.explainCall('MatMul', [a, b]);
    expect(tier?.why).toMatch(/flagos\/cpu:MatMul\.fp32 could not be made: .*too clever/);
    expect(verdicts.find((v) => v.kernel === 'flagos/cpu:MatMul.fp32')).toMatchObject({ reason: 'QUARANTINED' });
    expect(flagos.lines.join('\n')).toContain('too clever');
  });

  it('may be closed while the compiler runs: it ends, and leaves nothing behind', async () => {
    const { env, cache, dir } = withCompiler('touch "$(dirname "$0")/running"; sleep 0.3; real "$@"');
    const flagos = await open(env);
    await multiply(flagos);
    await expect.poll(() => existsSync(join(dir, 'running')), { timeout: 20_000 }).toBe(true);
    await flagos.close();
    expect(cached(cache).filter((name) => name.startsWith('tmp-'))).toEqual([]);
    expect(flagos.lines.filter((l) => l.startsWith('warn'))).toEqual([]);
  });
});
