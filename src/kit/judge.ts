/** Results of one op against the error model: what is allowed follows from the op and from what the kernel declares of its arithmetic. */
import { errorModel, score } from '../accuracy/index.ts';
import { describeValue, type Value } from '../core/tensor.ts';
import { defaultVariant, type Variant } from '../plugins/contract.ts';
import type { OpSet } from '../ops/registry.ts';
import type { Case } from './case.ts';
import { fail, pass, type Outcome } from './types.ts';

/** How bad an outcome is. */
export const badness = { pass: 0, na: 0.5, skip: 1, loosened: 2, fail: 3 } as const;
export const worse = (a: Outcome, b: Outcome): Outcome => (badness[b.status] > badness[a.status] ? b : a);

/** Of what is random, type and shape are looked at and nothing else. */
const sameKind = (actual: Value | undefined, expected: Value): Outcome => {
  const [a, e] = [actual === undefined ? 'missing' : describeValue(actual), describeValue(expected)];
  return a === e ? { status: 'na', detail: 'random: only type and shape are looked at' } : fail(`is ${a}, expected ${e}`);
};

/** What a case allows. @throws FLAGOS_E_… of kind `user` where the op itself does not allow such inputs. */
export const boundsOf = (ops: OpSet, c: Case, { numerics }: Variant): Allowed => {
  const [node] = c.region.nodes;
  const record = ops.find(node!.domain, node!.op)!;
  const read = new Map<string, Value>([...c.region.constants, ...c.region.inputs.map((v, i) => [v.name, c.inputs[i]!] as const)]);
  return errorModel(
    record,
    node!,
    node!.inputs.map((name) => read.get(name)),
    { numerics, levels: ['standard', 'loose'] },
  );
};
type Allowed = ReturnType<typeof errorModel>;

/**
 * `tight` and `standard` pass; `loose` is reported as loosened.
 * @param results in the order of the node's outputs.
 */
export const judgeBy = (bounds: Allowed, c: Case, results: readonly (Value | undefined)[]): Outcome => {
  const [node] = c.region.nodes;
  let worst: Outcome = pass();
  for (const [i, b] of bounds.entries()) {
    // Outputs the node leaves out are nobody's.
    if (!b || !node!.outputs[i]) continue;
    const found = c.deterministic ? judgeOne(results[i], b) : sameKind(results[i], b.golden);
    worst = worse(worst, found.status === 'pass' ? found : { ...found, detail: `output ${i} ${found.detail}` });
  }
  return worst;
};

export const judgeCase = (ops: OpSet, c: Case, results: readonly (Value | undefined)[], variant: Variant = defaultVariant): Outcome =>
  judgeBy(boundsOf(ops, c, variant), c, results);

const judgeOne = (actual: Value | undefined, bounds: Parameters<typeof score>[1]): Outcome => {
  // A variant that says it reads or sums in less is held to that, and does not pass by a wider tolerance for it.
  const { kept, problem, worst, maxEta, classMismatches } = score(actual, bounds);
  if (kept === 'loose') return { status: 'loosened', detail: `${maxEta.toPrecision(3)} × what level standard allows; within loose` };
  if (kept !== 'fail') return pass();
  if (problem !== undefined) return fail(problem);
  const [w] = worst;
  const classes =
    classMismatches > 0 ? `; ${classMismatches} elements are NaN or infinite where they should not be, or the other way round` : '';
  return fail(w ? `differs at element ${w.at}: ${String(w.actual)}, expected ${String(w.golden)}${classes}` : `differs${classes}`);
};
