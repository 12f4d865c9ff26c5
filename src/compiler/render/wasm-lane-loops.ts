/** Loops in lanes of vectors: parallel loops over neighbours, and reductions over neighbours. */
import type { LExpr, Local } from '../loops.ts';
import { buffersOf, constantOf, eachExpression, eachNode, type For, type Sched } from '../schedule/ir.ts';
import { mentions } from '../schedule/linear.ts';
import { LANES } from './wasm-lane-memory.ts';
import { extremeLanes } from './wasm-lanes.ts';
import { bitLanes, floatLanes, vectorMath } from './wasm-math.ts';
import type { StageCode } from './wasm-stage-code.ts';
import { get, i32, op, set, typeOf } from './wasm-types.ts';
import { WasmVector } from './wasm-vector.ts';

/** Vectors that are worked on together in a loop with sums inside, so that these do not wait for each other; elsewhere, vectors in turn. */
const GROUPS = 4;
/** Nodes of a body beyond which counting and comparing for each vector is little beside the work. */
const SMALL = 48;

const hasLoop = (stmts: readonly Sched[]): boolean =>
  stmts.some((s) => s.kind === 'for' || (s.kind === 'if' && (hasLoop(s.then) || hasLoop(s.otherwise))));

/** Vectors of neighbouring iterations of one loop, worked on together. */
class Groups {
  readonly #code: StageCode;
  readonly #scalars: (body: readonly Sched[]) => void;
  /** Locals of each vector by the names they have in the loop. */
  readonly #vectors: readonly Map<string, string>[];
  readonly #varying: Set<string>;
  readonly #groups: readonly WasmVector[];

  /** @param firsts how far each vector's first lane is from the counter. */
  constructor(code: StageCode, v: Local, firsts: readonly number[], scalars: (body: readonly Sched[]) => void) {
    this.#code = code;
    this.#scalars = scalars;
    this.#varying = new Set([v.name]);
    this.#vectors = firsts.map(() => new Map<string, string>());
    this.#groups = this.#vectors.map((map, g) => new WasmVector(code, v, firsts[g]!, map, this.#varying));
  }

  /** Each group's vector of an expression's values. */
  expr(e: LExpr): string[] {
    return this.#together(() => this.#groups.map((g) => g.expr(e)));
  }

  #together<T>(write: () => T): T {
    return this.#groups.length > 1 ? this.#code.splats.together(write) : write();
  }

  block(stmts: readonly Sched[]): void {
    for (const s of stmts) {
      const isPlain = s.kind === 'let' || s.kind === 'var' || s.kind === 'set';
      if (!isPlain) this.#forget();
      this.#stmt(s);
      if (!isPlain) this.#forget();
    }
  }

  /** Memory may be written now, or statements be left out. */
  #forget(): void {
    for (const g of this.#groups) g.forget();
  }

  #stmt(s: Sched): void {
    switch (s.kind) {
      case 'let':
      case 'var': {
        if (s.kind === 'let' && !mentions(s.value, this.#varying)) return this.#scalars([s]);
        const values = s.value && this.expr(s.value);
        this.#varying.add(s.local.name);
        this.#vectors.forEach((map, g) => {
          const name = this.#code.declare('v128');
          map.set(s.local.name, name);
          if (values) this.#code.push(set(name, values[g]!));
        });
        return;
      }
      case 'set': {
        const values = this.expr(s.value);
        return this.#vectors.forEach((map, g) => this.#code.push(set(map.get(s.local.name)!, values[g]!)));
      }
      case 'store':
        return this.#together(() => this.#groups.forEach((g) => g.store(s.buffer, s.at, s.value)));
      case 'for':
        return this.#code.loop(s.v, s.from, s.to, () => this.block(s.body));
      case 'if':
        return this.#code.if(s, (body) => this.block(body));
      case 'tile':
        return this.#scalars([s]);
    }
  }
}

/** Whether what a loop itself costs matters: its body is few operations, and no elementary functions. */
const isSmall = (stmts: readonly Sched[]): boolean => {
  let nodes = 0;
  eachExpression(stmts, (e) => eachNode(e, (n) => (nodes += n.kind === 'unary' && vectorMath[n.op] ? SMALL : 1)));
  return nodes <= SMALL;
};

/** First lanes of vectors that follow one another. */
const row = (vectors: number): number[] => Array.from({ length: vectors }, (_, i) => i * LANES);

/** Whether calculating an element twice does no harm: nothing that is written is read. */
const canRepeat = (s: For): boolean => {
  const { reads, writes } = buffersOf(s.body);
  return [...writes].every((b) => !reads.has(b));
};

