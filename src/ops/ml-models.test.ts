/** Models of ai.onnx.ml: small ones by hand; the support vector machines as onnxruntime 1.30 answers. */
import { describe, expect, it } from 'vitest';
import type { Attribute } from '../core/graph.ts';
import type { Tensor } from '../core/tensor.ts';
import { LinearClassifier, LinearRegressor } from './ml-linear.ts';
import { SVMClassifier, SVMRegressor } from './ml-svm.ts';
import { TreeEnsemble } from './ml-trees.ts';
import { TreeEnsembleClassifier, TreeEnsembleRegressor } from './ml-trees-old.ts';
import { callAll, errorOf, f32, inferred, int, ints, tensor, text } from './testing.ts';
import type { OpRecord } from './define.ts';

type Attrs = Readonly<Record<string, Attribute>>;
const floats = (...value: number[]): Attribute => ({ type: 'floats', value });
const strings = (...value: string[]): Attribute => ({ type: 'strings', value });
const attrTensor = (value: Tensor): Attribute => ({ type: 'tensor', value });

/** All outputs as [dims, values]; what was inferred before must be what comes. */
const run = (op: OpRecord, x: Tensor, attrs: Attrs, outputs = op.outputs.length): unknown[] => {
  const results = callAll(op, [x], attrs, outputs) as Tensor[];
  expect(inferred(op, [x], attrs, outputs)).toEqual(results.map((t) => ({ kind: 'tensor', dtype: t.dtype, shape: t.dims })));
  return results.map((t) => [t.dims, t.toValues()]);
};
const close = (values: unknown, digits = 5): unknown => (values as [number[], number[]])[1].map((v) => Number(v.toFixed(digits)));

describe('linear models', () => {
  const x = tensor('float32', [1, 2], [1, 2]);
  it('give one score a target', () => {
    const attrs = { coefficients: floats(3, 4, 5, 6), intercepts: floats(0.5, -0.5), targets: int(2) };
    expect(run(LinearRegressor, x, attrs)).toEqual([
      [
        [1, 2],
        [11.5, 16.5],
      ],
    ]);
    expect(run(LinearRegressor, tensor('int64', [1, 2]), attrs)).toEqual([
      [
        [1, 2],
        [11.5, 16.5],
      ],
    ]);
    expect(run(LinearRegressor, x, { coefficients: floats(0, 0), post_transform: text('LOGISTIC') })).toEqual([[[1, 1], [0.5]]]);
    expect(errorOf(() => callAll(LinearRegressor, [x], { coefficients: floats(1, 2, 3) }))).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'coefficients' has 3 entries, it must have 2",
    );
    expect(errorOf(() => callAll(LinearRegressor, [tensor('float32', [1], [1, 1, 1])], attrs))).toContain('FLAGOS_E_SHAPE');
  });

  it('choose the class of the largest score', () => {
    const attrs = { coefficients: floats(1, 0, 0, 1, -1, -1), classlabels_strings: strings('a', 'b', 'c') };
    expect(run(LinearClassifier, x, attrs)).toEqual([
      [[1], ['b']],
      [
        [1, 3],
        [1, 2, -3],
      ],
    ]);
    expect(close(run(LinearClassifier, x, { ...attrs, post_transform: text('SOFTMAX') })[1])).toEqual([0.26762, 0.72748, 0.0049]);
    // A score of zero stays zero.
    const zero = { coefficients: floats(1, 0, 0, 0), classlabels_ints: ints(1, 2), post_transform: text('SOFTMAX_ZERO') };
    expect(run(LinearClassifier, x, zero)[1]).toEqual([
      [1, 2],
      [1, 0],
    ]);
  });

  it('write one score of two classes for both', () => {
    const attrs = { coefficients: floats(1, -1), classlabels_ints: ints(7, 8) };
    expect(run(LinearClassifier, x, attrs)).toEqual([
      [[1], [7n]],
      [
        [1, 2],
        [1, -1],
      ],
    ]);
    expect(close(run(LinearClassifier, x, { ...attrs, post_transform: text('LOGISTIC') })[1])).toEqual([0.73106, 0.26894]);
    expect(errorOf(() => callAll(LinearClassifier, [x], { ...attrs, classlabels_strings: strings('a', 'b') }))).toContain(
      'only one is allowed',
    );
  });
});

