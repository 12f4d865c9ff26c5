/**
 * Bisection by re-routing: which nodes, if they alone run on the chip and all others elsewhere, make the
 * end result wrong? From large to small: providers, kernels, ops, nodes; each step is delta debugging over
 * the groups of what is left.
 */
import { ddmin, type Shows } from './ddmin.ts';

/** A node as a suspect. */
export interface Suspect {
  readonly node: string;
  readonly op: string;
  /** Kernel it runs on, `provider/chip:Op.variant`. */
  readonly kernel: string;
}

export const stages = ['provider', 'kernel', 'op', 'node'] as const;
export type Stage = (typeof stages)[number];

const groupOf = (s: Suspect, stage: Stage): string =>
  ({ provider: s.kernel.slice(0, s.kernel.indexOf('/')), kernel: s.kernel, op: `${s.kernel} ${s.op}`, node: s.node })[stage];

export interface BisectResult {
  /** A minimal set: the end is wrong with all of them on the chip, and right without any one of them. Empty: it is not wrong at all. */
  readonly culprits: readonly Suspect[];
  /** Sizes of what was left after each stage. */
  readonly left: Readonly<Partial<Record<Stage, number>>>;
}

/** @param shows whether the end is wrong with these nodes on the chip. */
export const bisect = async (suspects: readonly Suspect[], shows: Shows<Suspect>): Promise<BisectResult> => {
  if (suspects.length === 0 || !(await shows(suspects))) return { culprits: [], left: {} };
  let culprits: Suspect[] = [...suspects];
  const left: Partial<Record<Stage, number>> = {};
  for (const stage of stages) {
    const groups = new Map<string, Suspect[]>();
    for (const s of culprits) groups.set(groupOf(s, stage), [...(groups.get(groupOf(s, stage)) ?? []), s]);
    const kept = await ddmin(
      [...groups.values()],
      (some) => shows(some.flat()),
      (g) => g.map((s) => s.node).join('\n'),
    );
    culprits = kept.flat();
    left[stage] = culprits.length;
  }
  return { culprits, left };
};

/** Minimal sets one after another, until what is left makes nothing wrong. At most `most`. */
export const bisectAll = async (suspects: readonly Suspect[], shows: Shows<Suspect>, most = 8): Promise<BisectResult[]> => {
  const found: BisectResult[] = [];
  let rest = [...suspects];
  while (found.length < most) {
    const result = await bisect(rest, shows);
    if (result.culprits.length === 0) break;
    found.push(result);
    const names = new Set(result.culprits.map((c) => c.node));
    rest = rest.filter((s) => !names.has(s.node));
  }
  return found;
};
