/** The text of one stage while it is written: names, constants kept in locals, loops. */
import { FlagosError } from '../../core/errors.ts';
import type { Buffer, LExpr, Local } from '../loops.ts';
import { constantOf, type Sched } from '../schedule/ir.ts';
import { WasmScalar } from './wasm-scalar.ts';
import { Splats } from './wasm-splats.ts';
import { get, i32, op, set, typeOf } from './wasm-types.ts';
import type { VectorHost } from './wasm-vector.ts';

/** Integers up to this are written into the text: extents of windows and tiles, which shape the code. */
const LITERAL = 16;

/** Expressions, with the names of one stage; what they refer to is collected. */
export class StageScalar extends WasmScalar {
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

  /** A number that comes from shapes. */
  number(value: number): string {
    return this.index(value);
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
    // WebAssembly's locals are zero until they are set: a name from nowhere would be a wrong number, not an error.
    if (!this.#locals.has(local.name) && !this.#around.has(local.name))
      throw new FlagosError('FLAGOS_E_INTERNAL', `a stage reads '${local.name}', which nobody around it names`);
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

/** Statements that know nothing of what is inside of them. */
export class StageCode implements VectorHost {
  readonly scalar: StageScalar;
  readonly lines: string[] = [];
  /** Vectors of constants, and the locals they are kept in. */
  readonly constants = new Map<string, string>();
  readonly splats = new Splats(this);
  #serial = 0;

  /** @param around counters of the loops around the stage. */
  constructor(around: readonly Local[]) {
    this.scalar = new StageScalar(around);
  }

  push(line: string): void {
    this.lines.push(line);
  }

  declare(type: 'v128' | 'i32'): string {
    const name = `$t${this.#serial++}`;
    this.scalar.declared.push(`(local ${name} ${type})`);
    return name;
  }

  keep(value: string): string {
    const name = this.declare('v128');
    this.push(set(name, value));
    return get(name);
  }

  lanes(text: string): string {
    let name = this.constants.get(text);
    if (!name) this.constants.set(text, (name = this.declare('v128')));
    return name;
  }

  alias(local: Local, text: string): void {
    this.scalar.alias(local, text);
  }

  set(local: Local, value: LExpr): void {
    this.push(set(this.scalar.nameOf(local), this.scalar.expr(value)));
  }

  if(s: Extract<Sched, { kind: 'if' }>, block: (body: readonly Sched[]) => void): void {
    this.branch(s.cond, () => block(s.then), s.otherwise.length ? () => block(s.otherwise) : undefined);
  }

  branch(cond: LExpr, then: () => void, otherwise?: () => void): void {
    this.push(`(if ${this.scalar.expr(cond)} (then`);
    this.splats.within(then);
    if (otherwise) {
      this.push(') (else');
      this.splats.within(otherwise);
    }
    this.push('))');
  }

  /** What a bound is, for a loop that asks for it again and again. */
  bound(e: LExpr): string {
    const text = this.scalar.expr(e);
    if (e.kind === 'const' || e.kind === 'local') return text;
    const name = this.declare('i32');
    this.push(set(name, text));
    return get(name);
  }

  loop(v: Local, from: LExpr, to: LExpr, body: () => void): void {
    const name = this.scalar.nameOf(v);
    this.push(set(name, this.scalar.expr(from)));
    this.from(name, this.bound(to), 1, this.isFull(from, to, 1), body);
  }

  isFull(from: LExpr, to: LExpr, step: number): boolean {
    const [a, b] = [constantOf(from), constantOf(to)];
    return a !== undefined && b !== undefined && b - a >= step;
  }

  /** A loop from a counter's present value, in steps, as long as a whole step is left. */
  from(name: string, end: string, step: number, entered: boolean, body: () => void): void {
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
}
