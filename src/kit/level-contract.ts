/** Level `contract`: inputs stay as they are, results go where they are wanted, kernels do not know of each other, and let go of what they took. */
import { concreteShape } from '../core/graph.ts';
import { isFloat } from '../core/dtype.ts';
import { bytesOf, describeValue, Tensor, type Value } from '../core/tensor.ts';
import { shapedCase, type Case } from './case.ts';
import { runOnce } from './perform.ts';
import { selection, sized, variantsFor, type Supported } from './supported.ts';
import { judgeCase } from './judge.ts';
import { fail, pass, skip, type Check, type Outcome, type Subject } from './types.ts';

const CASES = 12;

const imageOf = (v: Value): string => {
  if (!(v instanceof Tensor)) return describeValue(v);
  return Array.isArray(v.data) ? JSON.stringify(v.data) : bytesOf(v.data).join();
};

/** Compares all results of a case. */
export const compareAll = async (subject: Subject, { case: c, variants }: Supported, results: readonly Value[]): Promise<Outcome> =>
  judgeCase(subject.ops, c, results, variants[0]);

/** Tensors for the results, full of what must not be there afterwards. */
const soiled = (c: Case): (Tensor | undefined)[] =>
  c.region.outputs.map(({ type }) => {
    const dims = type && concreteShape(type);
    if (type?.kind !== 'tensor' || !dims || type.dtype === 'string') return undefined;
    const place = Tensor.zeros(type.dtype, dims);
    if (!Array.isArray(place.data)) bytesOf(place.data).fill(isFloat(type.dtype) ? 0xff : 1);
    return place;
  });

const forCase = (subject: Subject, s: Supported): Check[] => {
  const { case: c, variants } = s;
  const { session } = subject;
  const variant = variants[0]!.name;
  const check = (name: string, run: () => Promise<Outcome>): Check => ({ level: 'contract', name: `${c.op}: ${name}`, run });
  return [
    check('supports gives the same answer again', async () => {
      const answers = [session.supports(c.region), session.supports(c.region)];
      return answers.every((a) => a.ok) ? pass() : fail('it says yes and then no');
    }),
    check('inputs stay as they are', async () => {
      const before = c.inputs.map(imageOf);
      const prepared = await session.prepare(c.region, variant);
      await runOnce(session, prepared, c.region, c.inputs);
      await prepared.dispose();
      const changed = c.inputs.findIndex((v, i) => imageOf(v) !== before[i]);
      return changed < 0 ? pass() : fail(`input ${changed} is changed`);
    }),
    check('results go into the tensors that are given, whatever was in them', async () => {
      if (session.memory) return { status: 'na', detail: 'it has memory of its own' };
      const places = soiled(c);
      const prepared = await session.prepare(c.region, variant);
      const results = await runOnce(session, prepared, c.region, c.inputs, places);
      await prepared.dispose();
      const replaced = places.findIndex((p, i) => p && results[i] !== p);
      return replaced >= 0 ? fail(`the tensor for output ${replaced} was replaced by another one`) : compareAll(subject, s, results);
    }),
    check('results of its own have the type and shape the op has', async () => {
      const prepared = await session.prepare(c.region, variant);
      const results = await runOnce(session, prepared, c.region, c.inputs);
      await prepared.dispose();
      return compareAll(subject, s, results);
    }),
    check('a second run gives the same', async () => {
      if (!c.deterministic || variants[0]!.numerics.notes.includes('nondeterministic'))
        return { status: 'na', detail: 'it says it may differ' };
      const prepared = await session.prepare(c.region, variant);
      const first = (await runOnce(session, prepared, c.region, c.inputs)).map(imageOf);
      const second = (await runOnce(session, prepared, c.region, c.inputs)).map(imageOf);
      await prepared.dispose();
      return first.every((f, i) => f === second[i]) ? pass() : fail('the results differ, and it does not declare that they may');
    }),
    check('a result is not overwritten by the next run', async () => {
      if (session.memory) return { status: 'na', detail: 'it has memory of its own' };
      const prepared = await session.prepare(c.region, variant);
      const first = await runOnce(session, prepared, c.region, c.inputs);
      const image = first.map(imageOf);
      // Other inputs of the same types, so that a result that is shared would show it.
      const others = c.inputs.map((v) => (v instanceof Tensor && isFloat(v.dtype) ? Tensor.zeros(v.dtype, v.dims) : v));
      await runOnce(session, prepared, c.region, others);
      await prepared.dispose();
      return first.every((v, i) => imageOf(v) === image[i]) ? pass() : fail('the first result changed when it ran again');
    }),
    check('disposing of one kernel leaves its twin alone', async () => {
      const twins = [await session.prepare(c.region, variant), await session.prepare(c.region, variant)];
      await runOnce(session, twins[0]!, c.region, c.inputs);
      await twins[0]!.dispose();
      const results = await runOnce(session, twins[1]!, c.region, c.inputs);
      await twins[1]!.dispose();
      return compareAll(subject, s, results);
    }),
  ];
};

