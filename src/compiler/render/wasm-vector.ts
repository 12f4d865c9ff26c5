/**
 * Expressions of loop IR for four neighbouring values of a loop counter at once, in the lanes of a
 * 128-bit vector. Floats up to 32 bits are float32 lanes, integers 32-bit lanes, bools masks. What has
 * no vector form (reads at positions of no pattern, divisions of integers, functions of JavaScript's
 * Math, 64-bit values on the way) is calculated lane by lane and put together.
 */
import type { BinaryOp, ScalarType, UnaryOp } from '../expr.ts';
import type { Buffer, LExpr, Local } from '../loops.ts';
import { at, k, substitute } from '../schedule/ir.ts';
import { coefficientOf, mentions, without } from '../schedule/linear.ts';
import { bitLanes, floatLanes, vectorMath, type VectorCode } from './wasm-math.ts';
import type { WasmScalar } from './wasm-scalar.ts';
import { bitsOf, elementBytes, get, holdsCodes, isCoded, isFloat, isUnsigned, op } from './wasm-types.ts';

export const LANES = 4;

/** Where vector code is written: a stage. */
export interface VectorHost {
  readonly scalar: WasmScalar;
  push(line: string): void;
  /** A new local of a type. */
  declare(type: 'v128' | 'i32'): string;
  /** A constant kept in a local for the whole function. */
  lanes(text: string): string;
  /** Gives a local that stands for one lane its text. */
  alias(local: Local, text: string): void;
}

/** Whether values of a type fit a lane. */
export const fitsLane = (t: ScalarType): boolean => t === 'index' || bitsOf(t) <= 32 || t === 'bool';
const laneType = (t: ScalarType): 'f32x4' | 'i32x4' => (isFloat(t) ? 'f32x4' : 'i32x4');

const floatBinary: Partial<Record<BinaryOp, string>> = { add: 'add', sub: 'sub', mul: 'mul', div: 'div', min: 'min', max: 'max' };
const integerBinary: Partial<Record<BinaryOp, string>> = {
  add: 'i32x4.add',
  sub: 'i32x4.sub',
  mul: 'i32x4.mul',
  bitand: 'v128.and',
  bitor: 'v128.or',
  bitxor: 'v128.xor',
};
const compare: Partial<Record<BinaryOp, string>> = { eq: 'eq', ne: 'ne', lt: 'lt', le: 'le', gt: 'gt', ge: 'ge' };
const plainFloat: Partial<Record<UnaryOp, string>> = {
  neg: 'neg',
  abs: 'abs',
  sqrt: 'sqrt',
  floor: 'floor',
  ceil: 'ceil',
  trunc: 'trunc',
  round: 'nearest',
};

let serial = 0;

/** One group of lanes of one loop. */
export class WasmVector {
  readonly #host: VectorHost;
  readonly #v: Local;
  /** Lanes before this group's, counted from the value of the counter. */
  readonly #first: number;
  /** Vectors that hold locals which differ between lanes. */
  readonly #vectors: ReadonlyMap<string, string>;
  readonly #varying: ReadonlySet<string>;
  readonly #code: VectorCode;

