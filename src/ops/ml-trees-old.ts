/** TreeEnsembleClassifier and TreeEnsembleRegressor: forests whose nodes, leaves among them, are named by tree and node number. */
import type { DType } from '../core/dtype.ts';
import { Tensor } from '../core/tensor.ts';
import {
  oneOf,
  optionalBigInts,
  optionalFloats,
  optionalInt,
  optionalInts,
  optionalStrings,
  optionalTensor,
  type AttrSpec,
} from './attrs.ts';
import { contraction, defineOp, type AttrValues } from './define.ts';
import {
  aggregates,
  badTree,
  branchModes,
  checkForest,
  leaf,
  predictRow,
  readOnce,
  type Branch,
  type BranchMode,
  type Forest,
  type Vote,
} from './ml-forest.ts';
import {
  argmax,
  expectLength,
  featureTypes,
  fromRows,
  labelsOf,
  postTransform,
  rowShape,
  rowsOf,
  transformScores,
  twoLabels,
  type PostTransform,
} from './ml-scores.ts';

const domain = 'ai.onnx.ml';

const nodeAttrs = {
  base_values: optionalFloats(),
  base_values_as_tensor: optionalTensor(),
  nodes_falsenodeids: optionalInts(),
  nodes_featureids: optionalInts(),
  nodes_hitrates: optionalFloats(),
  nodes_hitrates_as_tensor: optionalTensor(),
  nodes_missing_value_tracks_true: optionalInts(),
  nodes_modes: optionalStrings(),
  nodes_nodeids: optionalInts(),
  nodes_treeids: optionalInts(),
  nodes_truenodeids: optionalInts(),
  nodes_values: optionalFloats(),
  nodes_values_as_tensor: optionalTensor(),
  post_transform: postTransform(),
} satisfies Record<string, AttrSpec<unknown>>;
type NodeAttrs = AttrValues<typeof nodeAttrs>;

/** A list of floats, or of doubles as a tensor. */
const numbersOf = (floats: readonly number[] | undefined, tensor: Tensor | undefined): ArrayLike<number> | undefined =>
  tensor?.toNumbers() ?? floats;

interface Votes {
  readonly trees: readonly number[];
  readonly nodes: readonly number[];
  readonly targets: readonly number[];
  readonly weights: ArrayLike<number>;
}

/** @throws FLAGOS_E_ATTRIBUTE if the arrays do not fit together. */
const readForest = (attrs: NodeAttrs, votes: Votes): Forest => {
  const { nodes_treeids: trees = [], nodes_nodeids: ids = [], nodes_modes: modes = [], nodes_missing_value_tracks_true: missing } = attrs;
  const values = numbersOf(attrs.nodes_values, attrs.nodes_values_as_tensor);
  for (const name of ['nodes_nodeids', 'nodes_featureids', 'nodes_truenodeids', 'nodes_falsenodeids', 'nodes_modes'] as const)
    expectLength(attrs[name], trees.length, name);
  expectLength(values, trees.length, 'nodes_values');
  if (missing && missing.length > 0) expectLength(missing, trees.length, 'nodes_missing_value_tracks_true');
  for (const list of [votes.nodes, votes.targets, votes.weights]) expectLength(list, votes.trees.length, 'target_* or class_*');

  // Inner nodes and leaves are numbered apart; every node keeps what it became.
  const key = (tree: number, node: number): string => `${tree}/${node}`;
  const became = new Map<string, number>();
  const roots = new Map<number, number>();
  const inner: number[] = [];
  let leafCount = 0;
  modes.forEach((mode, i) => {
    const child = mode === 'LEAF' ? leaf(leafCount++) : inner.push(i) - 1;
    if (became.has(key(trees[i]!, ids[i]!))) throw badTree(`node ${ids[i]} of tree ${trees[i]} is defined twice`);
    became.set(key(trees[i]!, ids[i]!), child);
    // The first node of a tree is its root.
    if (!roots.has(trees[i]!)) roots.set(trees[i]!, child);
  });
  const find = (tree: number, node: number): number => {
    const found = became.get(key(tree, node));
    if (found === undefined) throw badTree(`tree ${tree} has no node ${node}`);
    return found;
  };
  const branches = inner.map((i): Branch => {
    const mode = modes[i] as BranchMode;
    if (!branchModes.includes(mode) || mode === 'BRANCH_MEMBER')
      throw badTree(`'nodes_modes' holds '${mode}', it must be LEAF or one of ${branchModes.slice(0, -1).join(', ')}`);
    return {
      mode,
      feature: attrs.nodes_featureids![i]!,
      threshold: values![i]!,
      missingIsTrue: missing?.[i] === 1,
      whenTrue: find(trees[i]!, attrs.nodes_truenodeids![i]!),
      whenFalse: find(trees[i]!, attrs.nodes_falsenodeids![i]!),
    };
  });
  const leaves: Vote[][] = Array.from({ length: leafCount }, () => []);
  votes.trees.forEach((tree, i) => {
    const at = find(tree, votes.nodes[i]!);
    // Votes of inner nodes are never cast.
    if (at < 0) leaves[-1 - at]!.push({ target: votes.targets[i]!, weight: votes.weights[i]! });
  });
  return { branches, roots: [...roots.values()], leaves };
};

const targetsOf = ({
  n_targets,
  target_ids,
}: {
  readonly n_targets?: number | undefined;
  readonly target_ids?: readonly number[] | undefined;
}): number => {
  const count = n_targets ?? (target_ids ?? []).reduce((a, b) => Math.max(a, b), 0) + 1;
  if (count < 1) throw badTree(`attribute 'n_targets' is ${count}, it must be at least 1`);
  return count;
};

