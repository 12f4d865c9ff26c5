/** Level `numerics`: every op and element type the session says it has, in every variant, against float64; nobody else steps in. */
import { asError, FlagosError } from '../core/errors.ts';
import { describeValue, type Value } from '../core/tensor.ts';
import { allCases, expectedOf, type Case } from './case.ts';
import { perform } from './perform.ts';
import { variantsFor } from './supported.ts';
import { judge } from './tolerance.ts';
import { fail, pass, skip, type Check, type Outcome, type Subject } from './types.ts';

/** The worse of two. */
const rank = { pass: 0, na: 0.5, skip: 1, loosened: 2, fail: 3 } as const;

/** Of what is random, type and shape are looked at and nothing else. */
const sameKind = (actual: Value | undefined, expected: Value): Outcome => {
  const [a, e] = [actual === undefined ? 'missing' : describeValue(actual), describeValue(expected)];
  return a === e ? { status: 'na', detail: 'random: only type and shape are looked at' } : fail(`is ${a}, expected ${e}`);
};

const tryCase = async (subject: Subject, c: Case): Promise<{ readonly outcome: Outcome; readonly ran: number }> => {
  const variants = variantsFor(subject, c);
  if (variants.length === 0) return { outcome: pass(), ran: 0 };
  const expected = await expectedOf(subject.ops, c);
  let worst: Outcome = pass();
  let ran = 0;
  for (const variant of variants) {
    let results;
    try {
      results = await perform(subject.session, c.region, c.inputs, variant.name);
    } catch (e) {
      const error = asError(e);
      // Allowed, if it is said when preparing; but what supports promises should hold.
      const took = error instanceof FlagosError && error.code === 'FLAGOS_E_UNSUPPORTED';
      const outcome = took
        ? skip(`${c.id}, ${variant.name}: refused only when prepared: ${error.reason}`)
        : fail(`${c.id}, ${variant.name}: ${error.message.split('\n')[0]}`);
      if (rank[outcome.status] > rank[worst.status]) worst = outcome;
      continue;
    }
    ran++;
    for (const [i, e] of expected.entries()) {
      const found = c.deterministic ? judge(results[i], e, variant) : sameKind(results[i], e);
      if (rank[found.status] > rank[worst.status]) worst = { ...found, detail: `${c.id}, ${variant.name}: output ${i} ${found.detail}` };
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
            if (rank[found.outcome.status] > rank[worst.status]) worst = found.outcome;
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
