/**
 * A stage of scheduled loop IR as one WebAssembly function. Its parameter points to a table in memory:
 * addresses of its buffers, then the integers that come from shapes, then the counters of the loops
 * around it. Names are given in order of appearance, so stages of equal structure have equal texts.
 */
import type { DType } from '../../core/dtype.ts';
import type { LExpr, Local } from '../loops.ts';
import { constantOf, type For, type Sched } from '../schedule/ir.ts';
import { mentions } from '../schedule/linear.ts';
import type { Buffer } from '../loops.ts';
import { WasmScalar } from './wasm-scalar.ts';
import { get, i32, op, set, typeOf } from './wasm-types.ts';
import { bitLanes, floatLanes } from './wasm-math.ts';
import { LANES, WasmVector, type VectorHost } from './wasm-vector.ts';

/** Integers up to this are written into the text: extents of windows and tiles, which shape the code. */
const LITERAL = 16;
/** Vectors that are worked on together in a loop with sums inside, so that these do not wait for each other. */
const GROUPS = 4;

export interface WasmStage {
  /** Parameters and body of the function. */
  readonly text: string;
  readonly buffers: readonly Buffer[];
  readonly params: readonly number[];
  /** Names of the counters around it that it uses. */
  readonly counters: readonly string[];
  /** Functions it calls. */
  readonly used: ReadonlySet<string>;
  /** Element types of the tiles it calls. */
  readonly tiles: ReadonlySet<DType>;
}

const hasLoop = (stmts: readonly Sched[]): boolean =>
  stmts.some((s) => s.kind === 'for' || (s.kind === 'if' && (hasLoop(s.then) || hasLoop(s.otherwise))));

class Scalar extends WasmScalar {
  readonly buffers: Buffer[] = [];
  readonly params: number[] = [];
  readonly counters: string[] = [];
  readonly declared: string[] = [];
  readonly #locals = new Map<string, string>();
  readonly #around: ReadonlySet<string>;

  constructor(around: readonly Local[]) {
    super();
    this.#around = new Set(around.map((l) => l.name));
  }

  protected index(value: number): string {
    if (Math.abs(value) <= LITERAL) return i32(value);
    // Beyond what a position can be: where the search for a smallest or largest one starts.
    if (Math.abs(value) >= 2 ** 31) return i32(value < 0 ? -(2 ** 31) : 2 ** 31 - 1);
    let i = this.params.indexOf(value);
    if (i < 0) i = this.params.push(value) - 1;
    return get(`$p${i}`);
  }

  protected local(local: Local): string {
    const text = this.nameOf(local);
    return text.startsWith('(') ? text : get(text);
  }

  protected buffer(buffer: Buffer): string {
    let i = this.buffers.indexOf(buffer);
    if (i < 0) i = this.buffers.push(buffer) - 1;
    return get(`$b${i}`);
  }

  /** Name of a local; declared when it is first met. */
  nameOf({ name, type }: Local): string {
    let text = this.#locals.get(name);
    if (text) return text;
    if (this.#around.has(name)) text = `$c${this.counters.push(name) - 1}`;
    else {
      text = `$${type === 'index' ? 'i' : 'v'}${this.declared.length}`;
      this.declared.push(`(local ${text} ${typeOf(type)})`);
    }
    this.#locals.set(name, text);
    return text;
  }

  alias(local: Local, text: string): void {
    this.#locals.set(local.name, text);
  }

  address32(buffer: Buffer, at: LExpr): string {
    const { base, offset } = this.address(buffer, at);
    return offset ? op('i32.add', base, i32(Number(offset.slice(' offset='.length)))) : base;
  }
}

class StageWriter implements VectorHost {
  readonly scalar: Scalar;
  readonly tiles = new Set<DType>();
  readonly #lines: string[] = [];
  readonly #constants = new Map<string, string>();
  #serial = 0;

  constructor(body: readonly Sched[], around: readonly Local[]) {
    this.scalar = new Scalar(around);
    this.#block(body);
  }

  push(line: string): void {
    this.#lines.push(line);
  }

  declare(type: 'v128' | 'i32'): string {
    const name = `$t${this.#serial++}`;
    this.scalar.declared.push(`(local ${name} ${type})`);
    return name;
  }

  lanes(text: string): string {
    let name = this.#constants.get(text);
    if (!name) this.#constants.set(text, (name = this.declare('v128')));
    return name;
  }

  alias(local: Local, text: string): void {
    this.scalar.alias(local, text);
  }

  #block(stmts: readonly Sched[]): void {
    for (const s of stmts) this.#stmt(s);
  }

