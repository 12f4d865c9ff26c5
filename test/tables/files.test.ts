/** Tables in files: many processes, processes that are killed, damage. */
import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from 'vitest';
import { tryLock } from '../../src/host/tables/file-lock.ts';
import { FolderStore } from '../../src/host/tables/folder-store.ts';
import { lineOf } from '../../src/opmanager/tables/jsonl.ts';
import { accuracyRow, performanceRow } from '../../src/opmanager/tables/testing.ts';

let tools: string;
let folder: string;
let store: FolderStore;
const path = (name = 'performance.jsonl'): string => join(folder, name);
const row = (id: string) => performanceRow('a/b:Abs.default', 'Abs(float32[2])', [1], { id });
const ids = async (): Promise<string[]> => (await store.read()).map((r) => r.id);

beforeAll(async () => {
  // One file that any Node can start quickly.
  tools = mkdtempSync(join(tmpdir(), 'flagos-tables-tools-'));
  const build = await rolldown({ input: fileURLToPath(new URL('writer.ts', import.meta.url)), external: /^node:/, platform: 'node' });
  await build.write({ file: join(tools, 'writer.mjs'), format: 'esm' });
  await build.close();
});
afterAll(() => rmSync(tools, { recursive: true }));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flagos-tables-'));
  store = new FolderStore(folder);
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Writer {
  readonly child: ChildProcess;
  /** Ids it said are kept. */
  readonly kept: Promise<string[]>;
}
const write = (name: string, count: number, compactEvery = 0): Writer => {
  const child = spawn(process.execPath, [join(tools, 'writer.mjs'), folder, name, String(count), String(compactEvery)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (d: Buffer) => (text += String(d)));
  const kept = new Promise<string[]>((end) => child.on('close', () => end(text.split('\n').slice(0, -1))));
  return { child, kept };
};

describe('many processes', () => {
  it('8 that write at once, two of them rewriting the table all the time, lose no row', async () => {
    const writers = Array.from({ length: 8 }, (_, i) => write(`w${i}`, 150, i < 2 ? 5 : 0));
    const said = (await Promise.all(writers.map((w) => w.kept))).flat();
    expect(said).toHaveLength(8 * 150);
    expect((await ids()).sort()).toEqual(said.sort());
    const report = await store.compact();
    expect(report).toEqual({ rows: 1200, foreign: 0, damaged: 0 });
    expect((await ids()).sort()).toEqual(said);
    expect(readdirSync(folder).sort()).toEqual(['accuracy.jsonl', 'performance.jsonl']);
  });

  it('killed while they write and rewrite, they lose nothing that was kept', async () => {
    for (let round = 0; round < 4; round++) {
      const writers = Array.from({ length: 3 }, (_, i) => write(`r${round}w${i}`, 100_000, i === 0 ? 1 : 7));
      await new Promise((go) => void setTimeout(go, 200 + 60 * round));
      for (const w of writers) w.child.kill('SIGKILL');
      const said = (await Promise.all(writers.map((w) => w.kept))).flat();
      const found = new Set(await ids());
      expect(said.filter((id) => !found.has(id))).toEqual([]);
      // Whoever comes next is not held up by what they held.
      await store.append([row(`after ${round}`)]);
      await store.compact();
      const compacted = new Set(await ids());
      expect([...said, `after ${round}`].filter((id) => !compacted.has(id))).toEqual([]);
    }
  });
});

describe('damage', () => {
  it('a row that was cut short is lost, and no other', async () => {
    await store.append([row('a'), row('b')]);
    truncateSync(path(), statSync(path()).size - 20);
    expect(store.contents().performance).toMatchObject({ damaged: 1, torn: true });
    await store.append([row('c')]);
    expect(await ids()).toEqual(['a', 'c']);
    expect(await store.compact()).toEqual({ rows: 2, foreign: 0, damaged: 1 });
    expect(store.contents().performance).toMatchObject({ damaged: 0, torn: false });
  });

  it('rewriting keeps rows of another schema, and sorts', async () => {
    const other = '{"schema":99,"x":1}';
    writeFileSync(path(), `${other}\n`);
    await store.append([row('b')]);
    await store.append([row('a')]);
    await store.append([row('a')]);
    expect(await store.compact()).toEqual({ rows: 2, foreign: 1, damaged: 0 });
    expect(await ids()).toEqual(['a', 'b']);
    expect(readFileSync(path(), 'utf8')).toContain(other);
  });

  it('rewriting takes what is written meanwhile, a line it saw half of, and one of another schema', async () => {
    await store.append([row('a')]);
    const line = lineOf(row('b'));
    appendFileSync(path(), line.slice(0, 30));
    const report = await store.compact({
      keep: ({ id }) => {
        if (id === 'a') appendFileSync(path(), `${line.slice(30)}{"schema":99,"x":1}\n`);
        return true;
      },
    });
    expect(report).toEqual({ rows: 2, foreign: 1, damaged: 0 });
    expect((await ids()).sort()).toEqual(['a', 'b']);
    expect(store.contents().performance.foreign).toEqual(['{"schema":99,"x":1}']);
  });

  it('rewriting leaves out what is not to be kept', async () => {
    await store.append([row('a'), row('b'), accuracyRow('a/b:Abs.default', 'Abs(float32[2])', { id: 'c' })]);
    await store.compact({ keep: (r) => r.id !== 'a' });
    expect((await ids()).sort()).toEqual(['b', 'c']);
  });

  it('rows are found that a stopped rewriting left behind', async () => {
    await store.append([row('a')]);
    appendFileSync(`${path()}.old-x`, readFileSync(path()).toString().replace('"id":"a"', '"id":"late"'));
    expect((await ids()).sort()).toEqual(['a', 'late']);
    await store.compact();
    expect((await ids()).sort()).toEqual(['a', 'late']);
    expect(existsSync(`${path()}.old-x`)).toBe(false);
  });

  it('says what cannot be read or written', async () => {
    writeFileSync(join(folder, 'file'), '');
    const broken = new FolderStore(join(folder, 'file'));
    await expect(broken.append([row('a')])).rejects.toMatchObject({ code: 'FLAGOS_E_TABLE' });
    await expect(broken.read()).rejects.toMatchObject({ code: 'FLAGOS_E_TABLE' });
  });

  it('a folder that is not there holds nothing, and is made when something is written', async () => {
    const later = new FolderStore(join(folder, 'a', 'b'));
    expect(await later.read()).toEqual([]);
    await later.append([row('a')]);
    expect(await later.read()).toEqual([row('a')].map((r) => expect.objectContaining({ id: r.id })));
  });
});

describe('the lock', () => {
  const held = (over: object): void => {
    const holder = { pid: process.pid, started: '', host: hostname(), token: 't' };
    writeFileSync(path('x.lock'), JSON.stringify({ ...holder, ...over }));
  };

  it('is one process’s at a time, and free again', () => {
    const release = tryLock(path('x.lock'));
    expect(release).toBeDefined();
    expect(tryLock(path('x.lock'))).toBeUndefined();
    release!();
    const again = tryLock(path('x.lock'));
    expect(again).toBeDefined();
    again!();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('of a process that is gone is taken over, also of one whose number another has now', () => {
    for (const over of [{ pid: 2 ** 30 }, { started: '1' }]) {
      held(over);
      const release = tryLock(path('x.lock'));
      expect(release).toBeDefined();
      release!();
    }
  });

  it('of another machine is obeyed', () => {
    held({ host: 'elsewhere', pid: 2 ** 30 });
    expect(tryLock(path('x.lock'))).toBeUndefined();
  });
});