/** The same tensor as both operands. */
const aliasing = (subject: Subject): Check => ({
  level: 'contract',
  name: 'one tensor as two inputs',
  run: async () => {
    const { session, ops, filter } = subject;
    for (const op of ['Add', 'Mul', 'MatMul', 'Sub', 'Max']) {
      if (filter && !filter.test(op)) continue;
      for (const dtype of ['float32', 'float64'] as const) {
        const c = shapedCase(ops, op, dtype, [
          [17, 17],
          [17, 17],
        ]);
        const variants = variantsFor(subject, c);
        if (variants.length === 0) continue;
        const same = { ...c, inputs: [c.inputs[0]!, c.inputs[0]!] };
        const prepared = await session.prepare(c.region, variants[0]!.name);
        const results = await runOnce(session, prepared, c.region, same.inputs);
        await prepared.dispose();
        return compareAll(subject, { case: same, variants }, results);
      }
    }
    return { status: 'na', detail: 'none of its ops takes two tensors of one shape' };
  },
});

const RUNS = 300;
const ROUNDS = 4;
/** Growth that is taken for a leak, as a part of what all the runs together took. */
const LEAK = 0.3;

/** Bytes held when what was collected has been given back, too: native memory is, in a later turn of the event loop. */
const held = async (memory: () => number): Promise<number> => {
  memory();
  await new Promise((go) => void setTimeout(go, 5));
  return memory();
};

const leaks = (subject: Subject, what: string, step: (s: Supported) => Promise<() => Promise<void>>): Check => ({
  level: 'contract',
  name: what,
  run: async () => {
    const { memory } = subject;
    if (!memory) return skip('nobody here can tell how much memory the process holds');
    const s = sized(subject, 256);
    if (!s) return skip('none of its ops takes tensors of any size');
    const once = await step(s);
    for (let i = 0; i < 40; i++) await once();
    const bytes = 256 * 256 * 4;
    let grown = 0;
    // A heap that finds its size stops growing; a leak does not.
    for (let round = 0; round < ROUNDS; round++) {
      const before = await held(memory);
      for (let i = 0; i < RUNS; i++) await once();
      grown = (await held(memory)) - before;
      if (grown <= LEAK * RUNS * bytes) return pass();
    }
    return fail(`${RUNS} times ${s.case.id} left ${Math.round(grown / 2 ** 20)} MiB behind, in each of ${ROUNDS} rounds`);
  },
});

export const contractChecks = (subject: Subject): Check[] => {
  const chosen = selection(subject, CASES);
  const { session } = subject;
  if (chosen.length === 0)
    return [{ level: 'contract', name: 'there is an op to try', run: async () => skip('it supports none of the kit’s cases') }];
  return [
    ...chosen.flatMap((s) => forCase(subject, s)),
    aliasing(subject),
    leaks(subject, 'running leaves no memory behind', async (s) => {
      const prepared = await session.prepare(s.case.region, s.variants[0]!.name);
      return async () => void (await runOnce(session, prepared, s.case.region, s.case.inputs));
    }),
    leaks(subject, 'preparing and disposing leaves no memory behind', async (s) => async () => {
      const prepared = await session.prepare(s.case.region, s.variants[0]!.name);
      await runOnce(session, prepared, s.case.region, s.case.inputs);
      await prepared.dispose();
    }),
  ];
};
