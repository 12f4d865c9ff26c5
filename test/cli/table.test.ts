/** `flagos table`, in this process. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { testIo } from '../../src/cli/testing.ts';
import { createRuntime } from '../../src/host/flagos.ts';
import { FolderStore } from '../../src/host/tables/folder-store.ts';
import { accuracyRow, performanceRow } from '../../src/opmanager/tables/testing.ts';

let folder: string;
const kernel = 'reference/cpu:Abs.float64';
const signature = 'Abs(float32[2])';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flagos-table-cli-'));
  writeFileSync(join(folder, 'flagos.config.json'), '{ "tables": { "machine": "machine" } }');
});
afterEach(() => rmSync(folder, { recursive: true }));

const flagos = async (...argv: string[]) => {
  const io = testIo({ cwd: folder });
  const code = await main(['table', ...argv, '--json'], io);
  return { code, data: JSON.parse(io.stdout()) as Record<string, never> };
};
const identity = async () => {
  const here = await createRuntime({ cwd: folder, discover: false, env: {} });
  await here.close();
  return here.runtime.identities.get('reference/cpu')!;
};
const project = () => new FolderStore(join(folder, '.flagos'));
const machine = () => new FolderStore(join(folder, 'machine'));

describe('flagos table', () => {
  it('merges two tables without loss, whichever comes first', async () => {
    const rows = [1, 2, 3, 4].map((i) => performanceRow(kernel, `Abs(float32[${i}])`, [i]));
    await new FolderStore(join(folder, 'one')).append(rows.slice(0, 3));
    await new FolderStore(join(folder, 'two')).append(rows.slice(1));
    expect((await flagos('merge', 'one')).data).toMatchObject({ rows: 3, added: 3 });
    expect((await flagos('merge', 'two')).data).toMatchObject({ rows: 3, added: 1 });
    expect((await flagos('merge', 'two')).data).toMatchObject({ added: 0 });
    const other = new FolderStore(join(folder, 'other'));
    for (const name of ['two', 'one']) await other.append(await new FolderStore(join(folder, name)).read());
    await project().compact();
    await other.compact();
    const text = (name: string): string => readFileSync(join(folder, name, 'performance.jsonl'), 'utf8');
    expect(text('.flagos')).toBe(text('other'));
    expect(await project().read()).toEqual(rows);
  });

  it('shows what counts here, and prunes what does not', async () => {
    const now = await identity();
    await machine().append([
      accuracyRow(kernel, signature, { ...now, id: 'good' }),
      accuracyRow(kernel, signature, { ...now, fingerprint: 'older', id: 'stale' }),
      accuracyRow('acme/npu:Abs.default', signature, { id: 'elsewhere' }),
    ]);
    const { data } = await flagos('show');
    const states = (data['rows'] as unknown as { id: string; state: string }[]).map((r) => [r.id, r.state]);
    expect(states.sort()).toEqual([
      ['elsewhere', 'elsewhere'],
      ['good', 'counts'],
      ['stale', 'stale'],
    ]);
    expect(await flagos('prune')).toMatchObject({ code: 0, data: { before: 3, rows: 2 } });
    await flagos('prune', '--elsewhere');
    expect((await machine().read()).map((r) => r.id)).toEqual(['good']);
    await flagos('prune', '--kernel', 'reference/*', '--older-than', '0');
    expect(await machine().read()).toEqual([]);
  });

  it('checks all layers', async () => {
    await project().append([performanceRow(kernel, signature, [1])]);
    expect(await flagos('check')).toMatchObject({
      code: 0,
      data: { ok: true, tables: [{ table: 'project', rows: 1, stale: 1 }, { table: 'machine' }] },
    });
    appendFileSync(join(folder, '.flagos/performance.jsonl'), '{"cut');
    const { code, data } = await flagos('check', 'project');
    expect(code).toBe(1);
    expect(data['tables']).toMatchObject([{ files: [{ damaged: 0 }, { file: 'performance.jsonl', damaged: 1, torn: true }] }]);
  });

  it('says where two tables differ', async () => {
    await project().append([
      performanceRow(kernel, signature, [10, 10, 10]),
      accuracyRow(kernel, signature),
      accuracyRow(kernel, 'Abs(float32[3])'),
    ]);
    await machine().append([performanceRow(kernel, signature, [10.5]), accuracyRow(kernel, signature, { level: 'fail' })]);
    const { code, data } = await flagos('diff', 'project', 'machine');
    expect(code).toBe(1);
    expect(data['differences']).toMatchObject([
      { kind: 'level', first: 'standard', second: 'fail' },
      { kind: 'only first', signature: 'Abs(float32[3])' },
    ]);
    expect((await flagos('diff', 'project', 'machine', '--ratio', '1.01')).data['differences']).toHaveLength(3);
    expect(await flagos('diff', 'project', 'project')).toEqual(expect.objectContaining({ code: 0 }));
  });

  it.each([
    [['fly'], "there is no action 'fly'"],
    [['merge'], 'takes the table'],
    [['diff', 'project'], 'takes two tables'],
    [['show', 'project', 'machine'], 'takes one table'],
    [['show', 'nowhere'], 'there is no table'],
    [['show', 'shared'], 'there is no shared table'],
  ])('refuses %j', async (argv, said) => {
    const { code, data } = await flagos(...argv);
    expect(code).toBe(2);
    expect((data['error'] as { reason: string }).reason).toContain(said);
  });
});
