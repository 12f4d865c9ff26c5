/** What a sweep has done already, one unit a line, so that it goes on where it was stopped. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { UnitResult } from './unit.ts';

interface Line {
  /** What must be as it was for a result to count: versions, chips. */
  readonly key: string;
  readonly result: UnitResult;
}

/** JSON with infinities. */
const replacer = (_: string, v: unknown): unknown => (typeof v === 'number' && !Number.isFinite(v) ? { number: String(v) } : v);
const reviver = (_: string, v: unknown): unknown =>
  typeof v === 'object' && v !== null && 'number' in v && Object.keys(v).length === 1 ? Number((v as { number: string }).number) : v;

/** Results of earlier runs under the same key; of a line cut off by a crash nothing is lost but itself. */
export const readProgress = (path: string, key: string): UnitResult[] => {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((text): UnitResult[] => {
      if (text === '') return [];
      try {
        const line = JSON.parse(text, reviver) as Line;
        return line.key === key ? [line.result] : [];
      } catch {
        // A line that a killed run left half: its unit runs again.
        return [];
      }
    });
};

export const appendProgress = (path: string, key: string, result: UnitResult): void => {
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, `${JSON.stringify({ key, result } satisfies Line, replacer)}\n`);
};
