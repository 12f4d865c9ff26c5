/** Statements and expressions of one function in C. */
import type { DType } from '../../core/dtype.ts';
import type { Buffer, LExpr, Local, StageWriter, Stmt } from '../loops.ts';
import { bitcast, cast } from './c-casts.ts';
import { constant } from './c-constants.ts';
import { binary, unary } from './c-operators.ts';
import { decode, encode, isCoded, storageType, valueType } from './c-types.ts';

/** Where one function keeps what it refers to: its buffers, parameters and outer counters, by position in its context. */
export class Frame {
  readonly params: number[] = [];
  readonly buffers: Buffer[] = [];

  /** Extents are parameters, each use its own: whether two of them happen to be equal must not change the text. */
  param(value: number): string {
    if (value >= -2 && value <= 2) return String(value);
    this.params.push(value);
    return `p[${this.params.length - 1}]`;
  }

  /** Local name of a buffer. */
  buffer(buffer: Buffer): string {
    let i = this.buffers.indexOf(buffer);
    if (i < 0) i = this.buffers.push(buffer) - 1;
    return `b${i}`;
  }

  declarations(): string[] {
    return this.buffers.map((x, i) => `${x.role === 'input' ? 'const ' : ''}${storageType(x)}* restrict b${i}`);
  }
}

/** Writes statements and expressions of one function. */
export class CWriter implements StageWriter {
  readonly #frame: Frame;
  readonly #lines: string[] = [];
  readonly #names = new Map<string, string>();
  constructor(frame: Frame) {
    this.#frame = frame;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Names of locals are given in order of appearance, so that equal functions have equal texts. */
  name(local: Local): string {
    let name = this.#names.get(local.name);
    if (!name) this.#names.set(local.name, (name = `${local.type === 'index' ? 'i' : 'v'}${this.#names.size}`));
    return name;
  }

  push(line: string): void {
    this.#lines.push(line);
  }

  param(value: number): string {
    return this.#frame.param(value);
  }

  buffer(buffer: Buffer): string {
    return this.#frame.buffer(buffer);
  }

  expr(e: LExpr): string {
    switch (e.kind) {
      case 'const':
        return e.type === 'index' ? this.param(Number(e.value)) : constant(e.value, e.type);
      case 'local':
        return this.name(e);
      case 'read':
        return this.#read(e.buffer, this.expr(e.at));
      case 'unary':
        return unary(e.op, this.expr(e.x), e.x.type);
      case 'binary':
        return binary(e.op, this.expr(e.a), this.expr(e.b), e.a.type);
      case 'select':
        return `(${this.expr(e.cond)} ? ${this.expr(e.a)} : ${this.expr(e.b)})`;
      case 'cast':
        return cast(this.expr(e.x), e.x.type, e.type, e.saturate);
      case 'bitcast':
        return bitcast(this.expr(e.x), e.x.type as DType, e.type as DType);
    }
  }

  #read(buffer: Buffer, at: string): string {
    const element = `${this.#frame.buffer(buffer)}[${at}]`;
    if (buffer.role !== 'temp' && isCoded(buffer.dtype)) return decode(buffer.dtype, element);
    return buffer.dtype === 'bool' ? `(${element} != 0)` : element;
  }

  #store(buffer: Buffer, at: string, value: string): string {
    return `${this.#frame.buffer(buffer)}[${at}] = ${buffer.role !== 'temp' && isCoded(buffer.dtype) ? encode(buffer.dtype, value, false) : value};`;
  }

  block(stmts: readonly Stmt[], pad: string): void {
    for (const s of stmts) this.#stmt(s, pad);
  }

  #stmt(s: Stmt, pad: string): void {
    const deeper = `${pad}  `;
    switch (s.kind) {
      case 'for': {
        const v = this.name(s.v);
        if (s.unroll) this.push(`#pragma GCC unroll ${Math.max(1, s.extent)}`);
        this.push(`${pad}for (i64 ${v} = 0; ${v} < ${s.unroll ? s.extent : this.#frame.param(s.extent)}; ${v}++) {`);
        this.block(s.body, deeper);
        this.push(`${pad}}`);
        break;
      }
      case 'let':
        this.push(`${pad}const ${this.declare(s.local)} = ${this.expr(s.value)};`);
        break;
      case 'var':
        this.push(`${pad}${this.declare(s.local)}${s.value ? ` = ${this.expr(s.value)}` : ''};`);
        break;
      case 'set':
        this.push(`${pad}${this.name(s.local)} = ${this.expr(s.value)};`);
        break;
      case 'store':
        this.push(pad + this.#store(s.buffer, this.expr(s.at), this.expr(s.value)));
        break;
      case 'if':
        this.push(`${pad}if (${this.expr(s.cond)}) {`);
        this.block(s.then, deeper);
        if (s.otherwise.length) {
          this.push(`${pad}} else {`);
          this.block(s.otherwise, deeper);
        }
        this.push(`${pad}}`);
        break;
    }
  }

  declare(local: Local): string {
    return `${valueType(local.type)} ${this.name(local)}`;
  }
}
