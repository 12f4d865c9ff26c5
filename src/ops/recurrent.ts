/**
 * What RNN, GRU and LSTM share: directions, layouts, sequence lengths, activation functions. A cell
 * says how one step goes; the product of the inputs with their weights is taken for all steps at
 * once, before the recurrence begins.
 */
import { add, cast, clamp, constant, lt, mul, select, sub, sum, type Expr } from '../compiler/expr.ts';
import { compute, concat, fill, reshape, scan, type TensorExpr } from '../compiler/tensor-expr.ts';
import { FlagosError } from '../core/errors.ts';
import { flag, oneOf, optionalFloat, optionalFloats, optionalInt, optionalStrings } from './attrs.ts';
import { permuted, type Readable } from './readable.ts';
import { expectShape, shapeError, showShape } from './util.ts';

export const recurrentAttrs = {
  activation_alpha: optionalFloats(),
  activation_beta: optionalFloats(),
  activations: optionalStrings(),
  clip: optionalFloat(),
  direction: oneOf('forward', 'reverse', 'bidirectional'),
  hidden_size: optionalInt(),
  layout: flag(false),
};

/** Their values. */
export interface RecurrentAttrs {
  readonly activation_alpha: readonly number[] | undefined;
  readonly activation_beta: readonly number[] | undefined;
  readonly activations: readonly string[] | undefined;
  readonly clip: number | undefined;
  readonly direction: 'forward' | 'reverse' | 'bidirectional';
  readonly hidden_size: number | undefined;
  readonly layout: boolean;
}

/** Tensors of every recurrent op, and the states it starts from. */
export interface RecurrentInputs {
  readonly X: TensorExpr;
  readonly W: TensorExpr;
  readonly R: TensorExpr;
  readonly B: TensorExpr | undefined;
  readonly sequence_lens: TensorExpr | undefined;
  /** By the name of the input. */
  readonly initial: Readonly<Record<string, TensorExpr | undefined>>;
}

/** What a step of one direction can read. Row r of the weights is unit r mod hidden of gate ⌊r / hidden⌋, gates in the op's order. */
export interface Step {
  readonly direction: number;
  readonly batch: number;
  readonly hidden: number;
  /** Σ x·W of a row for batch element `b`, plus that row's bias for the input. */
  readonly input: (b: Expr, row: Expr) => Expr;
  /** Σ h·R of a row; `h` is the hidden state, or what a cell makes of it. */
  readonly recurrent: (h: (b: Expr, j: Expr) => Expr, b: Expr, row: Expr) => Expr;
  /** The recurrence's bias of a row. */
  readonly bias: (row: Expr) => Expr;
  readonly state: readonly TensorExpr[];
  /** A value within ±clip, if there is a clip. */
  readonly clipped: (e: Expr) => Expr;
}

/** How a cell steps: its number of gates, and its next states, hidden state first, each [batch, hidden]. */
export interface Cell {
  readonly gates: number;
  readonly next: (step: Step) => readonly TensorExpr[];
}

interface Extents {
  readonly steps: number;
  readonly batch: number;
  readonly input: number;
  readonly hidden: number;
  readonly directions: number;
}

const checkShapes = ({ X, W, R, B, sequence_lens, initial }: RecurrentInputs, gates: number, attrs: RecurrentAttrs): Extents => {
  if (X.rank !== 3) throw shapeError(`'X' has shape ${showShape(X.shape)}, it must have 3 axes`);
  if (R.rank !== 3) throw shapeError(`'R' has shape ${showShape(R.shape)}, it must have 3 axes`);
  const [first, second, input] = X.shape as [number, number, number];
  const [steps, batch] = attrs.layout ? [second, first] : [first, second];
  const hidden = R.shape[2]!;
  const directions = attrs.direction === 'bidirectional' ? 2 : 1;
  if (attrs.hidden_size !== undefined && attrs.hidden_size !== hidden) {
    throw new FlagosError(
      'FLAGOS_E_ATTRIBUTE',
      `attribute 'hidden_size' is ${attrs.hidden_size}, 'R' of shape ${showShape(R.shape)} is for ${hidden}`,
    );
  }
  expectShape(W.shape, [directions, gates * hidden, input], 'W');
  expectShape(R.shape, [directions, gates * hidden, hidden], 'R');
  if (B) expectShape(B.shape, [directions, 2 * gates * hidden], 'B');
  if (sequence_lens) expectShape(sequence_lens.shape, [batch], 'sequence_lens');
  for (const [name, t] of Object.entries(initial)) {
    if (t) expectShape(t.shape, attrs.layout ? [batch, directions, hidden] : [directions, batch, hidden], name);
  }
  return { steps, batch, input, hidden, directions };
};

/** A tensor of layout 1 (batch first) read as layout 0. */
const stepsFirst = (x: Readable, layout: boolean): Readable => (layout ? permuted(x, [1, 0, 2]) : x);

interface Run {
  readonly states: readonly TensorExpr[];
  readonly out: TensorExpr;
}

