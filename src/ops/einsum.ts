/**
 * Einsum: sums of products named by letters. Two operands are contracted at a time, so that the work
 * is that of matrix products and not of one loop over all letters.
 */
import { mul, sum, type Expr } from '../compiler/expr.ts';
import { compute, type TensorExpr } from '../compiler/tensor-expr.ts';
import { FlagosError } from '../core/errors.ts';
import { requiredString } from './attrs.ts';
import { defineOp, variadic } from './define.ts';
import { numeric } from './types.ts';
import { range, shapeError, showShape } from './util.ts';

/** Labels of axes: letters of the equation, and `.0`, `.1`, … for what an ellipsis stands for, counted from the last axis. */
type Labels = readonly string[];

/** An operand with a label for each axis. */
interface Labelled {
  readonly labels: Labels;
  readonly tensor: TensorExpr;
}

const equationError = (equation: string, problem: string): FlagosError =>
  new FlagosError('FLAGOS_E_ATTRIBUTE', `equation '${equation}' ${problem}`);

/** Splits a term into letters and `...`. */
const lettersOf = (term: string, equation: string): string[] => {
  const letters = term.match(/\.\.\.|[A-Za-z]/g) ?? [];
  if (letters.join('') !== term) throw equationError(equation, `has a term '${term}' that is not letters and at most one ellipsis`);
  if (letters.filter((l) => l === '...').length > 1) throw equationError(equation, `has two ellipses in '${term}'`);
  return letters;
};

/** What an ellipsis stands for: `count` labels, the last of which is `.0`. */
const ellipsis = (count: number): string[] => range(count).map((i) => `.${count - 1 - i}`);

const labelOperand = (term: string, tensor: TensorExpr, equation: string): Labels => {
  const letters = lettersOf(term, equation);
  const free = tensor.rank - letters.filter((l) => l !== '...').length;
  if (letters.includes('...') ? free < 0 : free !== 0) {
    throw shapeError(`term '${term}' of equation '${equation}' does not fit an operand of shape ${showShape(tensor.shape)}`);
  }
  return letters.flatMap((l) => (l === '...' ? ellipsis(free) : [l]));
};

/** Output labels where the equation has no arrow: the ellipsis, then letters that stand once, in ASCII order. */
const implicitOutput = (operands: readonly Labels[], dots: readonly string[]): Labels => {
  const all = operands.flat().filter((l) => !l.startsWith('.'));
  return [...dots, ...all.filter((l) => all.indexOf(l) === all.lastIndexOf(l)).sort()];
};

const explicitOutput = (term: string, known: ReadonlySet<string>, dots: readonly string[], equation: string): Labels => {
  const labels = lettersOf(term, equation).flatMap((l) => (l === '...' ? dots : [l]));
  const twice = labels.find((l, i) => labels.indexOf(l) !== i);
  if (twice) throw equationError(equation, `has '${twice}' twice in its output`);
  const unknown = labels.find((l) => !known.has(l));
  if (unknown) throw equationError(equation, `has '${unknown}' in its output only`);
  return labels;
};

/** Extent of each label over all operands; axes of extent 1 broadcast. */
const extentsOf = (operands: readonly Labelled[], equation: string): Map<string, number> => {
  const extents = new Map<string, number>();
  for (const { labels, tensor } of operands) {
    labels.forEach((l, axis) => {
      const [d, known] = [tensor.shape[axis]!, extents.get(l) ?? 1];
      if (d !== 1 && known !== 1 && d !== known) throw shapeError(`'${l}' of equation '${equation}' is ${known} and ${d}`);
      extents.set(l, known === 1 ? d : known);
    });
  }
  return extents;
};

/** Σ of the product of operands over every label that is not in `output`. */
const contract = (operands: readonly Labelled[], output: Labels, extents: ReadonlyMap<string, number>): Labelled => {
  const summed = [...new Set(operands.flatMap((o) => o.labels))].filter((l) => !output.includes(l));
  const extent = (l: string): number => extents.get(l)!;
  const tensor = compute(output.map(extent), (...at) =>
    sum(summed.map(extent), (...k) => {
      const index = (l: string): Expr => (output.includes(l) ? at[output.indexOf(l)]! : k[summed.indexOf(l)]!);
      return operands
        .map(({ labels, tensor: x }) => x.at(...labels.map((l, a) => (x.shape[a] === 1 ? 0 : index(l)))))
        .reduce((a, b) => mul(a, b));
    }),
  );
  return { labels: output, tensor };
};

/**
 * The sum of products an equation names. Letters may repeat within a term (a diagonal), an ellipsis
 * broadcasts, and without `->` the output is the ellipsis and the letters that stand only once.
 * @throws FLAGOS_E_ATTRIBUTE for a malformed equation, FLAGOS_E_SHAPE where it does not fit the operands.
 */
export const einsum = (equation: string, operands: readonly TensorExpr[]): TensorExpr => {
  const sides = equation.replaceAll(' ', '').split('->');
  if (sides.length > 2) throw equationError(equation, 'has more than one arrow');
  const terms = sides[0]!.split(',');
  if (terms.length !== operands.length) throw equationError(equation, `has ${terms.length} terms for ${operands.length} operands`);
  const labelled = terms.map((term, i): Labelled => ({ labels: labelOperand(term, operands[i]!, equation), tensor: operands[i]! }));
  const known = new Set(labelled.flatMap((o) => o.labels));
  const dots = ellipsis([...known].filter((l) => l.startsWith('.')).length);
  const output =
    sides.length === 2
      ? explicitOutput(sides[1]!, known, dots, equation)
      : implicitOutput(
          labelled.map((o) => o.labels),
          dots,
        );
  const extents = extentsOf(labelled, equation);
  let [left, ...rest] = labelled as [Labelled, ...Labelled[]];
  while (rest.length > 1) {
    const later = new Set([...output, ...rest.slice(1).flatMap((o) => o.labels)]);
    const kept = [...new Set([...left.labels, ...rest[0]!.labels])].filter((l) => later.has(l));
    left = contract([left, rest[0]!], kept, extents);
    rest = rest.slice(1);
  }
  return contract([left, ...rest], output, extents).tensor;
};

export const Einsum = defineOp({
  name: 'Einsum',
  since: 12,
  inputs: { Inputs: variadic(numeric) },
  outputs: { Output: 'Inputs' },
  attrs: { equation: requiredString() },
  compute: ({ Inputs }, { equation }) => einsum(equation, Inputs),
});
