/**
 * Runs units in children that may crash or hang. A unit that was lost runs again without the witness,
 * which may have been the one that crashed; if it is lost again, the case it was at has failed, and the
 * rest of the unit goes on without it.
 */
import { failedCase, type CaseBase, type CaseVerdict } from '../../opmanager/verify/check.ts';
import { runPool } from '../conformance/pool.ts';
import type { UnitResult, VerifySetup } from './unit.ts';

export interface SweepOptions {
  readonly program: string;
  readonly setup: Omit<VerifySetup, 'skip'>;
  readonly jobs: number;
  readonly limitMs: number;
  readonly done: (result: UnitResult) => void;
}

/** Cases of one unit that may be lost before the unit is given up. */
const PATIENCE = 3;

const how = { crash: 'the process ended', timeout: 'it did not come back' } as const;

export const sweep = async (units: readonly string[], { program, setup, jobs, limitMs, done }: SweepOptions): Promise<void> => {
  const pass = (names: readonly string[], with_: VerifySetup, take: (r: UnitResult) => void): Promise<void> =>
    runPool<VerifySetup, UnitResult>(names, {
      program,
      verb: 'verify-worker',
      setup: with_,
      jobs,
      limitMs,
      done: take,
      lost: (name, status, reason, ms, at) => ({
        name,
        verdicts: [],
        refused: {},
        notAllowed: 0,
        ms,
        lost: { status, reason, at: at as CaseBase | undefined },
      }),
    });
  const lost: UnitResult[] = [];
  await pass(units, { ...setup, skip: [] }, (r) => (r.lost ? lost.push(r) : done(r)));
  for (const unit of lost) {
    const failed: CaseVerdict[] = [];
    const skip: string[] = [];
    for (;;) {
      let result = unit;
      await pass([unit.name], { ...setup, witness: '', skip: [...skip] }, (r) => (result = r));
      const at = result.lost?.at;
      if (result.lost && at) {
        failed.push(failedCase(at, `${how[result.lost.status]}: ${result.lost.reason}`));
        skip.push(`${at.kernel} ${at.id}`);
        if (failed.length < PATIENCE) continue;
      }
      done({ ...result, verdicts: [...result.verdicts, ...failed] });
      break;
    }
  }
};