const regressorAttrs = {
  ...nodeAttrs,
  aggregate_function: oneOf(...aggregates),
  n_targets: optionalInt(),
  target_ids: optionalInts(),
  target_nodeids: optionalInts(),
  target_treeids: optionalInts(),
  target_weights: optionalFloats(),
  target_weights_as_tensor: optionalTensor(),
} satisfies Record<string, AttrSpec<unknown>>;

const regressionForest = readOnce((attrs: AttrValues<typeof regressorAttrs>) =>
  readForest(attrs, {
    trees: attrs.target_treeids ?? [],
    nodes: attrs.target_nodeids ?? [],
    targets: attrs.target_ids ?? [],
    weights: numbersOf(attrs.target_weights, attrs.target_weights_as_tensor) ?? [],
  }),
);

export const TreeEnsembleRegressor = defineOp({
  name: 'TreeEnsembleRegressor',
  domain,
  since: 1,
  accuracy: contraction,
  inputs: { X: featureTypes },
  outputs: { Y: 'float32' },
  attrs: regressorAttrs,
  shapes: ({ X }, attrs) => [[rowShape(X.shape)[0], targetsOf(attrs)]],
  host: ({ X }, attrs) => {
    const targets = targetsOf(attrs);
    const forest = regressionForest(attrs);
    checkForest(forest, rowShape(X.dims)[1], targets);
    const base = numbersOf(attrs.base_values, attrs.base_values_as_tensor);
    if (base && base.length > 0) expectLength(base, targets, 'base_values');
    return fromRows(
      rowsOf(X).map((row) => {
        const { scores } = predictRow(forest, row, targets, attrs.aggregate_function);
        return [
          ...transformScores(
            scores.map((s, t) => s + (base?.[t] ?? 0)),
            attrs.post_transform,
          ),
        ];
      }),
      targets,
    );
  },
});

/**
 * The two scores of a question whose votes all go to one class. Votes without a negative one are a
 * probability p, written (1 − p, p); others, and all that a transform follows, are a margin s, written (−s, s).
 */
const binaryScores = (s: number, probability: boolean, transform: PostTransform): number[] =>
  probability || transform === 'PROBIT' ? [1 - s, s] : [-s, s];

interface Ballot {
  readonly classes: number;
  readonly binary: boolean;
  readonly labels: readonly (bigint | string)[];
  readonly dtype: DType;
}

const ballotOf = (attrs: {
  readonly class_ids?: readonly number[] | undefined;
  readonly classlabels_int64s?: readonly bigint[] | undefined;
  readonly classlabels_strings?: readonly string[] | undefined;
}): Ballot => {
  const labels = labelsOf(attrs.classlabels_int64s, attrs.classlabels_strings);
  const binary = labels.values.length <= 2 && new Set(attrs.class_ids).size === 1;
  return {
    classes: Math.max(labels.values.length, binary ? 2 : 1),
    binary,
    labels: binary ? twoLabels(labels) : labels.values,
    dtype: labels.dtype,
  };
};

const classifierAttrs = {
  ...nodeAttrs,
  class_ids: optionalInts(),
  class_nodeids: optionalInts(),
  class_treeids: optionalInts(),
  class_weights: optionalFloats(),
  class_weights_as_tensor: optionalTensor(),
  classlabels_int64s: optionalBigInts(),
  classlabels_strings: optionalStrings(),
} satisfies Record<string, AttrSpec<unknown>>;
type ClassifierAttrs = AttrValues<typeof classifierAttrs>;

const classWeights = (attrs: ClassifierAttrs): ArrayLike<number> => numbersOf(attrs.class_weights, attrs.class_weights_as_tensor) ?? [];

const classForest = readOnce((attrs: ClassifierAttrs) =>
  readForest(attrs, {
    trees: attrs.class_treeids ?? [],
    nodes: attrs.class_nodeids ?? [],
    targets: attrs.class_ids ?? [],
    weights: classWeights(attrs),
  }),
);

/** The label is that of the largest score as written. With one label (or none) and votes for one class, the answers are that label and 0 (or ''). */
export const TreeEnsembleClassifier = defineOp({
  name: 'TreeEnsembleClassifier',
  domain,
  since: 1,
  accuracy: contraction,
  inputs: { X: featureTypes },
  outputs: { Y: ({ attrs }) => labelsOf(attrs.classlabels_int64s, attrs.classlabels_strings).dtype, Z: 'float32' },
  attrs: classifierAttrs,
  shapes: ({ X }, attrs) => [[rowShape(X.shape)[0]], [rowShape(X.shape)[0], ballotOf(attrs).classes]],
  host: ({ X }, attrs) => {
    const { classes, binary, labels, dtype } = ballotOf(attrs);
    const weights = classWeights(attrs);
    const forest = classForest(attrs);
    checkForest(forest, rowShape(X.dims)[1], classes);
    const base = numbersOf(attrs.base_values, attrs.base_values_as_tensor) ?? [];
    if (base.length > 0 && !(binary && base.length === 1)) expectLength(base, classes, 'base_values');
    const probability = attrs.post_transform === 'NONE' && Array.prototype.every.call(weights, (w: number) => w >= 0);
    const scores = rowsOf(X).map((row) => {
      const { scores: sums } = predictRow(forest, row, classes, 'SUM');
      if (!binary) return sums.map((s, c) => s + (base[c] ?? 0));
      return binaryScores(sums[attrs.class_ids![0]!]! + (base[base.length - 1] ?? 0), probability, attrs.post_transform);
    });
    const written = scores.map((s) => [...transformScores(s, attrs.post_transform)]);
    return [
      Tensor.from(
        dtype,
        [written.length],
        written.map((s) => labels[argmax(s)]!),
      ),
      fromRows(written, classes),
    ];
  },
});
