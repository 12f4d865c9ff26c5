/**
 * Loop IR → C. One translation unit per program, one entry: `void run(void** b, const i64* p, parallel_t par)`.
 * Integers that come from shapes are run-time parameters `p[…]`, so one compiled library serves every
 * shape of the same structure. Each outermost parallel loop becomes a function of a range, which the
 * thread pool (`par`) divides; what surrounds it stays in `run`.
 *
 * Arithmetic of float32 and narrower is float, of float64 double. Narrow floats are codes in memory,
 * values in between.
 */
import { dtypeInfo, integerRange, isBigInt, type DType } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import { workOf, type Buffer, type Helper, type LExpr, type Local, type Program, type StageWriter, type Stmt } from '../loops.ts';
import type { BinaryOp, ScalarType, UnaryOp } from '../expr.ts';
import { isIndexArithmetic } from '../hoist.ts';
import { Lifetimes, type Workspace } from '../workspace.ts';
import { unitsOf, wholeText, type CUnit, type ProgramText, type StageText } from './c-units.ts';

export interface CProgram {
  /** The program as one translation unit. Depends on structure only, not on extents. */
  readonly source: string;
  /** The same as at most so many units (and shared ones) that are linked into one library. */
  units(most: number): readonly CUnit[];
  /** Values of `p[…]`. */
  readonly params: readonly number[];
  /** Where each workspace buffer lies in one block of `workspaceBytes`, in the order they follow inputs and outputs in `b`. */
  readonly tempOffsets: readonly number[];
  readonly workspaceBytes: number;
}

const formats: Partial<Record<DType, string>> = {
  float8e4m3fn: '4, 3, 7, 1',
  float8e4m3fnuz: '4, 3, 8, 2',
  float8e5m2: '5, 2, 15, 0',
  float8e5m2fnuz: '5, 2, 16, 2',
  float4e2m1: '2, 1, 1, 3',
};

/** Type of a value in expressions. */
export const valueType = (t: ScalarType): string => {
  if (t === 'index') return 'i64';
  const { kind, bits } = dtypeInfo(t);
  if (kind === 'float') return bits === 64 ? 'double' : 'float';
  if (kind === 'bool') return 'bool';
  return `${kind === 'uint' ? 'u' : ''}int${Math.max(bits, 8)}_t`;
};

/** Type of an element in memory. */
export const storageType = (buffer: Buffer): string => {
  const { kind, bits } = dtypeInfo(buffer.dtype);
  if (kind === 'bool') return 'uint8_t';
  if (kind === 'float' && bits < 32) return buffer.role === 'temp' ? 'float' : bits === 16 ? 'uint16_t' : 'uint8_t';
  return valueType(buffer.dtype);
};
const storageBytes = (buffer: Buffer): number => {
  const { kind, bits, bytes } = dtypeInfo(buffer.dtype);
  return kind === 'float' && bits < 32 && buffer.role === 'temp' ? 4 : bytes;
};

const suffix = (t: ScalarType): 'f32' | 'f64' => (valueType(t) === 'double' ? 'f64' : 'f32');
const isFloat = (t: ScalarType): boolean => t !== 'index' && dtypeInfo(t).kind === 'float';
const decode = (dtype: DType, code: string): string => {
  if (dtype === 'float16') return `f16_to_f32(${code})`;
  if (dtype === 'bfloat16') return `bf16_to_f32(${code})`;
  return dtype === 'float8e8m0' ? `e8m0_to_f32(${code})` : `small_to_f32(${code}, ${formats[dtype]})`;
};
const encode = (dtype: DType, value: string, saturate: boolean): string => {
  if (dtype === 'float16') return `f32_to_f16(${value})`;
  if (dtype === 'bfloat16') return `f32_to_bf16(${value})`;
  return dtype === 'float8e8m0' ? `f32_to_e8m0(${value}, ${saturate})` : `f32_to_small(${value}, ${formats[dtype]}, ${saturate})`;
};
const isCoded = (t: ScalarType): t is DType => t !== 'index' && dtypeInfo(t).kind === 'float' && dtypeInfo(t).bits < 32;

