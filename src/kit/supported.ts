/** The cases a session says it can run, by op and type, with the variants it would run them by. */
import { asError } from '../core/errors.ts';
import { defaultVariant, type Variant } from '../plugins/contract.ts';
import { allCases, shapedCase, type Case } from './case.ts';
import type { Subject } from './types.ts';

export interface Supported {
  readonly case: Case;
  readonly variants: readonly Variant[];
}

/** What a session says of a case. @throws what `supports` throws. */
export const variantsFor = ({ session }: Subject, c: Case): readonly Variant[] => {
  if (!session.supports(c.region).ok) return [];
  return session.variants?.(c.region) ?? [defaultVariant];
};

/** Like {@link variantsFor}, for lists: a session that throws is found by a check of its own. */
const quietly = (subject: Subject, c: Case): readonly Variant[] => {
  try {
    return variantsFor(subject, c);
  } catch (e) {
    subject.host.logger.log('debug', `${c.id}: supports threw`, { reason: asError(e).message });
    return [];
  }
};

/** At most `most` cases of different ops, those first that programs use most. */
export const selection = (subject: Subject, most: number): Supported[] => {
  const { ops, filter } = subject;
  const wanted = (op: string): boolean => !filter || filter.test(op);
  const found: Supported[] = [];
  const add = (c: Case): void => {
    const variants = quietly(subject, c);
    if (variants.length > 0 && found.length < most && !found.some((f) => f.case.op === c.op)) found.push({ case: c, variants });
  };
  for (const dtype of ['float32', 'float64'] as const) {
    for (const op of ['Relu', 'Sigmoid', 'Exp', 'Abs', 'Neg']) if (wanted(op)) add(shapedCase(ops, op, dtype, [[7, 13]]));
    for (const op of ['Add', 'Mul'])
      if (wanted(op))
        add(
          shapedCase(ops, op, dtype, [
            [7, 13],
            [7, 13],
          ]),
        );
    if (wanted('MatMul'))
      add(
        shapedCase(ops, 'MatMul', dtype, [
          [17, 17],
          [17, 17],
        ]),
      );
    if (wanted('Gemm')) add(shapedCase(ops, 'Gemm', dtype, [[17, 31], [31, 13], [13]]));
    if (wanted('Conv'))
      add(
        shapedCase(ops, 'Conv', dtype, [
          [1, 3, 9, 9],
          [4, 3, 3, 3],
        ]),
      );
  }
  for (const { cases } of allCases(ops, filter)) {
    if (found.length >= most) break;
    const [first] = cases();
    if (first && first.deterministic) add(first);
  }
  return found;
};

/** A float32 call with about so many elements in its result, of an op this session has; undefined if it has none of those that take any size. */
export const sized = (subject: Subject, side: number, filtered = true): Supported | undefined => {
  const square = [side, side];
  const calls: [string, number[][]][] = [
    ['Relu', [square]],
    ['Add', [square, square]],
    ['Mul', [square, square]],
    [
      'MatMul',
      [
        [side, 8],
        [8, side],
      ],
    ],
    [
      'Gemm',
      [
        [side, 8],
        [8, side],
      ],
    ],
    ['Sigmoid', [square]],
    ['Abs', [square]],
    ['Softmax', [square]],
  ];
  for (const dtype of ['float32', 'float64', 'int32'] as const) {
    for (const [op, shapes] of calls) {
      if (filtered && subject.filter && !subject.filter.test(op)) continue;
      const record = subject.ops.find('', op)!;
      const types = record.inputs[0]!.types;
      if (typeof types !== 'string' && !types.includes(dtype)) continue;
      const c = shapedCase(subject.ops, op, dtype, shapes);
      const variants = quietly(subject, c);
      if (variants.length > 0) return { case: c, variants };
    }
  }
  return undefined;
};