  #stmt(s: Sched): void {
    const { scalar } = this;
    switch (s.kind) {
      case 'for':
        if (!s.lanes) this.#loop(s.v, s.from, s.to, () => this.#block(s.body));
        else if (s.parallel) this.#lanesLoop(s);
        else this.#reduction(s);
        break;
      case 'let':
        this.push(set(scalar.nameOf(s.local), scalar.expr(s.value)));
        break;
      case 'var': {
        const name = scalar.nameOf(s.local);
        if (s.value) this.push(set(name, scalar.expr(s.value)));
        break;
      }
      case 'set':
        this.push(set(scalar.nameOf(s.local), scalar.expr(s.value)));
        break;
      case 'store':
        this.push(scalar.store(s.buffer, s.at, s.value));
        break;
      case 'if':
        this.#if(s, (body) => this.#block(body));
        break;
      case 'tile':
        this.tiles.add(s.a.dtype);
        this.push(
          op(
            `call $tile_${s.a.dtype}`,
            scalar.address32(s.a, s.aAt),
            scalar.address32(s.b, s.bAt),
            scalar.address32(s.out, { kind: 'const', type: 'index', value: 0 }),
            scalar.expr(s.steps),
          ),
        );
        break;
    }
  }

  #if(s: Extract<Sched, { kind: 'if' }>, block: (body: readonly Sched[]) => void): void {
    this.push(`(if ${this.scalar.expr(s.cond)} (then`);
    block(s.then);
    if (s.otherwise.length) {
      this.push(') (else');
      block(s.otherwise);
    }
    this.push('))');
  }

  /** What a bound is, for a loop that asks for it again and again. */
  #bound(e: LExpr): string {
    const text = this.scalar.expr(e);
    if (e.kind === 'const' || e.kind === 'local') return text;
    const name = this.declare('i32');
    this.push(set(name, text));
    return get(name);
  }

  #loop(v: Local, from: LExpr, to: LExpr, body: () => void): void {
    const name = this.scalar.nameOf(v);
    this.push(set(name, this.scalar.expr(from)));
    this.#from(name, this.#bound(to), 1, this.#isFull(from, to, 1), body);
  }

  #isFull(from: LExpr, to: LExpr, step: number): boolean {
    const [a, b] = [constantOf(from), constantOf(to)];
    return a !== undefined && b !== undefined && b - a >= step;
  }

  /** A loop from a counter's present value, in steps, as long as a whole step is left. */
  #from(name: string, end: string, step: number, entered: boolean, body: () => void): void {
    const label = `$l${this.#serial++}`;
    const last = step === 1 ? get(name) : op('i32.add', get(name), i32(step - 1));
    const more = op('i32.lt_s', last, end);
    if (!entered) this.push(`(if ${more} (then`);
    this.push(`(loop ${label}`);
    body();
    this.push(set(name, op('i32.add', get(name), i32(step))));
    this.push(`(br_if ${label} ${more}))`);
    if (!entered) this.push('))');
  }

  /** A parallel loop in lanes: whole groups of vectors, then single vectors, then single values. */
  #lanesLoop(s: For): void {
    const [from, to] = [constantOf(s.from), constantOf(s.to)];
    const count = from === undefined || to === undefined ? undefined : to - from;
    const name = this.scalar.nameOf(s.v);
    this.push(set(name, this.scalar.expr(s.from)));
    // A few vectors, and nothing left over: no loop at all.
    if (count !== undefined && count % LANES === 0 && count <= GROUPS * LANES) return this.#groups(s, count / LANES);
    const end = this.#bound(s.to);
    const widths = hasLoop(s.body) && (count === undefined || count >= GROUPS * LANES) ? [GROUPS, 1] : [1];
    widths.forEach((groups, i) =>
      this.#from(name, end, groups * LANES, i === 0 && this.#isFull(s.from, s.to, groups * LANES), () => this.#groups(s, groups)),
    );
    if (count === undefined || count % LANES !== 0) this.#from(name, end, 1, false, () => this.#block(s.body));
  }

  #groups(s: For, groups: number): void {
    const vectors = Array.from({ length: groups }, () => new Map<string, string>());
    const varying = new Set([s.v.name]);
    this.#vectorBlock(
      s.body,
      vectors.map((map, g) => new WasmVector(this, s.v, g * LANES, map, varying)),
      vectors,
      varying,
    );
  }

  #vectorBlock(
    stmts: readonly Sched[],
    groups: readonly WasmVector[],
    vectors: readonly Map<string, string>[],
    varying: Set<string>,
  ): void {
    for (const s of stmts) {
      switch (s.kind) {
        case 'let':
        case 'var': {
          if (s.kind === 'let' && !mentions(s.value, varying)) {
            this.#stmt(s);
            break;
          }
          const values = s.value && groups.map((g) => g.expr(s.value!));
          varying.add(s.local.name);
          vectors.forEach((map, g) => {
            const name = this.declare('v128');
            map.set(s.local.name, name);
            if (values) this.push(set(name, values[g]!));
          });
          break;
        }
        case 'set': {
          const values = groups.map((g) => g.expr(s.value));
          vectors.forEach((map, g) => this.push(set(map.get(s.local.name)!, values[g]!)));
          break;
        }
        case 'store':
          groups.forEach((g) => g.store(s.buffer, s.at, s.value));
          break;
        case 'for':
          this.#loop(s.v, s.from, s.to, () => this.#vectorBlock(s.body, groups, vectors, varying));
          break;
        case 'if':
          this.#if(s, (body) => this.#vectorBlock(body, groups, vectors, varying));
          break;
        case 'tile':
          this.#stmt(s);
          break;
      }
    }
  }

  /** A sum (or extreme) over neighbours: vectors of partial results, put together at the end. */
  #reduction(s: For): void {
    const last = s.body.at(-1)!;
    if (last.kind !== 'set' || last.value.kind !== 'binary') return this.#loop(s.v, s.from, s.to, () => this.#block(s.body));
    const { local, value } = last;
    const isFloat = typeOf(local.type) === 'f32';
    const type = isFloat ? 'f32x4' : 'i32x4';
    const combine = (a: string, b: string): string => op(`${type}.${value.op}${!isFloat && value.op !== 'add' ? '_s' : ''}`, a, b);
    const start = value.op === 'add' ? 0 : value.op === 'max' ? (isFloat ? -Infinity : -(2 ** 31)) : isFloat ? Infinity : 2 ** 31 - 1;
    const parts = Array.from({ length: GROUPS }, () => this.declare('v128'));
    for (const part of parts) this.push(set(part, get(this.lanes(isFloat ? floatLanes(start) : bitLanes(start)))));
    const name = this.scalar.nameOf(s.v);
    this.push(set(name, this.scalar.expr(s.from)));
    const end = this.#bound(s.to);
    const step = (width: number) => (): void => {
      const vectors = Array.from({ length: width }, () => new Map<string, string>());
      const varying = new Set([s.v.name]);
      const groups = vectors.map((map, g) => new WasmVector(this, s.v, g * LANES, map, varying));
      this.#vectorBlock(s.body.slice(0, -1), groups, vectors, varying);
      groups.forEach((g, i) => this.push(set(parts[i]!, combine(get(parts[i]!), g.expr(value.b)))));
    };
    this.#from(name, end, GROUPS * LANES, this.#isFull(s.from, s.to, GROUPS * LANES), step(GROUPS));
    this.#from(name, end, LANES, false, step(1));
    const [first, ...rest] = parts;
    this.push(
      set(
        first!,
        rest.reduce((sum, part) => combine(sum, get(part)), get(first!)),
      ),
    );
    const scalarOp = (a: string, b: string): string =>
      isFloat ? op(`f32.${value.op}`, a, b) : value.op === 'add' ? op('i32.add', a, b) : this.scalar.call(`${value.op}_s32`, a, b);
    const total = this.scalar.nameOf(local);
    this.push(
      set(
        total,
        [0, 1, 2, 3].reduce((sum, l) => scalarOp(sum, op(`${type}.extract_lane ${l}`, get(first!))), get(total)),
      ),
    );
    this.#from(name, end, 1, false, () => this.#block(s.body));
  }

  get stage(): WasmStage {
    const { buffers, params, counters, declared, used } = this.scalar;
    const entry =
      (kind: string, from: number) =>
      (_: unknown, i: number): string =>
        set(`$${kind}${i}`, `(i32.load offset=${(from + i) * 4} (local.get $t))`);
    const local =
      (kind: string) =>
      (_: unknown, i: number): string =>
        `(local $${kind}${i} i32)`;
    const text = [
      '(param $t i32)',
      [...buffers.map(local('b')), ...params.map(local('p')), ...counters.map(local('c')), ...declared].join(' '),
      ...buffers.map(entry('b', 0)),
      ...params.map(entry('p', buffers.length)),
      ...counters.map(entry('c', buffers.length + params.length)),
      ...[...this.#constants].map(([value, name]) => set(name, value)),
      ...this.#lines,
    ].join('\n  ');
    return { text, buffers, params, counters, used, tiles: this.tiles };
  }
}

export const writeStage = (body: readonly Sched[], around: readonly Local[]): WasmStage => new StageWriter(body, around).stage;