/** One direction, from its first step to its last; `out` stands in the order the steps were made. */
const runDirection = (inputs: RecurrentInputs, cell: Cell, attrs: RecurrentAttrs, extents: Extents, d: number, backward: boolean): Run => {
  const { X, W, R, B, sequence_lens, initial } = inputs;
  const { steps, batch, input, hidden } = extents;
  const rows = cell.gates * hidden;
  const x = stepsFirst(X, attrs.layout);
  const projected = compute([steps, batch, rows], (t, b, r) => {
    const dot = sum(input, (i) => mul(x.at(t!, b!, i!), W.at(d, r!, i!)));
    return B ? add(dot, B.at(d, r!)) : dot;
  });
  const starts = Object.values(initial).map((t) => {
    if (!t) return fill([batch, hidden], 0, X.dtype);
    const state = stepsFirst(t, attrs.layout);
    return compute([batch, hidden], (b, j) => state.at(d, b!, j!));
  });
  const { clip } = attrs;
  const run = scan(steps, starts, (t, state) => {
    const position = (b: Expr): Expr => (backward ? backwards(t, b, steps, sequence_lens) : t);
    const next = cell.next({
      direction: d,
      batch,
      hidden,
      state,
      input: (b, row) => projected.at(position(b), b, row),
      recurrent: (h, b, row) => sum(hidden, (k) => mul(h(b, k!), R.at(d, row, k!))),
      bias: (row) => (B ? B.at(d, add(row, rows)) : constant(0, X.dtype)),
      clipped: (e) => (clip === undefined ? e : clamp(e, -clip, clip)),
    });
    if (!sequence_lens) return { state: next, out: [next[0]!] };
    // A sequence that has ended keeps its state.
    const kept = next.map((n, i) =>
      compute(n.shape, (b, j) => select(lt(t, lengthOf(sequence_lens, b!, steps)), n.at(b!, j!), state[i]!.at(b!, j!))),
    );
    return { state: kept, out: [kept[0]!] };
  });
  return { states: run.state, out: run.out[0]! };
};

/** Length of a sequence of the batch, within 0 … steps whatever the tensor says. */
const lengthOf = (lengths: TensorExpr, b: Expr, steps: number): Expr => cast(clamp(lengths.at(b), 0, steps), 'index');

/** The step that a backward run reads at its step t: the sequence from its own end. Undefined after the sequence's length, so step 0 there. */
const backwards = (t: Expr, b: Expr, steps: number, lengths: TensorExpr | undefined): Expr => {
  if (!lengths) return sub(constant(steps - 1, 'index'), t);
  const length = lengthOf(lengths, b, steps);
  return select(lt(t, length), sub(sub(length, t), 1), constant(0, 'index'));
};

/** What a recurrent op gives: all hidden states, and the last of each state. */
export interface RecurrentOutputs {
  readonly Y: TensorExpr;
  readonly last: readonly TensorExpr[];
}

/**
 * Runs a cell over the steps of X, forward, backward or both.
 * Shapes with layout 0: X [steps, batch, input], W [directions, gates·hidden, input],
 * R [directions, gates·hidden, hidden], B [directions, 2·gates·hidden], states [directions, batch, hidden],
 * Y [steps, directions, batch, hidden]; with layout 1 the batch stands first in X, Y and the states.
 * @throws FLAGOS_E_SHAPE, FLAGOS_E_ATTRIBUTE
 */
export const recurrence = (inputs: RecurrentInputs, cell: Cell, attrs: RecurrentAttrs): RecurrentOutputs => {
  const extents = checkShapes(inputs, cell.gates, attrs);
  const { steps, batch, hidden, directions } = extents;
  const lengths = inputs.sequence_lens;
  const runs = Array.from({ length: directions }, (_, d) => {
    const backward = attrs.direction === 'reverse' || d === 1;
    const run = runDirection(inputs, cell, attrs, extents, d, backward);
    const y = compute([steps, batch, hidden], (t, b, j) => {
      if (!lengths) return run.out.at(backward ? backwards(t!, b!, steps, undefined) : t!, b!, j!);
      const at = backward ? backwards(t!, b!, steps, lengths) : t!;
      return select(lt(t!, lengthOf(lengths, b!, steps)), run.out.at(at, b!, j!), constant(0, inputs.X.dtype));
    });
    return { ...run, y };
  });
  const forBatch = (t: TensorExpr, order: readonly number[]): TensorExpr => {
    if (!attrs.layout) return t;
    const moved = permuted(t, order);
    return compute(moved.shape, (...i) => moved.at(...i));
  };
  const Y = concat(
    runs.map((r) => reshape(r.y, [steps, 1, batch, hidden])),
    1,
  );
  const last = runs[0]!.states.map((_, s) =>
    concat(
      runs.map((r) => reshape(r.states[s]!, [1, batch, hidden])),
      0,
    ),
  );
  return { Y: forBatch(Y, [2, 0, 1, 3]), last: last.map((t) => forBatch(t, [1, 0, 2])) };
};
