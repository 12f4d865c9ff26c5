/**
 * What a line of a table must hold to be taken for a row. Unknown fields are kept, so that a newer
 * version may add some without an older one losing them when it compacts.
 */
import * as z from 'zod/mini';
import { levels } from '../evidence.ts';
import { ROW_SCHEMA, type Row } from './rows.ts';

/** Numbers JSON has no words for are written as text. */
const special: Readonly<Record<string, number>> = { NaN: NaN, Infinity: Infinity, '-Infinity': -Infinity };
const figure = z.union([
  // Of rows that were never text, too: zod's own number is finite.
  z.custom<number>((v) => typeof v === 'number'),
  z.pipe(
    z.enum(['NaN', 'Infinity', '-Infinity']),
    z.transform((text) => special[text]!),
  ),
]);
const words = z.array(z.string());
const name = z.string().check(z.minLength(1));

const shared = {
  schema: z.literal(ROW_SCHEMA),
  id: name,
  date: z.string().check(z.regex(/^\d{4}-\d\d-\d\dT/)),
  host: z.string(),
  op: name,
  signature: name,
  bucket: name,
  kernel: name,
  fingerprint: z.string(),
  chip: z.string(),
};

const accuracy = z.looseObject({
  ...shared,
  table: z.literal('accuracy'),
  level: z.enum(levels),
  maxEta: figure,
  p999Eta: figure,
  maxUlp: figure,
  maxAbs: figure,
  maxRel: figure,
  cosine: figure,
  sqnr: figure,
  sqnrCeiling: figure,
  classMismatches: z.number(),
  cases: z.number(),
  inputClasses: words,
  seed: z.number(),
  golden: z.string(),
  evidence: z.string(),
  failed: words,
});

const performance = z.looseObject({
  ...shared,
  table: z.literal('performance'),
  samplesUs: z.array(z.number().check(z.nonnegative())),
  medianUs: z.number().check(z.nonnegative()),
  madUs: z.number().check(z.nonnegative()),
  p95Us: z.number().check(z.nonnegative()),
  coldUs: z.number(),
  bytes: z.number(),
  threads: z.number(),
  quiet: z.boolean(),
  chosen: z.optional(z.boolean()),
});

const row = z.discriminatedUnion('table', [accuracy, performance]);

/** The row in parsed JSON; undefined if it is none, or damaged. */
export const rowOf = (value: unknown): Row | undefined => {
  const result = row.safeParse(value);
  return result.success ? result.data : undefined;
};

/** Version of the shape a value says it has; undefined if it says none. */
export const schemaOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'schema' in value ? value.schema : undefined;
