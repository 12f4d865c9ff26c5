/** All checks of a level, and running one of them. */
import { asError } from '../core/errors.ts';
import { chipChecks } from './level-chip.ts';
import { contractChecks } from './level-contract.ts';
import { faultChecks } from './level-faults.ts';
import { modelChecks } from './level-model.ts';
import { numericsChecks } from './level-numerics.ts';
import { performanceChecks } from './level-performance.ts';
import type { Check, CheckResult, LevelName, Subject } from './types.ts';

const makers: Readonly<Record<LevelName, (subject: Subject) => Check[]>> = {
  chip: chipChecks,
  contract: contractChecks,
  numerics: numericsChecks,
  faults: faultChecks,
  model: modelChecks,
  performance: performanceChecks,
};

/** @throws what `supports` throws. */
export const checksOf = (level: LevelName, subject: Subject): Check[] => makers[level](subject);

/** Never throws: what a check throws is what the plugin did wrong. It may hang, though: whoever calls it has a time limit, and a process to spare. */
export const runCheck = async ({ level, name, run }: Check): Promise<CheckResult> => {
  const start = performance.now();
  const done = (outcome: Awaited<ReturnType<Check['run']>>): CheckResult => ({
    level,
    name,
    ...outcome,
    ms: Math.round(performance.now() - start),
  });
  try {
    return done(await run());
  } catch (e) {
    return done({ status: 'fail', detail: `throws: ${asError(e).message.split('\n')[0]}` });
  }
};
