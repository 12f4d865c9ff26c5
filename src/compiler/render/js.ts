/**
 * Loop IR → JavaScript. Numbers are JavaScript numbers (float64), 64-bit integers bigints, bools
 * booleans. Shape-derived integers become run-time parameters `p[…]`, so the text, and with it the
 * compiled function, is the same for every shape of the same structure.
 */
import { allocate, dtypeInfo, type NumericData, type TensorData } from '../../core/dtype.ts';
import type { Buffer, Local, Program, Stmt } from '../loops.ts';
import { JsExpressions } from './js-expressions.ts';
import * as rt from './js-runtime.ts';

class JsWriter extends JsExpressions {
  readonly params: number[] = [];
  readonly #slots = new Map<number, string>();
  readonly lines: string[] = [];

  /** Numbers that come from shapes are parameters; 0, 1 and 2 shape the code itself. */
  protected index(value: number): string {
    if (value >= -2 && value <= 2) return String(value);
    let slot = this.#slots.get(value);
    if (!slot) {
      slot = `p${this.params.length}`;
      this.#slots.set(value, slot);
      this.params.push(value);
    }
    return slot;
  }

  protected local(local: Local): string {
    return local.name;
  }

  protected buffer(buffer: Buffer): string {
    return buffer.name;
  }

  block(stmts: readonly Stmt[], indent: string): void {
    for (const s of stmts) this.#stmt(s, indent);
  }

  #stmt(s: Stmt, pad: string): void {
    const deeper = `${pad}  `;
    switch (s.kind) {
      case 'for':
        this.lines.push(`${pad}for(let ${s.v.name}=0;${s.v.name}<${this.index(s.extent)};${s.v.name}++){`);
        this.block(s.body, deeper);
        this.lines.push(`${pad}}`);
        break;
      case 'let':
        this.lines.push(`${pad}const ${s.local.name}=${this.expr(s.value)};`);
        break;
      case 'var':
        this.lines.push(`${pad}let ${s.local.name}${s.value ? `=${this.expr(s.value)}` : ''};`);
        break;
      case 'set':
        this.lines.push(`${pad}${s.local.name}=${this.expr(s.value)};`);
        break;
      case 'store':
        this.lines.push(pad + this.store(s.buffer, this.expr(s.at), s.value));
        break;
      case 'if':
        this.lines.push(`${pad}if(${this.expr(s.cond)}){`);
        this.block(s.then, deeper);
        if (s.otherwise.length) {
          this.lines.push(`${pad}}else{`);
          this.block(s.otherwise, deeper);
        }
        this.lines.push(`${pad}}`);
        break;
    }
  }

  text(program: Program): string {
    this.block(program.body, '  ');
    const buffers = [...program.inputs, ...program.outputs, ...program.temps];
    return [
      '"use strict";',
      ...[...this.tables].map((d) => `const t_${d}=rt.tableOf('${d}');`),
      'return function kernel(b,p){',
      ...(buffers.length ? [`  const ${buffers.map((x, i) => `${x.name}=b[${i}]`).join(',')};`] : []),
      ...(this.params.length ? [`  const ${this.params.map((_, i) => `p${i}=p[${i}]`).join(',')};`] : []),
      ...this.lines,
      '};',
    ].join('\n');
  }
}

/** Storage of a buffer between stages: values, not codes, and floats in full precision. */
const allocateTemp = (buffer: Buffer): TensorData =>
  dtypeInfo(buffer.dtype).kind === 'float' ? new Float64Array(buffer.size) : allocate(buffer.dtype, buffer.size);

type Kernel = (buffers: readonly TensorData[], params: readonly number[]) => void;
const compiled = new Map<string, Kernel>();
const COMPILED_LIMIT = 4096;

const compileText = (text: string): Kernel => {
  let kernel = compiled.get(text);
  if (!kernel) {
    if (compiled.size >= COMPILED_LIMIT) compiled.delete(compiled.keys().next().value!);
    kernel = new Function('rt', text)(rt) as Kernel;
    compiled.set(text, kernel);
  }
  return kernel;
};

export interface JsKernel {
  /** The generated function's text. */
  readonly source: string;
  /** Bytes of buffers between stages. */
  readonly workspaceBytes: number;
  /** Runs it: one storage array per input and per output of the program. */
  run(inputs: readonly TensorData[], outputs: readonly TensorData[]): void;
}

/** Compiles a program to a JavaScript function that computes in float64. Workspace is allocated at the first run and kept. */
export const renderJs = (program: Program): JsKernel => {
  const writer = new JsWriter();
  const source = writer.text(program);
  const { params } = writer;
  const kernel = compileText(source);
  let temps: TensorData[] | undefined;
  return {
    source,
    workspaceBytes: program.temps.reduce((n, t) => n + t.size * Math.max(dtypeInfo(t.dtype).bytes, 8), 0),
    run: (inputs, outputs) => kernel([...inputs, ...outputs, ...(temps ??= program.temps.map(allocateTemp))], params),
  };
};

export type { NumericData };
