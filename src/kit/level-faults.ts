/** Level `faults`: many kernels at the same time, one that is disposed of while it runs, and results no memory can hold. */
import { isPromise } from '../core/async.ts';
import { asError } from '../core/errors.ts';
import type { RunValue } from '../plugins/contract.ts';
import { callGraph } from '../runtime/call.ts';
import { shapedCase, type Case } from './case.ts';
import { compareAll } from './level-contract.ts';
import { enter, perform, runOnce } from './perform.ts';
import { selection, sized, variantsFor } from './supported.ts';
import { fail, pass, skip, type Check, type Outcome, type Subject } from './types.ts';

/** Results of 2⁷² bytes from inputs of a few MiB. */
const enormous = (subject: Subject): Case | undefined => {
  const side = 2 ** 18;
  for (const dtype of ['float32', 'float64', 'int32'] as const) {
    for (const [op, shapes] of [
      [
        'MatMul',
        [
          [side, 1],
          [1, side],
        ],
      ],
      [
        'Add',
        [
          [side, 1],
          [1, side],
        ],
      ],
      [
        'Mul',
        [
          [side, 1],
          [1, side],
        ],
      ],
    ] as const) {
      if (subject.filter && !subject.filter.test(op)) continue;
      const c = shapedCase(subject.ops, op, dtype, shapes);
      if (variantsFor(subject, c).length > 0) return c;
    }
  }
  return undefined;
};

const stillWorks = async (subject: Subject): Promise<Outcome> => {
  const [s] = selection(subject, 1);
  if (!s) return skip('it supports none of the kit’s cases');
  return compareAll(subject, s, await perform(subject.session, s.case.region, s.case.inputs, s.variants[0]!.name));
};

export const faultChecks = (subject: Subject): Check[] => {
  const { session } = subject;
  return [
    {
      level: 'faults',
      name: 'many kernels at the same time',
      run: async () => {
        const chosen = selection(subject, 8);
        if (chosen.length === 0) return skip('it supports none of the kit’s cases');
        const many = Array.from({ length: 32 }, (_, i) => chosen[i % chosen.length]!);
        const prepared = await Promise.all(many.map((s) => session.prepare(s.case.region, s.variants[0]!.name)));
        const results = await Promise.all(many.map((s, i) => runOnce(session, prepared[i]!, s.case.region, s.case.inputs)));
        for (const p of prepared) await p.dispose();
        for (const [i, s] of many.entries()) {
          const found = await compareAll(subject, s, results[i]!);
          if (found.status === 'fail') return fail(`${s.case.id}: ${found.detail}`);
        }
        return pass();
      },
    },
    {
      level: 'faults',
      name: 'disposed of while it runs',
      run: async () => {
        const s = sized(subject, 1024);
        if (!s) return skip('none of its ops takes tensors of any size');
        const prepared = await session.prepare(s.case.region, s.variants[0]!.name);
        const outputs: RunValue[] = s.case.region.outputs.map(() => undefined);
        const running = prepared.run(await enter(session, s.case.inputs), outputs);
        if (!isPromise(running)) {
          await prepared.dispose();
          return { status: 'na', detail: 'its runs are synchronous' };
        }
        const disposed = (async () => prepared.dispose())();
        // Finishing and being cut off are both right; taking the process along is not.
        await Promise.allSettled([running, disposed]);
        return stillWorks(subject);
      },
    },
    {
      level: 'faults',
      name: 'a result that no memory can hold',
      run: async () => {
        const c = enormous(subject);
        if (!c) return { status: 'na', detail: 'none of its ops makes much of little' };
        try {
          const results = await perform(session, c.region, c.inputs, variantsFor(subject, c)[0]!.name);
          if (results[0] !== undefined) return fail('it gave a result of 2³⁶ elements');
          return fail('it ended without an error and without a result');
        } catch (e) {
          const outcome = await stillWorks(subject);
          return outcome.status === 'pass' ? pass(asError(e).message.split('\n')[0]) : outcome;
        }
      },
    },
    {
      level: 'faults',
      name: 'a node it does not know is refused, not failed',
      run: async () => {
        const c = shapedCase(subject.ops, 'Relu', 'float32', [[2]]);
        const [known] = callGraph('Relu', c.inputs, {}, 1, subject.ops).nodes;
        const said = session.supports({ ...c.region, nodes: [{ ...known!, op: 'NoSuchOp', domain: 'kit.flagos' }] });
        return said.ok ? fail('it says it can run kit.flagos.NoSuchOp') : pass();
      },
    },
  ];
};
