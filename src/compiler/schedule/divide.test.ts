import { describe, expect, it } from 'vitest';
import type { Buffer, LExpr } from '../loops.ts';
import { Random } from '../programs.test-util.ts';
import { divideStage } from './divide.ts';
import { at, fresh, k, loop, shared, type Sched } from './ir.ts';

const buffer = (role: Buffer['role'], name = 'b'): Buffer => ({ name, dtype: 'float32', size: 1e6, role });
const one: LExpr = { kind: 'const', type: 'float32', value: 1 };
const everything = { count: 2, grain: 1 };
const never = (): boolean => false;

/** A position's value. */
const valueOf = (e: LExpr, names: ReadonlyMap<string, number>): number => {
  if (e.kind === 'const') return Number(e.value);
  if (e.kind === 'local') return names.get(e.name)!;
  if (e.kind !== 'binary') throw new Error(`${e.kind} is no position`);
  const [a, b] = [valueOf(e.a, names), valueOf(e.b, names)];
  const ops: Partial<Record<typeof e.op, number>> = {
    add: a + b,
    sub: a - b,
    mul: a * b,
    min: Math.min(a, b),
    max: Math.max(a, b),
    floordiv: Math.floor(a / b),
  };
  return ops[e.op]!;
};

/** Places that are written, in order. */
const written = (stmts: readonly Sched[], names: ReadonlyMap<string, number>, into: number[] = []): number[] => {
  const known = new Map(names);
  for (const s of stmts) {
    if (s.kind === 'for') {
      const to = valueOf(s.to, known);
      for (let i = valueOf(s.from, known); i < to; i++) written(s.body, new Map([...known, [s.v.name, i]]), into);
    } else if (s.kind === 'let') known.set(s.local.name, valueOf(s.value, known));
    else if (s.kind === 'store') into.push(valueOf(s.at, known));
  }
  return into;
};

/** Some loops next to each other, each with loops inside of it; every innermost iteration writes a place of its own. */
const nest = (r: Random, depth: number, y: Buffer): Sched[] => {
  let block = 0;
  const level = (inside: number, place: LExpr): Sched[] =>
    Array.from({ length: 1 + r.below(2) }, (): Sched => {
      const v = fresh('index', 'v');
      const [from, extent] = [r.below(3), r.below(9)];
      const number = fresh('index', 'n');
      const here = at.add(at.mul(place, 8), at.add(at.mul(v, 128), k(block++ * 2 ** 20)));
      const named: Sched = { kind: 'let', local: number, value: here };
      const body: Sched[] =
        inside > 0 && r.below(4) > 0 ? level(inside - 1, number) : [{ kind: 'store', buffer: y, at: number, value: one }];
      const lanes = body[0]!.kind === 'store' && r.below(2) === 0;
      return { kind: 'for', v, from: k(from), to: k(from + (lanes ? extent * 40 : extent)), parallel: true, lanes, body: [named, ...body] };
    });
  return level(depth, k(0));
};

describe('a stage in ranges', () => {
  it('does everything once and in order, however it is cut', () => {
    let divided = 0;
    for (let seed = 0; seed < 300; seed++) {
      const r = new Random(seed);
      const body = nest(r, 2, buffer('output'));
      const share = divideStage({ body, work: 1e9 }, { count: 1 + r.below(8), grain: 1 }, never);
      if (!share) continue;
      divided++;
      const cuts = [0, ...Array.from({ length: r.below(5) }, () => r.below(share.count + 1)), share.count].sort((a, b) => a - b);
      const pieces = cuts.slice(1).flatMap((hi, i) =>
        written(
          share.body,
          new Map([
            [share.lo.name, cuts[i]!],
            [share.hi.name, hi],
          ]),
        ),
      );
      expect(pieces, `seed ${seed}`).toEqual(written(body, new Map()));
    }
    expect(divided).toBeGreaterThan(100);
  });

  it('has a piece of memory for each thread where a temporary is used in it alone', () => {
    const [row, y] = [buffer('temp', 'row'), buffer('output', 'y')];
    const [i, j] = [fresh('index', 'i'), fresh('index', 'j')];
    const body = [
      shared(i, k(20), [
        loop(j, k(8), [{ kind: 'store', buffer: row, at: j, value: one }], true),
        { kind: 'store', buffer: y, at: i, value: { kind: 'read', type: 'float32', buffer: row, at: k(0) } },
      ]),
    ];
    expect([...divideStage({ body, work: 1e9 }, everything, never)!.own]).toEqual([row]);
    // Read elsewhere, it is a result, and all iterations write it at the same places.
    expect(divideStage({ body, work: 1e9 }, everything, () => true)).toBeUndefined();
  });
});

describe('is not divided', () => {
  const [x, y] = [buffer('temp', 'x'), buffer('output', 'y')];
  const i = fresh('index', 'i');
  const store = (to: Buffer, place: LExpr, value: LExpr = one): Sched => ({ kind: 'store', buffer: to, at: place, value });
  const each = (body: Sched[], parallel = true): Sched => loop(i, k(100), body, parallel);

  it.each<[string, Sched[], number, number]>([
    ['what is little', [each([store(y, i)])], 3, 1],
    ['what is no more than a thread takes at a time', [each([store(y, i)])], 400, 400],
    ['a loop whose turns follow each other', [each([store(y, i)], false)], 1e9, 1],
    ['a result that is written at one place', [each([store(y, k(0))])], 1e9, 1],
    [
      'loops of which one reads what another writes',
      [each([store(x, i)]), each([store(y, i, { kind: 'read', type: 'float32', buffer: x, at: i })])],
      1e9,
      1,
    ],
    ['statements beside loops', [store(y, k(200)), each([store(y, i)])], 1e9, 1],
  ])('%s', (_, body, work, grain) => expect(divideStage({ body, work }, { count: 2, grain }, never)).toBeUndefined());

  it('anything on one thread', () =>
    expect(divideStage({ body: [each([store(y, i)])], work: 1e9 }, { count: 1, grain: 1 }, never)).toBeUndefined());
});
