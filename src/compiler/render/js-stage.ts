/**
 * A stage of scheduled loop IR as the text of one JavaScript function of its buffers, parameters and
 * the counters around it. Names are given in order of appearance and extents are parameters, so
 * stages of equal structure have equal texts and share one function, which stays compiled.
 */
import { dtypeInfo, type DType } from '../../core/dtype.ts';
import type { Buffer, LExpr, Local } from '../loops.ts';
import type { UnaryOp } from '../expr.ts';
import type { Sched } from '../schedule/ir.ts';
import { copyOf } from './js-copy.ts';
import { codeType, JsExpressions, kindOf, wrap } from './js-expressions.ts';

/** Integers up to this are written into the text: extents of windows and tiles, which shape the code. */
const LITERAL = 16;

/** Functions of `js-math.ts`, for values that are float32 or narrower in memory. */
const fast = new Set<UnaryOp>(['exp', 'sigmoid', 'tanh', 'erf']);

export interface StageText {
  readonly text: string;
  /** What its `b`, `p` and `v` are. */
  readonly buffers: readonly Buffer[];
  readonly params: readonly number[];
  readonly counters: readonly string[];
}

export class StageWriter extends JsExpressions {
  readonly buffers: Buffer[] = [];
  readonly params: number[] = [];
  readonly counters: string[] = [];
  readonly #lines: string[] = [];
  readonly #locals = new Map<string, string>();
  readonly #around: ReadonlySet<string>;
  /** Buffers of 64-bit integers that are also seen as pairs of 32-bit words. */
  readonly #words = new Set<Buffer>();
  readonly #tiles = new Set<DType>();
  readonly #functions = new Set<UnaryOp>();

  /** @param around counters of the loops the stage stands in. */
  constructor(body: readonly Sched[], around: readonly Local[]) {
    super();
    this.#around = new Set(around.map((l) => l.name));
    this.#block(body, '  ');
  }

  protected index(value: number): string {
    if (Math.abs(value) <= LITERAL) return value < 0 ? `(${value})` : String(value);
    let i = this.params.indexOf(value);
    if (i < 0) i = this.params.push(value) - 1;
    return `p${i}`;
  }

  protected local({ name, type }: Local): string {
    let text = this.#locals.get(name);
    if (!text) {
      const around = this.#around.has(name);
      text = around ? `c${this.counters.push(name) - 1}` : `${type === 'index' ? 'i' : 'v'}${this.#locals.size}`;
      this.#locals.set(name, text);
    }
    return text;
  }

  protected buffer(buffer: Buffer): string {
    let i = this.buffers.indexOf(buffer);
    if (i < 0) i = this.buffers.push(buffer) - 1;
    return `b${i}`;
  }

