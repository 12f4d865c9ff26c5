import { describe, expect, it } from 'vitest';
import { add, gt, maxOf, mul, select } from './expr.ts';
import { mapExpressions } from './flatten.ts';
import { mapChildren, type LExpr } from './loops.ts';
import { lower } from './lower.ts';
import { takeInventory } from './materialize.ts';
import { compute, InputTensor, type TensorExpr } from './tensor-expr.ts';

/** The larger one, again and again, as a program with `where` puts it: each link reads the one before twice. */
const chain = (links: number): { x: InputTensor; last: TensorExpr } => {
  const x = new InputTensor('x', 'float32', [links, 8]);
  let last: TensorExpr = compute([8], (i) => x.at(0, i!));
  for (let k = 1; k < links; k++) {
    const before = last;
    last = compute([8], (i) => select(gt(x.at(k, i!), before.at(i!)), x.at(k, i!), before.at(i!)));
  }
  return { x, last };
};

describe('what is computed where it is read', () => {
  it('grows with a chain of selects, and does not double with each link', () => {
    const { x, last } = chain(60);
    let nodes = 0;
    const count = (e: LExpr): LExpr => (++nodes > 100_000 ? e : mapChildren(e, count));
    mapExpressions(lower([x], [last]).body, count);
    expect(nodes).toBeLessThan(20_000);
  });

  it('is data movement, also where it is read twice', () => {
    const x = new InputTensor('x', 'float32', [4, 6]);
    const turned = compute([6, 4], (i, j) => x.at(j!, i!));
    const squared = compute([6, 4], (i, j) => mul(turned.at(i!, j!), turned.at(i!, j!)));
    expect(takeInventory([squared]).inlined.has(turned)).toBe(true);
  });
});

describe('lowering', () => {
  it('takes no more stack the deeper tensors stand upon each other', () => {
    const x = new InputTensor('x', 'float32', [4]);
    let last: TensorExpr = x;
    for (let i = 0; i < 5000; i++) {
      const before = last;
      last = compute([4], (j) =>
        add(
          before.at(j!),
          maxOf(4, (k) => before.at(k!)),
        ),
      );
      expect(last.dtype).toBe('float32');
    }
    // The largest goes into what adds it; the last sum is the output.
    expect(lower([x], [last]).temps).toHaveLength(4999);
  });
});