describe('support vector machines', () => {
  const x = tensor('float32', [1, 2, -1, 0.5], [2, 2]);
  const machine = {
    kernel_params: floats(0.5, 0.25, 2),
    coefficients: floats(1, -0.5, 0.25, 0.75, -1, 0.5),
    support_vectors: floats(1, 0, 0, 1, -1, -1),
    vectors_per_class: ints(1, 1, 1),
    rho: floats(0.1, -0.2, 0.3),
    classlabels_ints: ints(4, 5, 6),
  };
  it.each([
    ['LINEAR', [6n, 5n], [0.1, -0.2, -3.2, -1.15, -0.825, 0.05], [0.1, -1.15]],
    ['POLY', [4n, 4n], [-0.11875, 0.6125, -0.48125, 0.0375, -0.09063, 0.175], [-0.11875, 0.0375]],
    ['RBF', [6n, 6n], [0.0514, -0.09812, -0.06713, -0.0482, -0.02926, -0.07294], [0.0514, -0.0482]],
    ['SIGMOID', [4n, 5n], [0.31101, 0.06429, -0.97243, -0.37598, -0.26816, 0.06894], [0.31101, -0.37598]],
  ] as const)('with the kernel %s', (kernel, labels, scores, regression) => {
    const [classes, decisions] = run(SVMClassifier, x, { ...machine, kernel_type: text(kernel) });
    expect(classes).toEqual([[2], labels]);
    expect(close(decisions)).toEqual(scores);
    const regressor = {
      kernel_type: text(kernel),
      kernel_params: machine.kernel_params,
      coefficients: floats(1, -0.5),
      support_vectors: floats(1, 0, 0, 1),
      n_supports: int(2),
      rho: floats(0.1),
    };
    expect(close(run(SVMRegressor, x, regressor)[0])).toEqual(regression);
  });

  it('estimate probabilities by pairs', () => {
    const attrs = { ...machine, kernel_type: text('RBF'), prob_a: floats(-1, -2, -1.5), prob_b: floats(0.1, 0.2, -0.3) };
    const [classes, probabilities] = run(SVMClassifier, x, attrs);
    expect(classes).toEqual([[2], [6n, 6n]]);
    expect(close(probabilities)).toEqual([0.28614, 0.36499, 0.34886, 0.29098, 0.37266, 0.33635]);
    expect(errorOf(() => callAll(SVMClassifier, [x], { ...attrs, prob_b: floats(1) }))).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'prob_b' has 1 entries, it must have 3",
    );
  });

  it('know linear machines, one-class machines and two classes', () => {
    expect(run(SVMClassifier, x, { coefficients: floats(1, 0, 0, 1), rho: floats(0.5), classlabels_strings: strings('a', 'b') })).toEqual([
      [[2], ['b', 'b']],
      [
        [2, 2],
        [1.5, 2.5, -0.5, 1],
      ],
    ]);
    expect(run(SVMRegressor, x, { coefficients: floats(1, 0), rho: floats(0), one_class: int(1) })).toEqual([
      [
        [2, 1],
        [1, -1],
      ],
    ]);
    const two = {
      coefficients: floats(1, -1),
      support_vectors: floats(1, 0, 0, 1),
      vectors_per_class: ints(1, 1),
      rho: floats(0),
      classlabels_ints: ints(1, 2),
    };
    expect(run(SVMClassifier, x, two)).toEqual([
      [[2], [2n, 2n]],
      [
        [2, 2],
        [1, -1, 1.5, -1.5],
      ],
    ]);
  });
});

