/** The default driver: a folder with a file for each table, `accuracy.jsonl` and `performance.jsonl`. */
import { join } from 'node:path';
import type { Contents } from '../../opmanager/tables/jsonl.ts';
import type { Row } from '../../opmanager/tables/rows.ts';
import type { CompactOptions, StoreReport, TableStore } from '../../opmanager/tables/store.ts';
import { TableFile } from './table-file.ts';

export const tableNames = ['accuracy', 'performance'] as const;

export class FolderStore implements TableStore {
  readonly name: string;
  readonly files: Readonly<Record<Row['table'], TableFile>>;

  constructor(folder: string) {
    this.name = folder;
    this.files = {
      accuracy: new TableFile(join(folder, 'accuracy.jsonl')),
      performance: new TableFile(join(folder, 'performance.jsonl')),
    };
  }

  /** What is in each file. @throws FLAGOS_E_TABLE */
  contents(): Record<Row['table'], Contents> {
    return { accuracy: this.files.accuracy.read(), performance: this.files.performance.read() };
  }

  async read(): Promise<readonly Row[]> {
    const { accuracy, performance } = this.contents();
    return [...accuracy.rows, ...performance.rows];
  }

  async append(rows: readonly Row[]): Promise<void> {
    for (const table of tableNames) this.files[table].append(rows.filter((r) => r.table === table));
  }

  async compact(options?: CompactOptions): Promise<StoreReport> {
    const reports = [await this.files.accuracy.compact(options), await this.files.performance.compact(options)];
    return reports.reduce((a, b) => ({ rows: a.rows + b.rows, foreign: a.foreign + b.foreign, damaged: a.damaged + b.damaged }));
  }

  async close(): Promise<void> {}
}
