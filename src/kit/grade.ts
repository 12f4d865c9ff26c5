/**
 * The grade of a chip, from its checks:
 *
 * - A: everything passes, nothing is skipped or loosened.
 * - B: nothing fails; some checks were skipped, or passed by the wider tolerance only.
 * - C: correct, and fails under faults or in whole models.
 * - D: some op gives wrong results in some type.
 * - F: breaks the contract, or cannot be opened: not to be used.
 * - `-`: not graded, because the chip is not on this machine.
 */
import type { CheckResult, Status } from './types.ts';

export type Grade = 'A' | 'B' | 'C' | 'D' | 'F' | '-';

export const gradeOf = (checks: readonly CheckResult[]): Grade => {
  const failed = new Set(checks.filter((c) => c.status === 'fail').map((c) => c.level));
  if (failed.has('manifest') || failed.has('chip') || failed.has('contract')) return 'F';
  if (failed.has('numerics')) return 'D';
  if (failed.size > 0) return 'C';
  if (!checks.some((c) => c.level === 'numerics' && c.status === 'pass')) return '-';
  return checks.some((c) => c.status === 'skip' || c.status === 'loosened') ? 'B' : 'A';
};

export const countOf = (checks: readonly CheckResult[], status: Status): number => checks.filter((c) => c.status === status).length;

/** `A: 712 passed, 3 loosened, 2 skipped, 0 failed`. */
export const summaryOf = (checks: readonly CheckResult[]): string =>
  `${gradeOf(checks)}: ${countOf(checks, 'pass')} passed, ${countOf(checks, 'loosened')} loosened, ${countOf(checks, 'skip')} skipped, ${countOf(checks, 'fail')} failed`;
