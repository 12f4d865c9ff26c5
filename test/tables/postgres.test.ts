/** The shared table, against a real server: many writers, a server that goes away and comes back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from 'vitest';
import type { LogLevel } from '../../src/core/log.ts';
import { createRuntime } from '../../src/host/flagos.ts';
import { outboxOf, PostgresStore, withoutPassword } from '../../src/host/tables/postgres-store.ts';
import { accuracyRow, performanceRow } from '../../src/opmanager/tables/testing.ts';
import { PostgresServer } from './postgres-server.ts';

const missing = PostgresServer.missing();
const kernel = 'reference/cpu:Abs.float64';
const row = (id: string) => performanceRow(kernel, 'Abs(float32[2])', [1, 2], { id });

it('does not show passwords', () => {
  expect(withoutPassword('postgres://me:secret@host/db')).toBe('postgres://me@host/db');
});

describe.skipIf(missing !== undefined)(`a shared table${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let server: PostgresServer;
  let running = false;
  let folder: string;
  let said: string[];
  const stores: PostgresStore[] = [];
  const logger = { log: (level: LogLevel, message: string) => void said.push(`${level} ${message}`) };
  const open = (retryMs?: number): PostgresStore => {
    const outbox = outboxOf(folder, server.address);
    const store = new PostgresStore(server.address, { logger, outbox, ...(retryMs === undefined ? {} : { retryMs }) });
    stores.push(store);
    return store;
  };
  const start = (): void => {
    if (!running) server.start();
    running = true;
  };
  const stop = (): void => {
    if (running) server.stop();
    running = false;
  };
  const query = async (sql: string): Promise<unknown[]> => {
    const client = new pg.Client({ connectionString: server.address });
    await client.connect();
    try {
      return (await client.query(sql)).rows as unknown[];
    } finally {
      await client.end();
    }
  };

  beforeAll(() => {
    server = new PostgresServer();
  });
  afterAll(() => {
    stop();
    server.remove();
  });
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'flagos-shared-'));
    said = [];
    start();
    await query('DROP TABLE IF EXISTS flagos_rows');
  });
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    rmSync(folder, { recursive: true });
  });

  it('gives back what was written, each row once, and keeps rows of another schema', async () => {
    const rows = [row('a'), accuracyRow(kernel, 'Abs(float32[2])', { id: 'b', maxEta: Infinity, sqnr: NaN, failed: ['x "y" ü'] })];
    const store = open();
    await store.append(rows);
    await store.append(rows);
    expect(await store.read()).toEqual(rows);
    await query(`INSERT INTO flagos_rows VALUES ('z', 99, 'x', 'x', 'x', 'x', 'x', '{}')`);
    expect(await store.read()).toEqual(rows);
    expect(await store.compact({ keep: (r) => r.id === 'b' })).toEqual({ rows: 1, foreign: 1, damaged: 0 });
    expect(await query('SELECT id FROM flagos_rows ORDER BY id')).toEqual([{ id: 'b' }, { id: 'z' }]);
  });

  it('takes rows of many that begin at once', async () => {
    await Promise.all(Array.from({ length: 6 }, (_, w) => open().append(Array.from({ length: 700 }, (_row, i) => row(`w${w}-${i}`)))));
    expect(await query('SELECT count(*)::int AS n FROM flagos_rows')).toEqual([{ n: 4200 }]);
    expect(said).toEqual([]);
  });

  it('goes away: a warning, rows wait on this machine, and are delivered by whoever comes next', async () => {
    const store = open();
    await store.append([row('before')]);
    stop();
    await store.append([row('while away')]);
    await store.append([row('still away')]);
    expect(said.filter((s) => s.startsWith('warn'))).toEqual([
      'warn the shared table is away; what is measured stays on this machine and is delivered later',
    ]);
    await expect(store.read()).rejects.toMatchObject({ code: 'FLAGOS_E_TABLE', reason: expect.not.stringContaining('secret') });
    await store.close();
    start();
    expect((await open().read()).map((r) => r.id).sort()).toEqual(['before', 'still away', 'while away']);
    expect(await outboxOf(folder, server.address).read()).toEqual([]);
  });

  it('comes back: a process that stays delivers by itself, and with the next row', async () => {
    stop();
    const [patient, busy] = [open(50), open(1e6)];
    await patient.append([row('a')]);
    await busy.append([row('b')]);
    start();
    await busy.append([row('c')]);
    await expect.poll(() => query('SELECT id FROM flagos_rows ORDER BY id')).toEqual([{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
    await expect.poll(() => outboxOf(folder, server.address).read()).toEqual([]);
  });

  it('is a layer of a runtime, which runs on without it', async () => {
    const config = {
      cwd: folder,
      discover: false,
      env: { FLAGOS_CACHE: folder },
      tables: { shared: server.address },
      logger: { log: (level: LogLevel, message: string) => void said.push(`${level} ${message}`) },
    };
    const one = await createRuntime(config);
    const identity = one.runtime.identities.get('reference/cpu')!;
    await one.runtime.tables!.append([performanceRow(kernel, 'Abs(float32[2])', [7], { ...identity, id: 'x' })]);
    await one.close();
    // Another machine of the fleet: nothing of its own, the same database.
    const elsewhere = join(folder, 'elsewhere');
    const two = await createRuntime({ ...config, env: { FLAGOS_CACHE: elsewhere } });
    expect(two.runtime.tables!.performance(kernel, 'Abs(float32[2])').medianUs).toBe(7);
    stop();
    await two.runtime.tables!.append([performanceRow(kernel, 'Abs(float32[3])', [9], { ...identity, id: 'y' })]);
    await two.runtime.tables!.refresh();
    expect(two.runtime.tables!.performance(kernel, 'Abs(float32[2])').medianUs).toBe(7);
    expect(two.runtime.tables!.performance(kernel, 'Abs(float32[3])').medianUs).toBe(9);
    await two.close();
    const alone = await createRuntime({ ...config, env: { FLAGOS_CACHE: elsewhere } });
    expect(alone.runtime.tables!.performance(kernel, 'Abs(float32[3])').medianUs).toBe(9);
    expect(said.filter((s) => s.startsWith('warn the shared table')).length).toBeGreaterThan(1);
    start();
    await alone.runtime.tables!.refresh();
    expect(await query('SELECT id FROM flagos_rows ORDER BY id')).toEqual([{ id: 'x' }, { id: 'y' }]);
    await alone.close();
  });
});
