/** Some nodes on the chips asked for, all others elsewhere: how a fault is narrowed down without changing the model. */
import type { OpenChip } from '../dispatch/planner.ts';
import { refused } from '../plugins/contract.ts';
import { refusing } from './split.ts';

/**
 * @param asked whether a chip is one of those under suspicion.
 * @param allowed names of nodes that may run there.
 */
export const rerouted = (
  chips: readonly OpenChip[],
  asked: (chip: OpenChip) => boolean,
  allowed: ReadonlySet<string>,
): readonly OpenChip[] =>
  chips.map((c) =>
    asked(c)
      ? {
          ...c,
          session: refusing(c.session, (region) =>
            region.nodes.every((n) => allowed.has(n.name)) ? undefined : refused('POLICY', 'it runs elsewhere while a fault is looked for'),
          ),
        }
      : c,
  );
