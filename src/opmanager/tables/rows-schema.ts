/**
 * What a line of a table must hold to be taken for a row. Unknown fields are kept, so that a newer
 * version may add some without an older one losing them when it compacts. Checked by hand, not by a schema
 * library: tables are read at start, and thousands of rows took a second that way.
 */
import { levels } from '../evidence.ts';
import { ROW_SCHEMA, type AccuracyRow, type PerformanceRow, type Row } from './rows.ts';

type Check = (value: unknown) => boolean;

const text: Check = (v) => typeof v === 'string';
const name: Check = (v) => typeof v === 'string' && v !== '';
const number: Check = (v) => typeof v === 'number';
const time: Check = (v) => typeof v === 'number' && v >= 0;
const texts: Check = (v) => Array.isArray(v) && v.every(text);
const times: Check = (v) => Array.isArray(v) && v.every(time);
const flag: Check = (v) => typeof v === 'boolean';
const known: ReadonlySet<unknown> = new Set(levels);

const shared = {
  schema: (v: unknown) => v === ROW_SCHEMA,
  id: name,
  date: (v: unknown) => typeof v === 'string' && /^\d{4}-\d\d-\d\dT/.test(v),
  host: text,
  op: name,
  signature: name,
  bucket: name,
  kernel: name,
  fingerprint: text,
  chip: text,
};

const accuracy: Readonly<Record<Exclude<keyof AccuracyRow, 'table'>, Check>> = {
  ...shared,
  level: (v) => known.has(v),
  maxEta: number,
  p999Eta: number,
  maxUlp: number,
  maxAbs: number,
  maxRel: number,
  cosine: number,
  sqnr: number,
  sqnrCeiling: number,
  classMismatches: number,
  cases: number,
  inputClasses: texts,
  seed: number,
  golden: text,
  evidence: text,
  failed: texts,
};

const performance: Readonly<Record<Exclude<keyof PerformanceRow, 'table'>, Check>> = {
  ...shared,
  samplesUs: times,
  medianUs: time,
  madUs: time,
  p95Us: time,
  coldUs: number,
  bytes: number,
  threads: number,
  quiet: flag,
  chosen: (v) => v === undefined || flag(v),
};

const fields: Readonly<Record<string, readonly (readonly [string, Check])[]>> = {
  accuracy: Object.entries(accuracy),
  performance: Object.entries(performance),
};

/** Numbers JSON has no words for are written as text. */
const special: Readonly<Record<string, number>> = { NaN: NaN, Infinity: Infinity, '-Infinity': -Infinity };

/** The row in parsed JSON; undefined if it is none, or damaged. Texts that stand for numbers become those, in place. */
export const rowOf = (value: unknown): Row | undefined => {
  if (typeof value !== 'object' || value === null) return undefined;
  const row = value as Record<string, unknown>;
  const table = row['table'];
  const checks = typeof table === 'string' && Object.hasOwn(fields, table) ? fields[table]! : undefined;
  if (!checks) return undefined;
  for (const [field, check] of checks) {
    const given = row[field];
    if (check === number && typeof given === 'string' && Object.hasOwn(special, given)) row[field] = special[given];
    else if (!check(given)) return undefined;
  }
  return value as Row;
};

/** Version of the shape a value says it has; undefined if it says none. */
export const schemaOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'schema' in value ? value.schema : undefined;
