/** The dumps a command line names, held together: which side each is, and the inputs all of them share. */
import { FlagosError } from '../../core/errors.ts';
import type { Model } from '../../core/graph.ts';
import type { Value } from '../../core/tensor.ts';
import { requiredInputs } from '../model/inputs.ts';
import { openDump } from './open.ts';
import { DumpSide, sharedFeeds } from './side.ts';

export interface DumpSpecs {
  readonly golden: string | undefined;
  readonly chip: string | undefined;
  readonly inputs: string | undefined;
}

export interface DumpSides {
  readonly golden: DumpSide | undefined;
  readonly chip: DumpSide | undefined;
  readonly inputs: DumpSide | undefined;
  readonly feeds: ReadonlyMap<string, Value>;
  readonly notes: readonly string[];
}

/**
 * @param given inputs that the command line gives otherwise.
 * @throws FLAGOS_E_INPUT where an input is in no dump: made-up ones would compare runs that have nothing in common.
 */
export const openSides = (specs: DumpSpecs, model: Model, given: ReadonlySet<string>, cwd: string): DumpSides => {
  const notes: string[] = [];
  const open = (side: keyof DumpSpecs): DumpSide | undefined => {
    const spec = specs[side];
    if (spec === undefined) return undefined;
    const dump = openDump(spec, cwd);
    notes.push(...dump.notes);
    return new DumpSide(dump, side, model);
  };
  const sides = { golden: open('golden'), chip: open('chip'), inputs: open('inputs') };
  const feeds = sharedFeeds(
    [sides.golden, sides.chip, sides.inputs].flatMap((s) => s ?? []),
    model,
  );
  if (sides.golden || sides.chip)
    for (const { name } of requiredInputs(model))
      if (!feeds.has(name) && !given.has(name))
        throw new FlagosError('FLAGOS_E_INPUT', `no dump holds the model's input '${name}'`, {
          hint: `give what it ran on: --input ${name}=<file>, or --inputs-from <dump>`,
        });
  return { ...sides, feeds, notes };
};
