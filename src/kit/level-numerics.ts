/** Level `numerics`: every op and element type the session says it has, in every variant, against float64; nobody else steps in. */
import { asError, FlagosError } from '../core/errors.ts';
import { allCases, type Case } from './case.ts';
import { perform } from './perform.ts';
import { variantsFor } from './supported.ts';
import { boundsOf, judgeBy, worse } from './judge.ts';
import { fail, pass, skip, type Check, type Outcome, type Subject } from './types.ts';

const tryCase = async (subject: Subject, c: Case): Promise<{ readonly outcome: Outcome; readonly ran: number }> => {
  let worst: Outcome = pass();
  let ran = 0;
  for (const variant of variantsFor(subject, c)) {
    const say = (outcome: Outcome): Outcome =>
      outcome.status === 'pass' ? outcome : { ...outcome, detail: `${c.id}, ${variant.name}: ${outcome.detail}` };
    let bounds;
    try {
      bounds = boundsOf(subject.ops, c, variant);
    } catch (e) {
      // The kit's own example is not one the op allows with this type: there is nothing to hold a kernel to.
      if (!(e instanceof FlagosError) || e.kind !== 'user') throw e;
      worst = worse(worst, say({ status: 'na', detail: `no such call: ${e.reason}` }));
      continue;
    }
    try {
      const results = await perform(subject.session, c.region, c.inputs, variant.name);
      ran++;
      worst = worse(worst, say(judgeBy(bounds, c, results)));
    } catch (e) {
      const error = asError(e);
      // Allowed, if it is said when preparing; but what supports promises should hold.
      const refusal = error instanceof FlagosError && error.code === 'FLAGOS_E_UNSUPPORTED';
      worst = worse(worst, say(refusal ? skip(`refused only when prepared: ${error.reason}`) : fail(error.message.split('\n')[0]!)));
    }
  }
  return { outcome: worst, ran };
};

/** Ops and types none of whose cases is supported have no check: what a chip does not have is no fault of it. */
export const numericsChecks = (subject: Subject): Check[] => {
  const checks: Check[] = [];
  for (const { op, dtype, cases } of allCases(subject.ops, subject.filter)) {
    let supported;
    let problem: string | undefined;
    try {
      supported = cases().filter((c) => variantsFor(subject, c).length > 0);
    } catch (e) {
      problem = asError(e).message;
    }
    const name = dtype === undefined ? op : `${op} ${dtype}`;
    if (problem !== undefined) checks.push({ level: 'numerics', name, run: async () => fail(`supports throws: ${problem}`) });
    else if (supported!.length > 0) {
      checks.push({
        level: 'numerics',
        name,
        run: async () => {
          let worst: Outcome = pass();
          let ran = 0;
          for (const c of supported!) {
            const found = await tryCase(subject, c);
            ran += found.ran;
            worst = worse(worst, found.outcome);
          }
          return { ...worst, facts: { cases: supported!.length, runs: ran } };
        },
      });
    }
  }
  return checks.length > 0
    ? checks
    : [{ level: 'numerics', name: 'there is an op to try', run: async () => skip('it supports none of the kit’s cases') }];
};