/**
 * A parallel loop in lanes: whole groups of vectors, then single vectors, then what is left: one more
 * vector that ends where the loop does, or single values.
 * @param scalars writes statements one value at a time.
 */
export const writeLanes = (code: StageCode, s: For, scalars: (body: readonly Sched[]) => void): void => {
  const [from, to] = [constantOf(s.from), constantOf(s.to)];
  const count = from === undefined || to === undefined ? undefined : to - from;
  const together = (firsts: readonly number[]): void => new Groups(code, s.v, firsts, scalars).block(s.body);
  const isNest = hasLoop(s.body);
  const step = (firsts: readonly number[]): void => (isNest ? together(firsts) : firsts.forEach((first) => together([first])));
  const name = code.scalar.nameOf(s.v);
  const overlaps = count !== undefined && count >= LANES && canRepeat(s);
  code.set(s.v, s.from);
  // A few vectors, and nothing left over: no loop at all.
  if (count !== undefined && count <= GROUPS * LANES && (overlaps || count % LANES === 0)) {
    const whole = row(Math.floor(count / LANES));
    const all = count % LANES === 0 ? whole : [...whole, count - LANES];
    return step(all);
  }
  const end = code.bound(s.to);
  const isLong = count === undefined || count >= GROUPS * LANES;
  const widths = isLong && (isNest || isSmall(s.body)) ? [GROUPS, 1] : [1];
  code.splats.loop(s, () => {
    widths.forEach((groups, i) =>
      code.from(name, end, groups * LANES, i === 0 && code.isFull(s.from, s.to, groups * LANES), () => step(row(groups))),
    );
    if (count === undefined || count % LANES === 0 || !overlaps) return;
    code.push(set(name, op('i32.sub', end, i32(LANES))));
    together([0]);
  });
  if (count === undefined || (count % LANES !== 0 && !overlaps)) code.from(name, end, 1, false, () => scalars(s.body));
};

/** A sum (or extreme) over neighbours: vectors of partial results, put together at the end. */
export const writeReduction = (code: StageCode, s: For, scalars: (body: readonly Sched[]) => void): void => {
  const last = s.body.at(-1)!;
  // Masks are put together by logic, not by sums.
  if (last.kind !== 'set' || last.value.kind !== 'binary' || last.local.type === 'bool')
    return code.loop(s.v, s.from, s.to, () => scalars(s.body));
  const { local, value } = last;
  const isFloat = typeOf(local.type) === 'f32';
  const type = isFloat ? 'f32x4' : 'i32x4';
  const combine = (a: string, b: string): string => {
    if (isFloat && (value.op === 'max' || value.op === 'min')) return extremeLanes(value.op, a, b, code);
    return op(`${type}.${value.op}${!isFloat && value.op !== 'add' ? '_s' : ''}`, a, b);
  };
  const start = value.op === 'add' ? 0 : value.op === 'max' ? (isFloat ? -Infinity : -(2 ** 31)) : isFloat ? Infinity : 2 ** 31 - 1;
  const parts = Array.from({ length: GROUPS }, () => code.declare('v128'));
  for (const part of parts) code.push(set(part, get(code.lanes(isFloat ? floatLanes(start) : bitLanes(start)))));
  const name = code.scalar.nameOf(s.v);
  code.set(s.v, s.from);
  const end = code.bound(s.to);
  const step = (width: number) => (): void => {
    const groups = new Groups(code, s.v, row(width), scalars);
    groups.block(s.body.slice(0, -1));
    groups.expr(value.b).forEach((term, i) => code.push(set(parts[i]!, combine(get(parts[i]!), term))));
  };
  code.splats.loop(s, () => {
    code.from(name, end, GROUPS * LANES, code.isFull(s.from, s.to, GROUPS * LANES), step(GROUPS));
    code.from(name, end, LANES, false, step(1));
  });
  const [first, ...rest] = parts;
  code.push(
    set(
      first!,
      rest.reduce((sum, part) => combine(sum, get(part)), get(first!)),
    ),
  );
  const scalarOp = (a: string, b: string): string =>
    isFloat ? op(`f32.${value.op}`, a, b) : value.op === 'add' ? op('i32.add', a, b) : code.scalar.call(`${value.op}_s32`, a, b);
  const total = code.scalar.nameOf(local);
  code.push(
    set(
      total,
      [0, 1, 2, 3].reduce((sum, l) => scalarOp(sum, op(`${type}.extract_lane ${l}`, get(first!))), get(total)),
    ),
  );
  code.from(name, end, 1, false, () => scalars(s.body));
};