  #wordsOf(buffer: Buffer): string {
    this.#words.add(buffer);
    return `w${this.buffer(buffer).slice(1)}`;
  }

  /** Conversions from 64-bit integers in memory need no bigint: the words they are made of are numbers. */
  override expr(e: LExpr): string {
    if (
      e.kind === 'cast' &&
      !e.saturate &&
      e.x.kind === 'read' &&
      e.x.buffer.dtype === 'int64' &&
      e.type !== 'int64' &&
      e.type !== 'uint64'
    ) {
      const [words, at] = [this.#wordsOf(e.x.buffer), this.expr(e.x.at)];
      const kind = kindOf(e.type);
      if (kind === 'int') return wrap(`${words}[2*${at}]`, e.type as DType);
      if (kind === 'index' || e.type === 'float64') return `rt.wide(${words},${at})`;
    }
    if (e.kind === 'unary' && fast.has(e.op) && kindOf(e.type) === 'float' && e.type !== 'float64') {
      this.#functions.add(e.op);
      return `m_${e.op}(${this.expr(e.x)})`;
    }
    return super.expr(e);
  }

  protected override store(buffer: Buffer, at: string, value: LExpr): string {
    if (buffer.dtype === 'int64' && value.kind === 'cast' && ['index', 'int', 'bool'].includes(kindOf(value.x.type))) {
      const x = this.expr(value.x);
      return `rt.putWide(${this.#wordsOf(buffer)},${at},${kindOf(value.x.type) === 'bool' ? `(${x}?1:0)` : x});`;
    }
    return super.store(buffer, at, value);
  }

  #block(stmts: readonly Sched[], pad: string): void {
    for (const s of stmts) this.#stmt(s, pad);
  }

  #stmt(s: Sched, pad: string): void {
    const push = (line: string): void => void this.#lines.push(pad + line);
    switch (s.kind) {
      case 'for': {
        const copy = copyOf(s);
        if (copy) {
          const part = `${this.buffer(copy.source)}.subarray(${this.expr(copy.from)},${this.expr(copy.to)})`;
          push(`${this.buffer(copy.target)}.set(${part},${this.expr(copy.at)});`);
          break;
        }
        const [from, to, v] = [this.expr(s.from), this.expr(s.to), this.local(s.v)];
        push(`for(let ${v}=${from};${v}<${to};${v}++){`);
        this.#block(s.body, `${pad} `);
        push('}');
        break;
      }
      case 'let':
        push(`const ${this.local(s.local)}=${this.expr(s.value)};`);
        break;
      case 'var':
        push(`let ${this.local(s.local)}${s.value ? `=${this.expr(s.value)}` : ''};`);
        break;
      case 'set':
        push(`${this.local(s.local)}=${this.expr(s.value)};`);
        break;
      case 'store':
        push(this.store(s.buffer, this.expr(s.at), s.value));
        break;
      case 'tile': {
        this.#tiles.add(s.a.dtype);
        push(
          `tile_${s.a.dtype}(${this.buffer(s.a)},${this.expr(s.aAt)},${this.buffer(s.b)},${this.expr(s.bAt)},${this.buffer(s.out)},${this.expr(s.steps)});`,
        );
        break;
      }
      case 'if':
        push(`if(${this.expr(s.cond)}){`);
        this.#block(s.then, `${pad} `);
        if (s.otherwise.length) {
          push('}else{');
          this.#block(s.otherwise, `${pad} `);
        }
        push('}');
        break;
    }
  }

  get stage(): StageText {
    const list = (names: readonly string[]): string[] => (names.length ? [`  const ${names.join(',')};`] : []);
    const text = [
      // The types of the arrays are part of the text: a function that sees two kinds of arrays is slow for both.
      `"use strict";// ${this.buffers.map((b) => `${b.dtype}${codeType(b) ? '' : '*'}`).join(' ')}`,
      ...[...this.tables].map((d) => `const t_${d}=rt.tableOf('${d}');`),
      ...[...this.#tiles].map((d) => `const tile_${d}=tile('${d}');`),
      ...[...this.#functions].map((f) => `const m_${f}=math.${f};`),
      'return function stage(b,p,c){',
      ...list(this.buffers.map((_, i) => `b${i}=b[${i}]`)),
      ...list([...this.#words].map((b) => `w${this.buffers.indexOf(b)}=rt.words(b[${this.buffers.indexOf(b)}])`)),
      ...list(this.params.map((n, i) => `p${i}=p[${i}]${Math.abs(n) < 2 ** 31 ? '|0' : ''}`)),
      ...list(this.counters.map((_, i) => `c${i}=c[${i}]`)),
      ...this.#lines,
      '};',
    ].join('\n');
    return { text, buffers: this.buffers, params: this.params, counters: this.counters };
  }
}

/** Bytes of an element of a temporary: values, not codes; floats up to 32 bits take 4. */
export const tempBytes = ({ dtype }: Buffer): number => {
  const { kind, bits, bytes } = dtypeInfo(dtype);
  return kind === 'float' && bits < 32 ? 4 : bytes;
};