const infix: Partial<Record<BinaryOp, string>> = {
  add: '+',
  sub: '-',
  mul: '*',
  and: '&&',
  or: '||',
  bitand: '&',
  bitor: '|',
  bitxor: '^',
  eq: '==',
  ne: '!=',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
};
/** libm functions, `f` appended for float. */
const libm: Partial<Record<UnaryOp, string>> = {
  expm1: 'expm1',
  log: 'log',
  log1p: 'log1p',
  sqrt: 'sqrt',
  floor: 'floor',
  ceil: 'ceil',
  round: 'rint',
  trunc: 'trunc',
  abs: 'fabs',
  sin: 'sin',
  cos: 'cos',
  tan: 'tan',
  asin: 'asin',
  acos: 'acos',
  atan: 'atan',
  sinh: 'sinh',
  cosh: 'cosh',
  asinh: 'asinh',
  acosh: 'acosh',
  atanh: 'atanh',
  erf: 'erf',
  exp: 'exp',
  tanh: 'tanh',
};
/** Functions of the prelude, for float32. */
const fast32 = new Set<UnaryOp>(['exp', 'tanh', 'erf', 'log']);

/** Where one function keeps what it refers to: its buffers, parameters and outer counters, by position in its context. */
class Frame {
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
class CWriter implements StageWriter {
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

  #const(value: number | bigint | boolean, t: ScalarType): string {
    if (t === 'index') return this.#frame.param(Number(value));
    if (typeof value === 'boolean') return value ? 'true' : 'false';
    if (typeof value === 'bigint') return t === 'uint64' ? `${value}ULL` : value === -(1n << 63n) ? 'INT64_MIN' : `${value}LL`;
    if (!isFloat(t)) return t === 'uint32' ? `${value}u` : value === -(2 ** 31) ? 'INT32_MIN' : String(value);
    if (Number.isNaN(value)) return 'NAN';
    if (!Number.isFinite(value)) return value > 0 ? 'INFINITY' : '(-INFINITY)';
    const text = Object.is(value, -0) ? '-0.0' : /[.e]/.test(String(value)) ? String(value) : `${value}.0`;
    return `${value < 0 || Object.is(value, -0) ? `(${text}` : text}${suffix(t) === 'f32' ? 'f' : ''}${value < 0 || Object.is(value, -0) ? ')' : ''}`;
  }

  expr(e: LExpr): string {
    switch (e.kind) {
      case 'const':
        return this.#const(e.value, e.type);
      case 'local':
        return this.name(e);
      case 'read':
        return this.#read(e.buffer, this.expr(e.at));
      case 'unary':
        return this.#unary(e.op, this.expr(e.x), e.x.type);
      case 'binary':
        return this.#binary(e.op, this.expr(e.a), this.expr(e.b), e.a.type);
      case 'select':
        return `(${this.expr(e.cond)} ? ${this.expr(e.a)} : ${this.expr(e.b)})`;
      case 'cast':
        return this.#cast(this.expr(e.x), e.x.type, e.type, e.saturate);
      case 'bitcast':
        return this.#bitcast(this.expr(e.x), e.x.type as DType, e.type as DType);
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

  /** An integer expression computed in a wider type, brought back to its own (C would leave it promoted to int). */
  #narrow(code: string, t: ScalarType): string {
    if (t === 'index') return code;
    const { bits, kind } = dtypeInfo(t);
    if (bits >= 8) return `((${valueType(t)})(${code}))`;
    return kind === 'uint' ? `((uint8_t)((${code}) & ${2 ** bits - 1}))` : `((int8_t)((int8_t)((${code}) << ${8 - bits}) >> ${8 - bits}))`;
  }

  #unary(op: UnaryOp, x: string, t: ScalarType): string {
    if (op === 'not') return `(!${x})`;
    if (isFloat(t)) {
      const s = suffix(t);
      if (op === 'isnan') return `(${x} != ${x})`;
      if (op === 'isinf') return `(${s === 'f32' ? 'fabsf' : 'fabs'}(${x}) == INFINITY)`;
      if (op === 'neg') return `(-${x})`;
      if (op === 'sign') return `sign_${s}(${x})`;
      if (op === 'reciprocal') return `(${this.#const(1, t)} / ${x})`;
      if (op === 'rsqrt') return `(${this.#const(1, t)} / sqrt${s === 'f32' ? 'f' : ''}(${x}))`;
      if (op === 'sigmoid') return `sigmoid_${s}(${x})`;
      if (s === 'f32' && fast32.has(op)) return `${op}_f32(${x})`;
      const name = libm[op];
      // Near its poles the float32 function is off by more than a rounding.
      if (op === 'tan' && s === 'f32') return `((float)tan((double)${x}))`;
      if (name) return `${name}${s === 'f32' ? 'f' : ''}(${x})`;
    } else {
      if (op === 'isnan' || op === 'isinf') return 'false';
      if (op === 'neg') return this.#narrow(`0 - (${this.#wide(t)})${x}`, t);
      if (op === 'bitnot') return this.#narrow(`~${x}`, t);
      if (op === 'abs')
        return t !== 'index' && dtypeInfo(t).kind === 'uint'
          ? x
          : this.#narrow(`${x} < 0 ? 0 - (${this.#wide(t)})${x} : (${this.#wide(t)})${x}`, t);
      if (op === 'sign') return this.#narrow(`(${x} > 0) - (${x} < 0)`, t);
      if (op === 'popcount')
        return this.#narrow(
          `__builtin_popcountll((uint64_t)(${x})${t !== 'index' && dtypeInfo(t).bits < 64 ? ` & ${2 ** dtypeInfo(t).bits - 1}u` : ''})`,
          t,
        );
      if (op === 'floor' || op === 'ceil' || op === 'round' || op === 'trunc') return x;
    }
    throw new FlagosError('FLAGOS_E_INTERNAL', `${op} of ${t} cannot be written in C`);
  }

