/**
 * Forests of decision trees, as the three tree ops of ai.onnx.ml use them: nodes in parallel arrays,
 * walked from the roots. A walk longer than there are nodes is a cycle and ends with an error.
 */
import { FlagosError } from '../core/errors.ts';

export const branchModes = ['BRANCH_LEQ', 'BRANCH_LT', 'BRANCH_GTE', 'BRANCH_GT', 'BRANCH_EQ', 'BRANCH_NEQ', 'BRANCH_MEMBER'] as const;
export type BranchMode = (typeof branchModes)[number];

/** A test of one feature. Children ≥ 0 are nodes, others leaves: child −1 is leaf 0, −2 leaf 1, … */
export interface Branch {
  readonly mode: BranchMode;
  readonly feature: number;
  readonly threshold: number;
  /** Values of BRANCH_MEMBER. */
  readonly members?: ReadonlySet<number> | undefined;
  /** Where a missing (NaN) feature goes: to the true side, else to the false side. */
  readonly missingIsTrue: boolean;
  readonly whenTrue: number;
  readonly whenFalse: number;
}

/** What a leaf adds to an output. */
export interface Vote {
  readonly target: number;
  readonly weight: number;
}

export interface Forest {
  readonly branches: readonly Branch[];
  /** Roots, as children: leaves where a tree is nothing else. */
  readonly roots: readonly number[];
  readonly leaves: readonly (readonly Vote[])[];
}

/** A forest is read from attributes once, for as long as a node is bound to them. */
export const readOnce = <A extends object>(read: (attrs: A) => Forest): ((attrs: A) => Forest) => {
  const known = new WeakMap<A, Forest>();
  return (attrs) => {
    const forest = known.get(attrs) ?? read(attrs);
    known.set(attrs, forest);
    return forest;
  };
};

export const leaf = (position: number): number => -1 - position;

export const badTree = (reason: string): FlagosError => new FlagosError('FLAGOS_E_ATTRIBUTE', reason);

/** @throws FLAGOS_E_ATTRIBUTE if a child, feature or target does not exist. */
export const checkForest = ({ branches, roots, leaves }: Forest, features: number, targets: number): void => {
  const checkChild = (child: number): void => {
    if (!Number.isInteger(child) || child >= branches.length || -1 - child >= leaves.length)
      throw badTree(`a tree refers to ${child < 0 ? `leaf ${-1 - child}` : `node ${child}`}, which does not exist`);
  };
  roots.forEach(checkChild);
  branches.forEach((b, i) => {
    checkChild(b.whenTrue);
    checkChild(b.whenFalse);
    if (b.feature < 0 || b.feature >= features) throw badTree(`node ${i} reads feature ${b.feature}, the input has ${features}`);
  });
  for (const votes of leaves) {
    for (const { target } of votes)
      if (target < 0 || target >= targets) throw badTree(`a leaf adds to output ${target}, there are ${targets}`);
  }
};

const passes = (b: Branch, x: number): boolean => {
  if (Number.isNaN(x)) return b.missingIsTrue;
  switch (b.mode) {
    case 'BRANCH_LEQ':
      return x <= b.threshold;
    case 'BRANCH_LT':
      return x < b.threshold;
    case 'BRANCH_GTE':
      return x >= b.threshold;
    case 'BRANCH_GT':
      return x > b.threshold;
    case 'BRANCH_EQ':
      return x === b.threshold;
    case 'BRANCH_NEQ':
      return x !== b.threshold;
    case 'BRANCH_MEMBER':
      return b.members!.has(x);
  }
};

/** The votes of the leaf that a row of features falls into. @throws FLAGOS_E_ATTRIBUTE if it falls in a circle. */
const votesOf = ({ branches, leaves }: Forest, root: number, row: Float64Array): readonly Vote[] => {
  let at = root;
  for (let step = 0; at >= 0; step++) {
    if (step > branches.length) throw badTree('a tree goes in a circle');
    const b = branches[at]!;
    at = passes(b, row[b.feature]!) ? b.whenTrue : b.whenFalse;
  }
  return leaves[-1 - at]!;
};

export const aggregates = ['SUM', 'AVERAGE', 'MIN', 'MAX'] as const;
export type Aggregate = (typeof aggregates)[number];

/** Outputs of one row before base values and post transform; an output no leaf adds to is 0. `voted` tells which ones any did. */
export const predictRow = (
  forest: Forest,
  row: Float64Array,
  targets: number,
  aggregate: Aggregate,
): { scores: number[]; voted: boolean[] } => {
  const scores = new Array<number>(targets).fill(0);
  const voted = new Array<boolean>(targets).fill(false);
  for (const root of forest.roots) {
    for (const { target, weight } of votesOf(forest, root, row)) {
      const old = scores[target]!;
      const pick = aggregate === 'MIN' ? Math.min : aggregate === 'MAX' ? Math.max : undefined;
      scores[target] = pick ? (voted[target] ? pick(old, weight) : weight) : old + weight;
      voted[target] = true;
    }
  }
  if (aggregate === 'AVERAGE') scores.forEach((s, t) => (scores[t] = s / forest.roots.length));
  return { scores, voted };
};