describe('trees', () => {
  // Feature 0 ≤ 1 ? (feature 1 ≥ 5 ? leaf 2 : leaf 3) : leaf 4; missing features of node 1 go to the true side.
  const nodes = {
    nodes_treeids: ints(0, 0, 0, 0, 0),
    nodes_nodeids: ints(0, 1, 2, 3, 4),
    nodes_featureids: ints(0, 1, 0, 0, 0),
    nodes_values: floats(1, 5, 0, 0, 0),
    nodes_modes: strings('BRANCH_LEQ', 'BRANCH_GTE', 'LEAF', 'LEAF', 'LEAF'),
    nodes_truenodeids: ints(1, 2, 0, 0, 0),
    nodes_falsenodeids: ints(4, 3, 0, 0, 0),
    nodes_missing_value_tracks_true: ints(0, 1, 0, 0, 0),
  };
  const x = tensor('float32', [0, 6, 0, 4, 2, 0, NaN, 0, 0, NaN], [5, 2]);
  const regressor = {
    ...nodes,
    target_treeids: ints(0, 0, 0, 0),
    target_nodeids: ints(2, 3, 4, 4),
    target_ids: ints(0, 0, 0, 1),
    target_weights: floats(10, 20, 30, 3),
    n_targets: int(2),
  };

  it('follow branches, missing features too', () =>
    expect(run(TreeEnsembleRegressor, x, regressor)).toEqual([
      [
        [5, 2],
        [10, 0, 20, 0, 30, 3, 30, 3, 10, 0],
      ],
    ]));
  it('add base values after aggregating', () =>
    expect(run(TreeEnsembleRegressor, x, { ...regressor, aggregate_function: text('MIN'), base_values: floats(1, -1) })).toEqual([
      [
        [5, 2],
        [11, -1, 21, -1, 31, 2, 31, 2, 11, -1],
      ],
    ]));

  const votes = {
    ...nodes,
    class_treeids: ints(0, 0, 0),
    class_nodeids: ints(2, 3, 4),
    class_ids: ints(0, 0, 0),
    classlabels_strings: strings('no', 'yes'),
  };
  it('write votes without a negative one as a probability, others as a margin', () => {
    expect(run(TreeEnsembleClassifier, x, { ...votes, class_weights: floats(0.25, 0.75, 0.5) })).toEqual([
      [[5], ['no', 'yes', 'no', 'no', 'no']],
      [
        [5, 2],
        [0.75, 0.25, 0.25, 0.75, 0.5, 0.5, 0.5, 0.5, 0.75, 0.25],
      ],
    ]);
    expect(run(TreeEnsembleClassifier, x, { ...votes, class_weights: floats(-1, 2, 0) })[1]).toEqual([
      [5, 2],
      [1, -1, -2, 2, -0, 0, -0, 0, 1, -1],
    ]);
    expect(
      String(
        close(
          run(TreeEnsembleClassifier, x, {
            ...votes,
            class_weights: floats(-1, 2, 0),
            post_transform: text('LOGISTIC'),
            base_values: floats(1),
          })[1],
        ),
      ),
    ).toBe('0.5,0.5,0.04743,0.95257,0.26894,0.73106,0.26894,0.73106,0.5,0.5');
  });
  it('refuse trees that are none', () => {
    const broken = (more: Attrs): string => errorOf(() => callAll(TreeEnsembleRegressor, [x], { ...regressor, ...more }));
    expect(broken({ nodes_truenodeids: ints(0, 0, 0, 0, 0) })).toBe('FLAGOS_E_ATTRIBUTE: a tree goes in a circle');
    expect(broken({ nodes_truenodeids: ints(9, 2, 0, 0, 0) })).toBe('FLAGOS_E_ATTRIBUTE: tree 0 has no node 9');
    expect(broken({ nodes_featureids: ints(2, 1, 0, 0, 0) })).toBe('FLAGOS_E_ATTRIBUTE: node 0 reads feature 2, the input has 2');
    expect(broken({ nodes_nodeids: ints(0, 1, 2, 3, 3) })).toBe('FLAGOS_E_ATTRIBUTE: node 3 of tree 0 is defined twice');
    expect(broken({ n_targets: int(1) })).toBe('FLAGOS_E_ATTRIBUTE: a leaf adds to output 1, there are 1');
    expect(broken({ nodes_modes: strings('MAYBE', 'BRANCH_GTE', 'LEAF', 'LEAF', 'LEAF') })).toContain("'nodes_modes' holds 'MAYBE'");
  });
});