  /** Unsigned type in which an integer's arithmetic wraps without being undefined. */
  #wide(t: ScalarType): string {
    return t === 'index' || isBigInt(t as DType) ? 'uint64_t' : 'uint32_t';
  }

  #binary(op: BinaryOp, a: string, b: string, t: ScalarType): string {
    const symbol = infix[op];
    if (['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'and', 'or'].includes(op)) return `(${a} ${symbol} ${b})`;
    if (t === 'bool') {
      if (op === 'xor') return `(${a} != ${b})`;
      if (op === 'max') return `(${a} || ${b})`;
      if (op === 'min') return `(${a} && ${b})`;
    }
    if (isFloat(t)) {
      const s = suffix(t);
      const f = s === 'f32' ? 'f' : '';
      if (symbol) return `(${a} ${symbol} ${b})`;
      if (op === 'div') return `(${a} / ${b})`;
      if (op === 'min' || op === 'max' || op === 'floormod') return `${op}_${s}(${a}, ${b})`;
      if (op === 'pow' || op === 'atan2') return `${op}${f}(${a}, ${b})`;
      if (op === 'rem') return `fmod${f}(${a}, ${b})`;
      if (op === 'floordiv') return `floor${f}(${a} / ${b})`;
    }
    if (t === 'index') {
      if (symbol) return `(${a} ${symbol} ${b})`;
      if (op === 'min' || op === 'max') return `${op}_i64(${a}, ${b})`;
      // Positions are not negative where they are divided, except in guarded reads, which do not need them.
      if (op === 'floordiv' || op === 'div') return `floordiv_i64(${a}, ${b})`;
      if (op === 'floormod' || op === 'rem') return `floormod_i64(${a}, ${b})`;
    }
    if (t !== 'index' && !isFloat(t)) return this.#integer(op, a, b, t);
    throw new FlagosError('FLAGOS_E_INTERNAL', `${op} of ${t} cannot be written in C`);
  }

  #integer(op: BinaryOp, a: string, b: string, t: DType): string {
    const { kind, bits } = dtypeInfo(t);
    const wide = this.#wide(t);
    if (op === 'min') return `(${a} < ${b} ? ${a} : ${b})`;
    if (op === 'max') return `(${a} > ${b} ? ${a} : ${b})`;
    if (op === 'shl') return this.#narrow(`(uint64_t)${b} >= ${bits} ? 0 : (${wide})${a} << ${b}`, t);
    if (op === 'shr')
      return this.#narrow(
        kind === 'uint' ? `(uint64_t)${b} >= ${bits} ? 0 : ${a} >> ${b}` : `${a} >> ((uint64_t)${b} >= ${bits} ? ${bits - 1} : ${b})`,
        t,
      );
    const symbol = infix[op];
    if (symbol) return this.#narrow(`(${wide})${a} ${symbol} (${wide})${b}`, t);
    return this.#narrow(`${op}_${kind === 'uint' ? 'u64' : 'i64'}(${a}, ${b})`, t);
  }

  #cast(x: string, from: ScalarType, to: ScalarType, saturate: boolean): string {
    if (to === 'index') return isFloat(from) ? `to_i64(${x})` : `((i64)${x})`;
    if (to === 'bool') return `(${x} != 0)`;
    if (isCoded(to)) return decode(to, encode(to, `(float)${x}`, saturate));
    if (isFloat(to)) return `((${valueType(to)})${x})`;
    const { kind, bits } = dtypeInfo(to);
    if (saturate) {
      const [lo, hi] = integerRange(to);
      // Limits of up to 16 bits are numbers of float32: vectors of it are made of such casts.
      if (isFloat(from) && from !== 'float64' && bits <= 16) return this.#narrow(`(int32_t)clamp_f32((float)${x}, ${lo}.0f, ${hi}.0f)`, to);
      if (isFloat(from) || bits < 64) return this.#narrow(`to_i64(clamp_f64((double)${x}, ${lo}.0, ${hi}.0))`, to);
      return from === 'uint64' || kind === 'int' ? this.#narrow(x, to) : this.#narrow(`${x} < 0 ? 0 : ${x}`, to);
    }
    return this.#narrow(isFloat(from) ? `to_i64((double)${x})` : `(uint64_t)${x}`, to);
  }

  #bitcast(x: string, from: DType, to: DType): string {
    const raw = (t: DType): string =>
      isCoded(t) ? (dtypeInfo(t).bits === 16 ? 'uint16_t' : 'uint8_t') : t === 'bool' ? 'uint8_t' : valueType(t);
    const source = isCoded(from) ? encode(from, x, false) : x;
    const bits = `({ ${raw(from)} s_ = (${raw(from)})(${source}); ${raw(to)} d_ = 0; memcpy(&d_, &s_, sizeof d_ < sizeof s_ ? sizeof d_ : sizeof s_); d_; })`;
    return isCoded(to) ? decode(to, bits) : to === 'bool' ? `(${bits} != 0)` : this.#narrow(bits, to);
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

