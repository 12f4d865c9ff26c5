/** Results of a benchmark: a table for people on standard output, JSON for programs with `--json <file>`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';

export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Upper (`≤`) or lower (`≥`) bound asked for, if any. */
  readonly budget?: { readonly sense: '≤' | '≥'; readonly value: number };
  readonly details?: Readonly<Record<string, unknown>>;
}

const holds = ({ value, budget }: Row): boolean => !budget || (budget.sense === '≤' ? value <= budget.value : value >= budget.value);

export const report = (title: string, rows: readonly Row[]): void => {
  const width = Math.max(...rows.map((r) => r.what.length));
  console.log(`${title} (${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node})`);
  for (const r of rows) {
    const budget = r.budget ? `  ${holds(r) ? 'ok  ' : 'OVER'} budget ${r.budget.sense} ${r.budget.value}` : '';
    console.log(`  ${r.what.padEnd(width)}  ${r.value.toPrecision(4).padStart(9)} ${r.unit.padEnd(4)}${budget}`);
  }
  const at = process.argv.indexOf('--json');
  const path = at > 0 ? process.argv[at + 1] : undefined;
  if (!path) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(
    path,
    `${JSON.stringify({ title, node: process.versions.node, cpu: cpus()[0]?.model, date: new Date().toISOString(), rows: rows.map((r) => ({ ...r, ok: holds(r) })) }, undefined, 2)}\n`,
  );
};
