import { describe, expect, it } from 'vitest';
import { FlagosError } from '../../core/errors.ts';
import type { LogLevel } from '../../core/log.ts';
import type { Row } from './rows.ts';
import type { TableStore } from './store.ts';
import { Tables } from './tables.ts';
import { accuracyRow, performanceRow } from './testing.ts';

class MemoryStore implements TableStore {
  readonly name = 'memory';
  readonly kept: Row[];
  broken = false;
  closed = false;
  constructor(rows: readonly Row[] = []) {
    this.kept = [...rows];
  }
  #check(): void {
    if (this.broken) throw new FlagosError('FLAGOS_E_TABLE', 'gone');
  }
  async read(): Promise<Row[]> {
    this.#check();
    return [...this.kept];
  }
  async append(rows: readonly Row[]): Promise<void> {
    this.#check();
    this.kept.push(...rows);
  }
  async compact(): Promise<never> {
    throw new Error('not asked for');
  }
  async close(): Promise<void> {
    this.closed = true;
  }
}

const kernel = 'acme/npu:Abs.default';
const signature = 'Abs(float32[2])';
const said: string[] = [];
const logger = { log: (level: LogLevel, message: string) => void said.push(`${level} ${message}`) };
const open = async (layers: ConstructorParameters<typeof Tables>[0]): Promise<Tables> => {
  said.length = 0;
  const tables = await Tables.open(layers, logger);
  tables.chips = new Map([['acme/npu', { fingerprint: '1.0.0', chip: 'x86 v4' }]]);
  return tables;
};

describe('Tables', () => {
  it('puts layers over each other', async () => {
    const same = performanceRow(kernel, signature, [5]);
    const tables = await open([
      { layer: 'plugin', store: new MemoryStore([performanceRow(kernel, signature, [99])]) },
      { layer: 'project', store: new MemoryStore([same]) },
      { layer: 'machine', store: new MemoryStore([same, accuracyRow(kernel, signature)]) },
    ]);
    expect(tables.rows().map((r) => r.layer)).toEqual(['plugin', 'machine', 'machine']);
    expect(tables.performance(kernel, signature)).toMatchObject({ medianUs: 5, samples: 1 });
    expect(tables.accuracy(kernel, signature).level).toBe('standard');
    expect(tables.kernels(signature)).toEqual([kernel]);
  });

  it('counts what is added at once, in snapshots made from then on', async () => {
    const [machine, shared, project] = [new MemoryStore(), new MemoryStore(), new MemoryStore()];
    const tables = await open([
      { layer: 'project', store: project },
      { layer: 'shared', store: shared },
      { layer: 'machine', store: machine },
    ]);
    const { snapshot, version } = tables;
    await tables.append([performanceRow(kernel, signature, [5])]);
    expect(snapshot.performance(kernel, signature)).toEqual({});
    expect(tables.performance(kernel, signature).medianUs).toBe(5);
    expect(tables.version).toBeGreaterThan(version);
    await tables.append([accuracyRow(kernel, signature)], 'project');
    await tables.append([accuracyRow(kernel, signature)], 'process');
    expect([machine.kept.length, shared.kept.length, project.kept.length]).toEqual([1, 1, 1]);
    expect(tables.accuracy(kernel, signature).cases).toBe(20);
  });

  it('sees what others added when it looks again, and keeps what it saw when a store goes away', async () => {
    const machine = new MemoryStore();
    const tables = await open([{ layer: 'machine', store: machine }]);
    machine.kept.push(performanceRow(kernel, signature, [5]));
    expect(tables.performance(kernel, signature)).toEqual({});
    await tables.refresh();
    expect(tables.performance(kernel, signature).medianUs).toBe(5);
    machine.broken = true;
    await tables.refresh();
    expect(tables.performance(kernel, signature).medianUs).toBe(5);
    await expect(tables.append([accuracyRow(kernel, signature)])).rejects.toMatchObject({ code: 'FLAGOS_E_TABLE' });
    tables.note([accuracyRow(kernel, signature)]);
    expect(tables.accuracy(kernel, signature).cases).toBe(20);
    await tables.close();
    expect(machine.closed).toBe(true);
    expect(said).toEqual([
      'warn the machine table cannot be read; what else is known counts',
      'warn what was measured counts in this process only',
    ]);
  });
});
