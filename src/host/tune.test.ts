import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { exclusively } from './tune.ts';

const folder = mkdtempSync(join(tmpdir(), 'flagos-lock-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('tuners', () => {
  it('are at work one at a time, and the second one is told', async () => {
    const path = join(folder, 'one');
    await exclusively(async () => {
      await expect(exclusively(async () => 1, path)).rejects.toMatchObject({ code: 'FLAGOS_E_BUSY' });
    }, path);
    expect(await exclusively(async () => 2, path)).toBe(2);
  });

  it('give the lock back when they fail, and do not wait for one that is gone', async () => {
    const path = join(folder, 'two');
    await expect(exclusively(() => Promise.reject(new Error('no')), path)).rejects.toThrow('no');
    // No process has this number.
    writeFileSync(path, JSON.stringify({ pid: 2 ** 30, started: '1', host: hostname(), token: 'x' }));
    expect(await exclusively(async () => 3, path)).toBe(3);
  });

  it('say why where there can be no lock', async () => {
    await expect(exclusively(async () => 1, join(folder, 'no', 'such', 'folder'))).rejects.toMatchObject({
      code: 'FLAGOS_E_BUSY',
      reason: expect.stringContaining('ENOENT') as string,
    });
  });
});