describe('TreeEnsemble', () => {
  // One tree: feature 0 ∈ {2, 3} ? leaf 0 : feature 0 < 1 ? leaf 1 : leaf 2; another that is leaf 3 alone.
  const forest = (dtype: 'float32' | 'float16' | 'float64'): Attrs => ({
    nodes_splits: attrTensor(tensor(dtype, [0, 1, 0])),
    nodes_featureids: ints(0, 0, 0),
    nodes_modes: attrTensor(tensor('uint8', [6, 1, 0])),
    nodes_truenodeids: ints(0, 1, 3),
    nodes_trueleafs: ints(1, 1, 1),
    nodes_falsenodeids: ints(1, 2, 3),
    nodes_falseleafs: ints(0, 1, 1),
    leaf_targetids: ints(0, 1, 1, 0),
    leaf_weights: attrTensor(tensor(dtype, [1, 2, 4, 8])),
    tree_roots: ints(0, 2),
    n_targets: int(2),
    membership_values: attrTensor(tensor(dtype, [2, 3, NaN])),
    nodes_missing_value_tracks_true: ints(1, 0, 0),
  });
  const x = (dtype: 'float32' | 'float16' | 'float64'): Tensor => tensor(dtype, [3, 0, 5, NaN], [4, 1]);
  it.each(['float32', 'float16', 'float64'] as const)('tests membership and comparisons in %s', (dtype) => {
    expect(run(TreeEnsemble, x(dtype), forest(dtype))).toEqual([
      [
        [4, 2],
        [9, 0, 8, 2, 8, 4, 9, 0],
      ],
    ]);
  });
  it.each([
    [0, [4.5, 0, 4, 1, 4, 2, 4.5, 0]],
    [2, [1, 0, 8, 2, 8, 4, 1, 0]],
    [3, [8, 0, 8, 2, 8, 4, 8, 0]],
  ] as const)('aggregates by function %i', (aggregate, values) => {
    expect(run(TreeEnsemble, x('float32'), { ...forest('float32'), aggregate_function: int(aggregate) })).toEqual([[[4, 2], values]]);
  });
  it('transforms scores', () => {
    const scores = run(TreeEnsemble, tensor('float32', [3], [1, 1]), { ...forest('float32'), post_transform: int(1) });
    expect(close(scores[0])).toEqual([0.99988, 0.00012]);
  });
  it('refuses forests that do not fit together', () => {
    const broken = (more: Attrs): string => errorOf(() => callAll(TreeEnsemble, [x('float32')], { ...forest('float32'), ...more }));
    expect(broken({ membership_values: attrTensor(f32()) })).toContain("'membership_values' holds 0 sets");
    expect(broken({ nodes_modes: attrTensor(tensor('uint8', [7, 1, 0])) })).toBe(
      "FLAGOS_E_ATTRIBUTE: attribute 'nodes_modes' is 7, it must be from 0 to 6",
    );
    expect(broken({ tree_roots: ints(3) })).toBe('FLAGOS_E_ATTRIBUTE: a tree refers to node 3, which does not exist');
    expect(broken({ nodes_truenodeids: ints(9, 1, 3) })).toBe('FLAGOS_E_ATTRIBUTE: a tree refers to leaf 9, which does not exist');
    expect(broken({ post_transform: int(9) })).toContain("attribute 'post_transform' is 9");
  });
});
