/** Errors for people and for programs, and the exit code that goes with each. */
import { asError, FlagosError, type ErrorCode } from '../core/errors.ts';
import { systemFileError } from '../host/read-file.ts';
import type { Io } from './io.ts';

/** What was asked could not be done as it was asked: exit code 2. Everything else that fails is 1. */
const usage: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'FLAGOS_E_USAGE',
  'FLAGOS_E_CONFIG',
  'FLAGOS_E_CHIP',
  'FLAGOS_E_FILE',
  'FLAGOS_E_INPUT',
  'FLAGOS_E_UNKNOWN_OP',
]);

export const exitCodeOf = (thrown: Error): number => {
  const error = systemFileError(thrown) ?? thrown;
  return error instanceof FlagosError && usage.has(error.code) ? 2 : 1;
};

const traceOrder = ['model', 'node', 'op', 'chip', 'kernel'] as const;

/** An error in plain words: what, where, what to do. */
export const describeError = (thrown: Error, io: Io, debug: boolean): string => {
  const error = systemFileError(thrown) ?? thrown;
  const p = io.paintErr;
  const lines = [`${p.red(p.bold('error'))}: ${error instanceof FlagosError ? error.reason : error.message}`];
  if (error instanceof FlagosError) {
    const where = traceOrder.filter((k) => error.trace[k] !== undefined).map((k) => `${k} ${error.trace[k]!}`);
    if (where.length > 0) lines.push(p.dim(`  at ${where.join(' → ')}`));
    if (error.hint !== undefined) lines.push(`  ${p.cyan('hint')}: ${error.hint}`);
    lines.push(p.dim(`  ${error.code}`));
  } else lines.push(p.dim('  this is a fault of flagos itself; --debug shows where'));
  if (debug) for (let e: unknown = error; e instanceof Error; e = e.cause) lines.push(p.dim(e.stack ?? e.message));
  return `${lines.join('\n')}\n`;
};

export const errorJson = (thrown: unknown): Record<string, unknown> => {
  const error = systemFileError(thrown) ?? asError(thrown);
  return error instanceof FlagosError ? error.toJSON() : { code: 'FLAGOS_E_INTERNAL', kind: 'system', reason: error.message };
};
