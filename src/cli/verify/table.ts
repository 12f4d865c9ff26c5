/** Appends rows to the accuracy table of a folder. */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AccuracyRow } from '../../opmanager/tables/rows.ts';

/** JSON Lines with sorted keys, so that tables can be compared and merged line by line. */
const line = (row: AccuracyRow): string => JSON.stringify(Object.fromEntries(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1))));

export const appendRows = (folder: string, rows: readonly AccuracyRow[]): void => {
  if (rows.length === 0) return;
  mkdirSync(folder, { recursive: true });
  appendFileSync(join(folder, 'accuracy.jsonl'), rows.map((r) => `${line(r)}\n`).join(''));
};
