/** The table fault × rule: who sees what, and who objects to what is right. */
import { errorModel, score } from '../../accuracy/index.ts';
import { opSet } from '../../ops/index.ts';
import { alarmsOf, digestOf } from '../alarms.ts';
import type { Gate } from '../gates.ts';
import { faults, type Planted } from './faults.ts';

export interface SelftestRow {
  readonly fault: string;
  readonly wrong: boolean;
  /** What ours says, in words; empty if nothing. */
  readonly says: string;
  /** By rule, ours (`flagos`) first: whether it objects. */
  readonly objects: Readonly<Record<string, boolean>>;
}

const ours = ({ node, inputs }: Planted, seen: ReturnType<Planted['observe']>, goldens: ReturnType<typeof errorModel>): string[] => {
  const said: string[] = [];
  seen.outputs.forEach((actual, i) => {
    const bounds = goldens[i]!;
    const s = score(actual, bounds);
    const alarms = alarmsOf({ actual, bounds, score: s, inputs, last: { actual: seen.last, golden: undefined }, ops: [node.op] });
    said.push(...alarms.map((a) => a.text));
    if (s.level === 'fail' || s.maxEta > 1)
      said.push(
        s.classMismatches > 0
          ? 'NaN or infinity where there is none, or none where there is'
          : `${Number.isFinite(s.maxEta) ? s.maxEta.toPrecision(3) : '∞'} × the allowed error`,
      );
  });
  if (seen.inputModified) said.push('an input was written to');
  if (seen.otherChip) said.push('it never ran on the chip asked for');
  if (seen.again?.some((run) => run.some((t, i) => digestOf(t) !== digestOf(seen.outputs[i])))) said.push('not the same bits twice');
  return said;
};

/** @param gates other people's rules; each sees the first run alone, as they do. */
export const selftest = (gates: readonly Gate[]): SelftestRow[] =>
  faults.map((fault) => {
    const goldens = errorModel(opSet.find(fault.node.domain, fault.node.op)!, fault.node, fault.inputs, {
      numerics: { inputs: 'same', accumulate: 'same', notes: ['reassociated'] },
    });
    const seen = fault.observe();
    const said = ours(fault, seen, goldens);
    const objects: Record<string, boolean> = { flagos: said.length > 0 };
    for (const gate of gates) objects[gate.name] = seen.outputs.some((t, i) => gate.judge(t, goldens[i]!.golden as typeof t).ok === false);
    return { fault: fault.name, wrong: fault.wrong, says: said.join('; '), objects };
  });
