import { describe, expect, it } from 'vitest';
import { ix, type Buffer, type LExpr, type Local, type Stmt } from './loops.ts';
import { splitDigits } from './split-digits.ts';

const v: Local = { kind: 'local', type: 'index', name: 'i' };
const buffer = (name: string, size: number): Buffer => ({ name, dtype: 'float32', size, role: 'temp' });
const [from, to] = [buffer('from', 24), buffer('to', 24)];
const copy = (at: LExpr, extent = 24): Stmt => ({
  kind: 'for',
  v,
  extent,
  parallel: true,
  body: [{ kind: 'store', buffer: to, at: v, value: { kind: 'read', type: 'float32', buffer: from, at } }],
});

/** Runs loops of stores. */
const run = (stmts: readonly Stmt[], values: Map<string, number>, out: number[]): void => {
  const eval_ = (e: LExpr): number => {
    if (e.kind === 'const') return Number(e.value);
    if (e.kind === 'local') return values.get(e.name)!;
    if (e.kind === 'read') return eval_(e.at);
    if (e.kind !== 'binary') throw new Error(e.kind);
    const [a, b] = [eval_(e.a), eval_(e.b)];
    return e.op === 'add' ? a + b : e.op === 'mul' ? a * b : e.op === 'floordiv' ? Math.floor(a / b) : a % b;
  };
  for (const s of stmts) {
    if (s.kind === 'for') for (let i = 0; i < s.extent; i++) run(s.body, new Map([...values, [s.v.name, i]]), out);
    else if (s.kind === 'store') out[eval_(s.at)] = eval_(s.value);
  }
};
const valuesOf = (stmts: readonly Stmt[]): number[] => {
  const out: number[] = [];
  run(stmts, new Map(), out);
  return out;
};
const depth = (s: Stmt | undefined): number => (s?.kind === 'for' ? 1 + depth(s.body[0]) : 0);

describe('splitDigits', () => {
  // [4, 6] read as [6, 4] turned.
  const turned = ix.add(ix.mul(ix.floormod(v, 4), 6), ix.floordiv(v, 4));

  it('makes two loops of one whose counter is divided by one number', () => {
    const made = splitDigits([copy(turned)]);
    expect(depth(made[0])).toBe(2);
    expect(JSON.stringify(made)).not.toMatch(/floordiv|floormod/);
    expect(valuesOf(made)).toEqual(valuesOf([copy(turned)]));
  });

  it('goes on with the digits', () => {
    const three = ix.add(
      ix.mul(ix.floormod(ix.floordiv(v, 2), 3), 8),
      ix.add(ix.mul(ix.floordiv(ix.floordiv(v, 2), 3), 2), ix.floormod(v, 2)),
    );
    const made = splitDigits([copy(three)]);
    expect(depth(made[0])).toBe(3);
    expect(valuesOf(made)).toEqual(valuesOf([copy(three)]));
  });

  it('leaves alone what has no whole digits, several, or an order its author gave', () => {
    for (const loop of [
      copy(ix.floordiv(v, 5)),
      copy(ix.add(ix.floordiv(v, 4), ix.floordiv(v, 3))),
      copy(v),
      { ...copy(turned), fixed: true } as Stmt,
    ])
      expect(splitDigits([loop])).toEqual([loop]);
  });
});