  /** @param varying the counter, and all names in `vectors`; both grow as statements are written. */
  constructor(host: VectorHost, v: Local, first: number, vectors: ReadonlyMap<string, string>, varying: ReadonlySet<string>) {
    this.#host = host;
    this.#v = v;
    this.#first = first;
    this.#vectors = vectors;
    this.#varying = varying;
    this.#code = {
      keep: (value) => {
        const name = host.declare('v128');
        host.push(`(local.set ${name} ${value})`);
        return get(name);
      },
      float: (n) => get(host.lanes(floatLanes(n))),
      bits: (n) => get(host.lanes(bitLanes(n))),
    };
  }

  varies(e: LExpr): boolean {
    return mentions(e, this.#varying);
  }

  /** The vector of an expression's values. */
  expr(e: LExpr): string {
    if (!this.varies(e)) return this.#splat(e);
    switch (e.kind) {
      case 'const':
        return this.#splat(e);
      case 'local':
        return e.name === this.#v.name ? this.#counter(1, k(0)) : get(this.#vectors.get(e.name)!);
      case 'read':
        return this.#read(e) ?? this.#lanewise(e);
      case 'unary':
        return this.#unary(e.op, e.x) ?? this.#lanewise(e);
      case 'binary':
        return this.#binary(e) ?? this.#lanewise(e);
      case 'select':
        return this.#select(e) ?? this.#lanewise(e);
      case 'cast':
        return this.#cast(e) ?? this.#lanewise(e);
      case 'bitcast':
        return this.#lanewise(e);
    }
  }

  #splat(e: LExpr): string {
    if (e.kind === 'const' && e.type !== 'index') {
      if (isFloat(e.type)) return this.#code.float(Number(e.value));
      return this.#code.bits(e.type === 'bool' ? -Number(e.value) : Number(e.value));
    }
    if (e.kind === 'read' && !holdsCodes(e.buffer) && elementBytes(e.buffer) === 4) {
      const { base, offset } = this.#host.scalar.address(e.buffer, e.at);
      return `(v128.load32_splat${offset} ${base})`;
    }
    const value = this.#host.scalar.expr(e);
    return op(`${laneType(e.type)}.splat`, e.type === 'bool' ? op('i32.sub', '(i32.const 0)', value) : value);
  }

  /** coefficient · v + rest in each lane. */
  #counter(coefficient: number, rest: LExpr): string {
    const start = this.#host.scalar.expr(at.add(at.mul(at.add(this.#v, k(this.#first)), coefficient), rest));
    const steps = [0, 1, 2, 3].map((l) => l * coefficient).join(' ');
    return op('i32x4.add', op('i32x4.splat', start), get(this.#host.lanes(`(v128.const i32x4 ${steps})`)));
  }

  /** An expression as lane `l` sees it. */
  atLane(e: LExpr, l: number): LExpr {
    const values = new Map<string, LExpr>([[this.#v.name, at.add(this.#v, k(this.#first + l))]]);
    for (const [name, vector] of this.#vectors) {
      if (!mentions(e, new Set([name]))) continue;
      const type = this.#typeOfLocal(e, name);
      const lane: Local = { kind: 'local', type, name: `lane${serial++}` };
      const extract = op(`${laneType(type)}.extract_lane ${l}`, get(vector));
      this.#host.alias(lane, type === 'bool' ? op('i32.and', extract, '(i32.const 1)') : extract);
      values.set(name, lane);
    }
    return substitute(e, values);
  }

  #typeOfLocal(e: LExpr, name: string): ScalarType {
    let type: ScalarType = 'index';
    const visit = (x: LExpr): void => {
      if (x.kind === 'local' && x.name === name) type = x.type;
      for (const c of childrenOf(x)) visit(c);
    };
    visit(e);
    return type;
  }

  #lanewise(e: LExpr): string {
    const type = laneType(e.type);
    const scalar = (l: number): string => {
      const value = this.#host.scalar.expr(this.atLane(e, l));
      return e.type === 'bool' ? op('i32.sub', '(i32.const 0)', value) : value;
    };
    return [1, 2, 3].reduce((vector, l) => op(`${type}.replace_lane ${l}`, vector, scalar(l)), op(`${type}.splat`, scalar(0)));
  }

  #read({ buffer, at: position }: Extract<LExpr, { kind: 'read' }>): string | undefined {
    const stride = coefficientOf(position, this.#v.name, this.#varying);
    if (stride === undefined) return undefined;
    const { scalar } = this.#host;
    const bytes = elementBytes(buffer);
    const address = (l: number): { base: string; offset: string } => scalar.address(buffer, position, (this.#first + l) * stride);
    if (stride !== 1) {
      if (bytes !== 4 || stride < 0) return undefined;
      if (stride === 2) return this.#everySecond(buffer, position);
      const lane = (l: number): string => `${address(l).offset} ${address(l).base}`;
      return [1, 2, 3].reduce(
        (vector, l) => {
          const { base, offset } = address(l);
          return `(v128.load32_lane${offset} ${l} ${base} ${vector})`;
        },
        `(v128.load32_zero${lane(0)})`,
      );
    }
    const { base, offset } = address(0);
    if (bytes === 4) return `(v128.load${offset} ${base})`;
    if (bytes === 2) {
      if (buffer.dtype === 'float16' && holdsCodes(buffer)) return this.#halves(`(v128.load16x4_u${offset} ${base})`);
      if (buffer.dtype === 'bfloat16' && holdsCodes(buffer)) return op('i32x4.shl', `(v128.load16x4_u${offset} ${base})`, '(i32.const 16)');
      return `(v128.load16x4_${isUnsigned(buffer.dtype) ? 'u' : 's'}${offset} ${base})`;
    }
    if (bytes !== 1 || holdsCodes(buffer)) return undefined;
    const sign = isUnsigned(buffer.dtype) ? 'u' : 's';
    const wide = op(`i32x4.extend_low_i16x8_${sign}`, op(`i16x8.extend_low_i8x16_${sign}`, `(v128.load32_zero${offset} ${base})`));
    return buffer.dtype === 'bool' ? op('i32x4.ne', wide, this.#code.bits(0)) : wide;
  }

  /** Every second element of eight: two loads and a shuffle. The last one read is one beyond the last one used; memory goes on behind every buffer. */
  #everySecond(buffer: Buffer, position: LExpr): string {
    const [lo, hi] = [0, 4].map((n) => {
      const { base, offset } = this.#host.scalar.address(buffer, position, this.#first * 2 + n);
      return `(v128.load${offset} ${base})`;
    });
    return op('i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27', lo!, hi!);
  }

  /** Four float16 codes as float32: as in the function `f16_to_f32`. */
  #halves(codes: string): string {
    const { keep, bits, float } = this.#code;
    const h = keep(codes);
    const m = keep(op('i32x4.shl', op('v128.and', h, bits(0x7fff)), '(i32.const 13)'));
    const special = op('v128.and', op('i32x4.ge_s', m, bits(0x0f800000)), bits(0x7f800000));
    const sign = op('i32x4.shl', op('v128.and', h, bits(0x8000)), '(i32.const 16)');
    const finite = op('f32x4.mul', m, float(2 ** 112));
    return op('v128.or', sign, op('v128.bitselect', op('v128.or', m, bits(0x7f800000)), finite, op('i32x4.ne', special, bits(0))));
  }

  #unary(name: UnaryOp, x: LExpr): string | undefined {
    const t = x.type;
    if (!fitsLane(t)) return undefined;
    const { keep, bits, float } = this.#code;
    if (name === 'not') return op('v128.not', this.expr(x));
    if (isFloat(t)) {
      const plain = plainFloat[name];
      if (plain) return op(`f32x4.${plain}`, this.expr(x));
      const sequence = vectorMath[name];
      if (sequence) return sequence(keep(this.expr(x)), this.#code);
      if (name === 'reciprocal') return op('f32x4.div', float(1), this.expr(x));
      if (name === 'rsqrt') return op('f32x4.div', float(1), op('f32x4.sqrt', this.expr(x)));
      if (name === 'isinf') return op('f32x4.eq', op('f32x4.abs', this.expr(x)), float(Infinity));
      if (name === 'isnan') return op('v128.not', op('f32x4.le', op('f32x4.abs', this.expr(x)), float(Infinity)));
      return undefined;
    }
    if (name === 'neg') return this.#narrow(op('i32x4.neg', this.expr(x)), t);
    if (name === 'bitnot') return this.#narrow(op('v128.xor', this.expr(x), bits(-1)), t);
    if (name === 'abs') return isUnsigned(t) ? this.expr(x) : this.#narrow(op('i32x4.abs', this.expr(x)), t);
    return undefined;
  }

  /** 32-bit lanes brought back to a narrower type's range. */
  #narrow(lanes: string, t: ScalarType): string {
    const bits = bitsOf(t);
    if (bits >= 32) return lanes;
    if (isUnsigned(t)) return op('v128.and', lanes, this.#code.bits(2 ** bits - 1));
    const shift = `(i32.const ${32 - bits})`;
    return op('i32x4.shr_s', op('i32x4.shl', lanes, shift), shift);
  }

  #binary(e: Extract<LExpr, { kind: 'binary' }>): string | undefined {
    const { keep } = this.#code;
    const t = e.a.type;
    if (!fitsLane(t)) return undefined;
    if (e.op === 'and' || e.op === 'or') return guardedReads(e.b) ? undefined : op(`v128.${e.op}`, this.expr(e.a), this.expr(e.b));
    if (e.op === 'xor') return op('v128.xor', this.expr(e.a), this.expr(e.b));
    const compared = compare[e.op];
    if (compared) {
      const order = isFloat(t) || compared === 'eq' || compared === 'ne' ? '' : isUnsigned(t) ? '_u' : '_s';
      return op(`${laneType(t)}.${compared}${order}`, this.expr(e.a), this.expr(e.b));
    }
    if (isFloat(t)) {
      const plain = floatBinary[e.op];
      if (e.op === 'floordiv') return op('f32x4.floor', op('f32x4.div', this.expr(e.a), this.expr(e.b)));
      if (!plain) return undefined;
      // Against a number, one instruction gives what max and min are to give, NaN included.
      if ((e.op === 'min' || e.op === 'max') && isNumber(e.b)) return op(`f32x4.p${e.op}`, this.expr(e.a), this.expr(e.b));
      if ((e.op === 'min' || e.op === 'max') && isNumber(e.a)) return op(`f32x4.p${e.op}`, this.expr(e.b), this.expr(e.a));
      if (e.op === 'min' || e.op === 'max') return this.#extreme(e.op, this.expr(e.a), keep(this.expr(e.b)));
      return op(`f32x4.${plain}`, this.expr(e.a), this.expr(e.b));
    }
    if (t === 'index') {
      const stride = coefficientOf(e, this.#v.name, this.#varying);
      if (stride !== undefined) return this.#counter(stride, without(e, this.#v.name));
    }
    const plain = integerBinary[e.op];
    if (plain) return this.#narrow(op(plain, this.expr(e.a), this.expr(e.b)), t);
    if (e.op === 'min' || e.op === 'max') return op(`i32x4.${e.op}_${isUnsigned(t) ? 'u' : 's'}`, this.expr(e.a), this.expr(e.b));
    return undefined;
  }

  /** NaN if either is: `pmax` gives its first operand where that is NaN, and where the second is, all bits are set, which is one. Three instructions where `max` takes eight on x86. */
  #extreme(name: 'min' | 'max', a: string, b: string): string {
    return op('v128.or', op(`f32x4.p${name}`, a, b), op('f32x4.ne', b, b));
  }

  #select(e: Extract<LExpr, { kind: 'select' }>): string | undefined {
    if (!fitsLane(e.type) || guardedReads(e.a) || guardedReads(e.b)) {
      // A guard that is the same for all lanes is a branch.
      if (!fitsLane(e.type) || this.varies(e.cond)) return undefined;
      const name = this.#host.declare('v128');
      this.#host.push(`(if ${this.#host.scalar.expr(e.cond)} (then`);
      this.#host.push(`(local.set ${name} ${this.expr(e.a)})`);
      this.#host.push(') (else');
      this.#host.push(`(local.set ${name} ${this.expr(e.b)})`);
      this.#host.push('))');
      return get(name);
    }
    return op('v128.bitselect', this.expr(e.a), this.expr(e.b), this.expr(e.cond));
  }

  #cast(e: Extract<LExpr, { kind: 'cast' }>): string | undefined {
    const [from, to] = [e.x.type, e.type];
    if (!fitsLane(from) || !fitsLane(to)) return undefined;
    const { keep, bits, float } = this.#code;
    if (to === 'bool')
      return isFloat(from)
        ? op('f32x4.ne', this.expr(e.x), float(0))
        : from === 'bool'
          ? this.expr(e.x)
          : op('i32x4.ne', this.expr(e.x), bits(0));
    if (isFloat(to)) {
      if (e.saturate && isCoded(to)) return undefined;
      if (isCoded(to) && to !== 'bfloat16') return undefined;
      const lanes = isFloat(from)
        ? this.expr(e.x)
        : from === 'bool'
          ? op('v128.and', this.expr(e.x), float(1))
          : op(`f32x4.convert_i32x4_${isUnsigned(from) ? 'u' : 's'}`, this.expr(e.x));
      return to === 'bfloat16' ? this.#roundedBfloat16(keep(lanes)) : lanes;
    }
    if (isFloat(from)) return undefined;
    const lanes = from === 'bool' ? op('v128.and', this.expr(e.x), bits(1)) : this.expr(e.x);
    return e.saturate ? undefined : this.#narrow(lanes, to);
  }

  #roundedBfloat16(x: string): string {
    const { bits } = this.#code;
    const odd = op('v128.and', op('i32x4.shr_u', x, '(i32.const 16)'), bits(1));
    const rounded = op('v128.and', op('i32x4.add', op('i32x4.add', x, bits(0x7fff)), odd), bits(-65536));
    return op('v128.bitselect', rounded, op('v128.or', x, bits(0x00400000)), op('f32x4.eq', x, x));
  }

  /** Stores the vector of values to the elements from the group's first lane on. */
  store(buffer: Buffer, position: LExpr, value: LExpr): void {
    const { scalar, push } = this.#host;
    const stride = coefficientOf(position, this.#v.name, this.#varying);
    const bytes = elementBytes(buffer);
    const [code, whole] = [holdsCodes(buffer), fitsLane(value.type)];
    if (!whole || stride === undefined || bytes === 8 || (code && buffer.dtype !== 'bfloat16') || (stride !== 1 && bytes !== 4)) {
      for (let l = 0; l < LANES; l++) push.call(this.#host, scalar.store(buffer, this.atLane(position, l), this.atLane(value, l)));
      return;
    }
    const address = (l: number): { base: string; offset: string } => scalar.address(buffer, position, (this.#first + l) * stride);
    const lanes = this.expr(value);
    if (stride !== 1) {
      const kept = this.#code.keep(lanes);
      for (let l = 0; l < LANES; l++) {
        const { base, offset } = address(l);
        this.#host.push(`(v128.store32_lane${offset} ${l} ${base} ${kept})`);
      }
      return;
    }
    const { base, offset } = address(0);
    if (bytes === 4) return this.#host.push(`(v128.store${offset} ${base} ${lanes})`);
    if (bytes === 2) {
      const kept = code ? this.#roundedBfloat16(this.#code.keep(lanes)) : lanes;
      const half = code ? '2 3 6 7 10 11 14 15' : '0 1 4 5 8 9 12 13';
      const packed = op(`i8x16.shuffle ${half} 0 0 0 0 0 0 0 0`, this.#code.keep(kept), this.#code.bits(0));
      return this.#host.push(`(v128.store64_lane${offset} 0 ${base} ${packed})`);
    }
    const kept = buffer.dtype === 'bool' ? op('v128.and', lanes, this.#code.bits(1)) : lanes;
    this.#host.push(
      `(v128.store32_lane${offset} 0 ${base} ${op('i8x16.shuffle 0 4 8 12 0 0 0 0 0 0 0 0 0 0 0 0', this.#code.keep(kept), this.#code.bits(0))})`,
    );
  }
}

const childrenOf = (e: LExpr): readonly LExpr[] => {
  switch (e.kind) {
    case 'const':
    case 'local':
      return [];
    case 'read':
      return [e.at];
    case 'unary':
    case 'cast':
    case 'bitcast':
      return [e.x];
    case 'binary':
      return [e.a, e.b];
    case 'select':
      return [e.cond, e.a, e.b];
  }
};

const guardedReads = (e: LExpr): boolean => e.kind === 'read' || childrenOf(e).some(guardedReads);
const isNumber = (e: LExpr): boolean => e.kind === 'const' && !Number.isNaN(e.value);