/** Operations a thread should get at least: less is not worth waking it for. */
const GRAIN = 20_000;

type Around = { readonly kind: 'counter'; readonly v: Local } | { readonly kind: 'let'; readonly stmt: Extract<Stmt, { kind: 'let' }> };

/** A whole program: stage functions (equal ones once) and the entry that calls them in order. */
class ProgramWriter {
  readonly #all: readonly Buffer[];
  readonly #stages = new Map<string, StageText>();
  readonly params: number[] = [];
  /** Lines of the entry being written. */
  #run: string[] = [];
  readonly #entries: string[] = [];
  readonly #lives = new Lifetimes((b) => b.size * storageBytes(b));
  /** Stages are steps of buffers' lives; those of one loop are one step, since they come again. */
  #step = 0;
  #loops = 0;

  constructor(program: Program) {
    this.#all = [...program.inputs, ...program.outputs, ...program.temps];
    this.#entry('prepare', program.prepare);
    this.#entry('run', program.body);
    for (const b of program.temps) if (b.kept) this.#lives.touch(b, 0, this.#step);
  }

  get workspace(): Workspace {
    return this.#lives.layOut();
  }

  #entry(name: string, stmts: readonly Stmt[]): void {
    this.#run = [];
    this.#block(stmts, '  ', []);
    this.#entries.push(`void ${name}(void** b, const i64* p, parallel_t par) {`, '  i64 v[8] = {0};', ...this.#run, '}');
  }

  /**
   * Statements between stages: loops that must run in order (recurrences), and what is known around
   * them. What is neither a parallel loop nor contains one runs in one piece with its neighbours.
   */
  #block(stmts: readonly Stmt[], pad: string, around: readonly Around[]): void {
    const known = [...around];
    let piece: Stmt[] = [];
    const flush = (): void => {
      if (piece.length) this.#stage(piece, undefined, 1, pad, known);
      piece = [];
    };
    for (const s of stmts) {
      if (s.kind === 'let' && isIndexArithmetic(s.value)) known.push({ kind: 'let', stmt: s });
      else if (s.kind === 'for' && s.parallel) {
        flush();
        this.#stage(s.body, s.v, s.extent, pad, known, s.grain);
      } else if (s.kind === 'call') {
        flush();
        this.#function(known, s.helpers, s.write, s.count, s.grain, pad);
      } else if (s.kind === 'for' && containsParallel(s.body)) {
        flush();
        const depth = known.filter((k) => k.kind === 'counter').length;
        this.params.push(s.extent);
        this.#run.push(`${pad}for (v[${depth}] = 0; v[${depth}] < p[${this.params.length - 1}]; v[${depth}]++) {`);
        this.#loops++;
        this.#block(s.body, `${pad}  `, [...known, { kind: 'counter', v: s.v }]);
        if (--this.#loops === 0) this.#step++;
        this.#run.push(`${pad}}`);
      } else piece.push(s);
    }
    flush();
  }

  /** A function of a range of a parallel loop's iterations (or of nothing, for what runs in one piece). */
  #stage(body: readonly Stmt[], v: Local | undefined, extent: number, pad: string, around: readonly Around[], elements?: number): void {
    const grain = Math.max(1, Math.round(elements ? elements / elementsOf(body) : GRAIN / Math.max(1, workOf(body))));
    this.#function(
      around,
      [],
      (writer) => {
        if (v) {
          const name = writer.name(v);
          writer.push(`  for (i64 ${name} = lo; ${name} < hi; ${name}++) {`);
          writer.block(body, '    ');
          writer.push('  }');
        } else writer.block(body, '  ');
      },
      extent,
      grain,
      pad,
    );
  }

  /** A stage function, equal ones once, and its call. */
  #function(
    around: readonly Around[],
    helpers: readonly Helper[],
    write: (w: CWriter) => void,
    count: number,
    grain: number,
    pad: string,
  ): void {
    const frame = new Frame();
    const writer = new CWriter(frame);
    let counters = 0;
    for (const a of around) {
      if (a.kind === 'counter') writer.push(`  const i64 ${writer.name(a.v)} = v[${counters++}];`);
      else writer.block([a.stmt], '  ');
    }
    write(writer);
    const buffers = frame.declarations();
    const text = [...buffers, ...writer.lines].join('\n');
    let stage = this.#stages.get(text);
    if (!stage) this.#stages.set(text, (stage = { name: `stage${this.#stages.size}`, buffers, text: writer.lines.join('\n'), helpers }));
    const offset = this.params.length;
    this.params.push(...frame.params, count, grain);
    const at = offset + frame.params.length;
    for (const b of frame.buffers) this.#lives.touch(b, this.#step, this.#step);
    if (this.#loops === 0) this.#step++;
    const places = frame.buffers.map((b) => `b[${this.#all.indexOf(b)}]`).join(', ') || '0';
    this.#run.push(
      `${pad}{ void* b_[] = {${places}}; const ctx_t c_ = {b_, p + ${offset}, v}; par(${stage.name}, &c_, p[${at}], p[${at + 1}]); }`,
    );
  }

  get text(): ProgramText {
    return { stages: [...this.#stages.values()], entries: this.#entries };
  }
}

/** Elements one iteration of a loop with this body makes. */
const elementsOf = (body: readonly Stmt[]): number =>
  body.reduce((n, s) => Math.max(n, s.kind === 'for' && s.parallel ? s.extent * elementsOf(s.body) : 1), 1);

const containsParallel = (stmts: readonly Stmt[]): boolean =>
  stmts.some(
    (s) =>
      s.kind === 'call' ||
      (s.kind === 'for'
        ? s.parallel || containsParallel(s.body)
        : s.kind === 'if' && (containsParallel(s.then) || containsParallel(s.otherwise))),
  );

/** One entry runs everything: `void run(void** b, const i64* p, parallel_t par)`; `b` holds inputs, outputs, workspace. */
export const renderC = (program: Program): CProgram => {
  const writer = new ProgramWriter(program);
  const { offsets, bytes } = writer.workspace;
  return {
    source: wholeText(writer.text),
    units: (most) => unitsOf(writer.text, most),
    params: writer.params,
    // What no stage touches needs no place.
    tempOffsets: program.temps.map((t) => offsets.get(t) ?? 0),
    workspaceBytes: bytes,
  };
};
