/** Skips as data: which cases are not run, and why. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { asError } from '../../core/errors.ts';
import { globMatches } from '../../core/glob.ts';
import { readFile } from '../../host/read-file.ts';
import { usageError } from '../args/option.ts';

const text = z.string().check(z.minLength(1));
const skipSchema = z.strictObject({
  /** Name of a case, `*` for any characters. */
  cases: text,
  reason: text,
  /** Only when run on these chips (tokens of --chip). */
  chips: z.optional(z.array(text)),
  /** Only in suites (folders) of these names. */
  suites: z.optional(z.array(text)),
});
const fileSchema = z.array(skipSchema);
export type Skip = z.infer<typeof skipSchema>;

/** Where the project that ships the skips keeps them. */
const usual = join('test', 'onnx', 'skips.json');

/** @param named a file; undefined: the project's own, if it is there. @throws FLAGOS_E_USAGE, FLAGOS_E_FILE */
export const readSkips = (
  cwd: string,
  named: string | undefined,
): { readonly file: string | undefined; readonly skips: readonly Skip[] } => {
  const file = named ?? (existsSync(join(cwd, usual)) ? join(cwd, usual) : undefined);
  if (file === undefined) return { file, skips: [] };
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder().decode(readFile(file)));
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw usageError(`${file} is not valid JSON: ${asError(thrown).message}`);
  }
  const parsed = fileSchema.safeParse(raw);
  if (parsed.success) return { file, skips: parsed.data };
  const [issue] = parsed.error.issues;
  throw usageError(
    `${file}: entry ${String(issue?.path[0] ?? '')} is not a skip: ${issue?.message ?? 'wrong form'}`,
    'write [{ "cases": "test_x_*", "reason": "…", "chips": ["reference"], "suites": ["node"] }]',
  );
};

/** The skip that covers a case, if one does. */
export const skipFor = (skips: readonly Skip[], name: string, suite: string, chips: readonly string[]): Skip | undefined =>
  skips.find((s) => globMatches(s.cases, name) && (s.suites?.includes(suite) ?? true) && (s.chips?.some((c) => chips.includes(c)) ?? true));
