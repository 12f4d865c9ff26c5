/** Rows of the op benchmark: a table per chip and number of threads, geometric means, JSON. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';

export interface OpRow {
  readonly chip: string;
  readonly threads: number;
  readonly name: string;
  readonly group: string;
  readonly peer: string;
  /** Microseconds per call, medians. */
  readonly peerUs?: number;
  readonly ownUs?: number;
  /** Peer's time over ours, round by round; undefined where they disagree or one of them cannot. */
  readonly speed?: number;
  readonly problem?: string;
}

export const option = (name: string, fallback: string): string => {
  const at = process.argv.indexOf(`--${name}`);
  return at > 0 ? process.argv[at + 1]! : fallback;
};

const geometricMean = (x: readonly number[]): number => Math.exp(x.reduce((s, v) => s + Math.log(v), 0) / x.length);
const us = (x: number | undefined): string => (x === undefined ? '' : x >= 1e4 ? `${(x / 1e3).toFixed(1)} ms` : `${x.toFixed(1)} µs`);

export const printRows = (chip: string, threads: number, rows: readonly OpRow[]): void => {
  const width = Math.max(...rows.map((r) => r.name.length));
  console.log(
    `\nflagos/${chip}, ${threads} ${threads === 1 ? 'thread' : 'threads'} (${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node})`,
  );
  for (const peer of new Set(rows.map((r) => r.peer))) {
    const own = rows.filter((r) => r.peer === peer);
    console.log(`  against ${peer}`);
    for (const r of own) {
      const verdict = r.speed === undefined ? `left out: ${r.problem ?? 'no time'}` : `${r.speed.toFixed(2)} ×`;
      console.log(`    ${r.name.padEnd(width)} ${us(r.peerUs).padStart(10)} ${us(r.ownUs).padStart(10)}  ${verdict}`);
    }
    const timed = own.filter((r) => r.speed !== undefined);
    if (timed.length === 0) continue;
    for (const group of new Set(timed.map((r) => r.group))) {
      const speeds = timed.filter((r) => r.group === group).map((r) => r.speed!);
      console.log(`    ${`geometric mean, ${group}`.padEnd(width)} ${geometricMean(speeds).toFixed(2)} ×`);
    }
    const worst = timed.reduce((a, b) => (a.speed! < b.speed! ? a : b));
    console.log(
      `    ${'geometric mean, all'.padEnd(width)} ${geometricMean(timed.map((r) => r.speed!)).toFixed(3)} ×, worst ${worst.speed!.toFixed(2)} × (${worst.name})`,
    );
  }
};

/** `--json file`. */
export const saveRows = (rows: readonly OpRow[]): void => {
  const path = option('json', '');
  if (!path) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(
    path,
    `${JSON.stringify({ node: process.versions.node, cpu: cpus()[0]?.model, date: new Date().toISOString(), rows }, undefined, 2)}\n`,
  );
};

/** The largest difference relative to the largest value; Infinity where sizes differ. */
export const relativeError = (actual: ArrayLike<number | bigint>, expected: ArrayLike<number | bigint>): number => {
  if (actual.length !== expected.length) return Infinity;
  let worst = 0;
  let scale = 0;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(Number(actual[i]) - Number(expected[i]));
    if (!(d <= worst)) worst = d;
    scale = Math.max(scale, Math.abs(Number(expected[i])));
  }
  return worst / (scale || 1);
};

/** Differences beyond this make a ratio of times meaningless. */
export const AGREE = 1e-3;
