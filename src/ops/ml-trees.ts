/** TreeEnsemble: a forest with its inner nodes and its leaves in arrays of their own, one value a leaf. */
import { dtypeInfo, type DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { int, optionalInt, optionalInts, optionalTensor, requiredInts, requiredTensor, type AttrSpec } from './attrs.ts';
import { contraction, defineOp, type AttrValues } from './define.ts';
import { badTree, branchModes, checkForest, leaf, predictRow, readOnce, type Aggregate, type Branch, type Forest } from './ml-forest.ts';
import { expectLength, fromRows, rowShape, rowsOf, transformScores, type PostTransform } from './ml-scores.ts';

const attrSpecs = {
  aggregate_function: int(1),
  leaf_targetids: requiredInts(),
  leaf_weights: requiredTensor(),
  membership_values: optionalTensor(),
  n_targets: optionalInt(),
  nodes_falseleafs: requiredInts(),
  nodes_falsenodeids: requiredInts(),
  nodes_featureids: requiredInts(),
  nodes_hitrates: optionalTensor(),
  nodes_missing_value_tracks_true: optionalInts(),
  nodes_modes: requiredTensor(),
  nodes_splits: requiredTensor(),
  nodes_trueleafs: requiredInts(),
  nodes_truenodeids: requiredInts(),
  post_transform: int(0),
  tree_roots: requiredInts(),
} satisfies Record<string, AttrSpec<unknown>>;
type Attrs = AttrValues<typeof attrSpecs>;

/** The enumerations of this op, by number. */
const aggregateByNumber: readonly Aggregate[] = ['AVERAGE', 'SUM', 'MIN', 'MAX'];
const transformByNumber: readonly PostTransform[] = ['NONE', 'SOFTMAX', 'LOGISTIC', 'SOFTMAX_ZERO', 'PROBIT'];

const oneOfNumbered = <T>(list: readonly T[], number: number, name: string): T => {
  const item = list[number];
  if (item === undefined) throw badTree(`attribute '${name}' is ${number}, it must be from 0 to ${list.length - 1}`);
  return item;
};

/** Sets of values, each ended by a NaN (the last one may do without). */
const memberSets = (values: Tensor | undefined): ReadonlySet<number>[] => {
  const sets: Set<number>[] = [];
  let open: Set<number> | undefined;
  for (const v of values?.toNumbers() ?? []) {
    if (!open) sets.push((open = new Set()));
    if (Number.isNaN(v)) open = undefined;
    else open.add(v);
  }
  return sets;
};

/** @throws FLAGOS_E_ATTRIBUTE if the arrays do not fit together. */
const readForest = readOnce((attrs: Attrs): Forest => {
  const modes = attrs.nodes_modes.toNumbers();
  const splits = attrs.nodes_splits.toNumbers();
  const weights = attrs.leaf_weights.toNumbers();
  const sets = memberSets(attrs.membership_values);
  const { nodes_missing_value_tracks_true: missing } = attrs;
  for (const name of ['nodes_featureids', 'nodes_truenodeids', 'nodes_falsenodeids', 'nodes_trueleafs', 'nodes_falseleafs'] as const)
    expectLength(attrs[name], modes.length, name);
  expectLength(splits, modes.length, 'nodes_splits');
  if (missing) expectLength(missing, modes.length, 'nodes_missing_value_tracks_true');
  expectLength(weights, attrs.leaf_targetids.length, 'leaf_weights');
  let set = 0;
  const branches = Array.from(modes, (number, i): Branch => {
    const mode = oneOfNumbered(branchModes, number, 'nodes_modes');
    const members = mode === 'BRANCH_MEMBER' ? sets[set++] : undefined;
    if (mode === 'BRANCH_MEMBER' && !members)
      throw badTree(`'membership_values' holds ${sets.length} sets, more nodes than that test membership`);
    const child = (isLeaf: number, id: number): number => {
      if (id < 0) throw badTree(`node ${i} has a child ${id}`);
      return isLeaf ? leaf(id) : id;
    };
    return {
      mode,
      members,
      feature: attrs.nodes_featureids[i]!,
      threshold: splits[i]!,
      missingIsTrue: missing?.[i] === 1,
      whenTrue: child(attrs.nodes_trueleafs[i]!, attrs.nodes_truenodeids[i]!),
      whenFalse: child(attrs.nodes_falseleafs[i]!, attrs.nodes_falsenodeids[i]!),
    };
  });
  if (attrs.tree_roots.some((r) => r < 0)) throw badTree('a tree root is negative');
  return { branches, roots: attrs.tree_roots, leaves: Array.from(weights, (weight, i) => [{ target: attrs.leaf_targetids[i]!, weight }]) };
});

const targetCount = ({ n_targets, leaf_targetids }: Attrs): number => {
  const count = n_targets ?? leaf_targetids.reduce((a, b) => Math.max(a, b), -1) + 1;
  if (count < 1) throw badTree(`attribute 'n_targets' is ${count}, it must be at least 1`);
  return count;
};

const types = ['float32', 'float64', 'float16'] as const satisfies readonly DType[];

export const TreeEnsemble = defineOp({
  name: 'TreeEnsemble',
  domain: 'ai.onnx.ml',
  since: 5,
  accuracy: contraction,
  inputs: { X: types },
  outputs: { Y: 'X' },
  attrs: attrSpecs,
  shapes: ({ X }, attrs) => [[rowShape(X.shape)[0], targetCount(attrs)]],
  host: ({ X }, attrs) => {
    if (dtypeInfo(attrs.nodes_splits.dtype).kind !== 'float')
      throw new FlagosError('FLAGOS_E_DTYPE', `'nodes_splits' is ${attrs.nodes_splits.dtype}, it must be ${X.dtype} like 'X'`);
    const targets = targetCount(attrs);
    const aggregate = oneOfNumbered(aggregateByNumber, attrs.aggregate_function, 'aggregate_function');
    const transform = oneOfNumbered(transformByNumber, attrs.post_transform, 'post_transform');
    const forest = readForest(attrs);
    checkForest(forest, rowShape(X.dims)[1], targets);
    return fromRows(
      rowsOf(X).map((row) => [...transformScores(predictRow(forest, row, targets, aggregate).scores, transform)]),
      targets,
      X.dtype,
    );
  },
});
