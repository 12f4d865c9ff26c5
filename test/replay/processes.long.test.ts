/**
 * Replay: 50 real processes, one after the other, each of which measures everything anew and adds what it measured to
 * the table all of them share. Tuning reads a clock that is off by up to 20 % (`TuneOptions.clock`), and that else only
 * the kernels move: the noise is what is asked for, not what else this machine has to do.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLockFile } from '../../src/host/lock-file.ts';
import { runProgram } from '../cli/program.ts';
import type { Ran, Start } from './start.ts';

const STARTS = 50;

let folder: string;
let program: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flagos-replay-'));
  const build = await rolldown({
    input: join(import.meta.dirname, 'start.ts'),
    platform: 'node',
    external: [/^node:/, /^onnxruntime/, 'pg', 'koffi', 'wabt'],
    logLevel: 'warn',
  });
  // Beside the packages it needs.
  program = join(import.meta.dirname, '../../build/replay', `${process.pid}`, 'start.mjs');
  await build.write({ dir: join(program, '..'), format: 'esm', entryFileNames: 'start.mjs' });
  await build.close();
}, 120_000);
afterAll(() => {
  rmSync(join(program, '..'), { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
});

/** The lock of tuners lies in the folder of temporary files: other tuners of this machine are no business of this test. */
const start = async (options: Start): Promise<Ran> => {
  const { code, out, err } = await runProgram(program, [JSON.stringify(options)], { cwd: folder, env: { TMPDIR: folder } });
  expect(err).toBe('');
  expect(code).toBe(0);
  return JSON.parse(out) as Ran;
};

const distinct = (values: readonly (string | undefined)[]): string[] => [...new Set(values.map(String))];

describe('50 starts that measure everything anew', () => {
  let table: string;
  let lock: string;
  const ran: Ran[] = [];
  beforeAll(async () => {
    table = join(folder, 'table');
    lock = join(folder, 'rivals.lock.json');
    // What the first one settles on counts from the second one on, and is locked.
    const { chosen } = await start({ of: 'rivals', table, seed: 0, budgetMs: 600, lock: { path: lock, write: true } });
    expect(chosen).not.toBe('default');
    for (let seed = 1; seed <= STARTS; seed++) ran.push(await start({ of: 'rivals', table, seed, budgetMs: 60 }));
  }, 300_000);

  it('choose the same kernels, and give the same bits', () => {
    const [first] = ran;
    for (const [i, { kernels, bits, chosen, warnings }] of ran.entries())
      expect({ kernels, bits, chosen, warnings }, `start ${i + 1}`).toEqual({
        kernels: first!.kernels,
        bits: first!.bits,
        chosen: 'default',
        warnings: [],
      });
  });

  it('though by the least median some would choose others', () => {
    expect(distinct(ran.map((r) => r.fastest)).length).toBeGreaterThan(1);
  });

  it('and each has added what it measured to the table', () => {
    const rows = readFileSync(join(table, 'performance.jsonl'), 'utf8').trimEnd().split('\n');
    expect(distinct(rows.map((r) => (JSON.parse(r) as { date: string }).date))).toHaveLength(STARTS + 1);
  });

  it('with the lock, starts give the same bits without any table', async () => {
    const empty = join(folder, 'empty');
    for (let seed = 1; seed <= 5; seed++) {
      const { kernels, bits, warnings } = await start({
        of: 'rivals',
        table: empty,
        seed,
        budgetMs: 0,
        lock: { path: lock, write: false },
      });
      expect({ kernels, bits, warnings }).toEqual({ kernels: ran[0]!.kernels, bits: ran[0]!.bits, warnings: [] });
    }
  });
});

describe('a plan that was tuned on the chips of the library', () => {
  it('is made again from the lock, in processes without tables', async () => {
    const lock = join(folder, 'chips.lock.json');
    const table = join(folder, 'chips');
    await start({ of: 'chips', table, seed: 1, budgetMs: 300, lock: { path: lock, write: true } });
    const tuned = await start({ of: 'chips', table, seed: 1, budgetMs: 0 });
    const [plan] = Object.values(readLockFile(lock).plans);
    expect(plan).toMatchObject({ regions: [{ nodes: expect.any(String), code: expect.stringMatching(/^[0-9a-f]{16}$/) }] });
    for (let seed = 1; seed <= 3; seed++) {
      const { kernels, bits, warnings } = await start({
        of: 'chips',
        table: join(folder, 'empty'),
        seed,
        budgetMs: 0,
        lock: { path: lock, write: false },
      });
      expect({ kernels, bits, warnings }).toEqual({ kernels: tuned.kernels, bits: tuned.bits, warnings: [] });
    }
  });

  it('and ends well, however soon after a run: threads of the pool are at work until the last moment', async () => {
    for (let seed = 1; seed <= 25; seed++) await start({ of: 'chips', table: join(folder, 'chips'), seed, budgetMs: 0 });
  });
});
