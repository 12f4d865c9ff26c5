/**
 * Tables as text: JSON Lines, one row a line, keys sorted, so that files can be compared and merged by
 * ordinary tools. The reader takes any bytes: what is damaged is counted and passed over, what is of
 * another schema version is kept and not read.
 */
import { ROW_SCHEMA, type Row } from './rows.ts';
import { rowOf, schemaOf } from './rows-schema.ts';

const sorted = (_: string, value: unknown): unknown => {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
};

/** A row as a line, its end included. */
export const lineOf = (row: Row): string => `${JSON.stringify(row, sorted)}\n`;

/** What is in the text of a table. */
export interface Contents {
  /** Each row once, in the order of the text. */
  readonly rows: readonly Row[];
  /** Lines of another schema version, as they are. */
  readonly foreign: readonly string[];
  /** Lines that are no rows: foreign bytes, or cut short while they were written. */
  readonly damaged: number;
  /** Whether the last line has no end: whoever wrote it was stopped in the middle. */
  readonly torn: boolean;
  /** Rows that stood there more than once. */
  readonly repeated: number;
}

type Line = { readonly row: Row } | { readonly foreign: string } | undefined;

const parse = (text: string): Line => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Whatever it is, it is no line of a table; the caller counts it.
    return undefined;
  }
  const row = rowOf(value);
  if (row) return { row };
  const schema = schemaOf(value);
  return schema !== undefined && schema !== ROW_SCHEMA ? { foreign: text } : undefined;
};

/**
 * A line whose beginning was cut short by the end of its writer may have a whole row after it. Text
 * within a row has its quotes escaped, so that this cannot find a beginning where there is none.
 */
const rescue = (text: string): Line => {
  for (let at = text.indexOf('{"', 1); at > 0; at = text.indexOf('{"', at + 1)) {
    const found = parse(text.slice(at));
    if (found) return found;
  }
  return undefined;
};

/** Longest line worth a second look. */
const RESCUE_LIMIT = 1 << 16;

/** Reads the text of a table. Never throws, whatever the bytes. */
export const readTable = (bytes: Uint8Array): Contents => {
  const text = new TextDecoder().decode(bytes);
  const rows = new Map<string, Row>();
  const foreign = new Set<string>();
  let damaged = 0;
  let repeated = 0;
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (line === '') continue;
    let found = parse(line);
    if (!found) {
      damaged++;
      if (line.length <= RESCUE_LIMIT) found = rescue(line);
    }
    if (!found) continue;
    if ('foreign' in found) foreign.add(found.foreign);
    else if (rows.has(found.row.id)) repeated++;
    else rows.set(found.row.id, found.row);
  }
  return { rows: [...rows.values()], foreign: [...foreign], damaged, torn: text !== '' && !text.endsWith('\n'), repeated };
};
