/** Expressions of loop IR in WebAssembly, one value at a time, as folded text. */
import { dtypeInfo, type DType } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import type { BinaryOp, ScalarType, UnaryOp } from '../expr.ts';
import { readsMemory, type Buffer, type LExpr, type Local } from '../loops.ts';
import { constantOf } from '../schedule/ir.ts';
import { castText } from './wasm-casts.ts';
import { accessOf, bitsOf, constant, elementBytes, holdsCodes, i32, isCoded, isFloat, isUnsigned, op, typeOf } from './wasm-types.ts';

const plainFloat: Partial<Record<UnaryOp, string>> = {
  neg: 'neg',
  abs: 'abs',
  sqrt: 'sqrt',
  floor: 'floor',
  ceil: 'ceil',
  trunc: 'trunc',
  round: 'nearest',
};
/** Functions written for float32; others are calculated in float64 by JavaScript. */
const ownFloat32 = new Set<UnaryOp>(['exp', 'log', 'tanh', 'sigmoid', 'erf']);
const compare: Partial<Record<BinaryOp, string>> = { eq: 'eq', ne: 'ne', lt: 'lt', le: 'le', gt: 'gt', ge: 'ge' };
const arithmetic: Partial<Record<BinaryOp, string>> = { add: 'add', sub: 'sub', mul: 'mul', bitand: 'and', bitor: 'or', bitxor: 'xor' };

/** Arithmetic of two truths: what is not 0 is true. */
const logic: Partial<Record<BinaryOp, string>> = { add: 'or', sub: 'xor', mul: 'and' };

export abstract class WasmScalar {
  /** Functions the text calls. */
  readonly used = new Set<string>();

  /** Text that reads a local, a buffer's address, an integer that comes from shapes. */
  protected abstract local(local: Local): string;
  protected abstract buffer(buffer: Buffer): string;
  protected abstract index(value: number): string;

  call(name: string, ...args: readonly string[]): string {
    this.used.add(name);
    return op(`call $${name}`, ...args);
  }

  expr(e: LExpr): string {
    switch (e.kind) {
      case 'const':
        return e.type === 'index' ? this.index(Number(e.value)) : constant(e.value, e.type);
      case 'local':
        return this.local(e);
      case 'read':
        return this.#read(e);
      case 'unary':
        return this.#unary(e.op, this.expr(e.x), e.x.type);
      case 'binary':
        return this.#binary(e);
      case 'select':
        return this.#select(e.cond, e.a, e.b, typeOf(e.type));
      case 'cast':
        return castText(this, this.expr(e.x), e.x.type, e.type, e.saturate);
      case 'bitcast':
        return this.#bitcast(e.x, e.type as DType);
    }
  }

  /**
   * Address of an element, and the part of it that is an offset of the instruction. Scheduling writes
   * `x + c` only where x alone is not negative, so that x may be an address by itself.
   */
  address(buffer: Buffer, at: LExpr, more = 0): { base: string; offset: string } {
    const bytes = elementBytes(buffer);
    const [base, whole] = [this.buffer(buffer), constantOf(at)];
    const offset = (n: number): string => (n + more === 0 ? '' : ` offset=${(n + more) * bytes}`);
    if (whole !== undefined && whole >= 0) return { base, offset: offset(whole) };
    const last = at.kind === 'binary' && at.op === 'add' ? constantOf(at.b) : undefined;
    if (at.kind === 'binary' && last !== undefined && last >= 0)
      return { base: op('i32.add', base, this.#bytes(at.a, bytes)), offset: offset(last) };
    return { base: op('i32.add', base, this.#bytes(at, bytes)), offset: offset(0) };
  }

  #bytes(at: LExpr, bytes: number): string {
    return bytes === 1 ? this.expr(at) : op('i32.shl', this.expr(at), i32(Math.log2(bytes)));
  }

  #load(buffer: Buffer, at: LExpr): string {
    const { base, offset } = this.address(buffer, at);
    return `(${accessOf(buffer).load}${offset} ${base})`;
  }

  #read({ buffer, at }: Extract<LExpr, { kind: 'read' }>): string {
    const raw = this.#load(buffer, at);
    if (holdsCodes(buffer)) return this.decode(raw, buffer.dtype);
    return buffer.dtype === 'bool' ? op('i32.ne', raw, i32(0)) : raw;
  }

  store(buffer: Buffer, at: LExpr, value: LExpr): string {
    const { base, offset } = this.address(buffer, at);
    return `(${accessOf(buffer).store}${offset} ${base} ${this.stored(buffer, value)})`;
  }

  /** A value as it lies in memory. Bits that become codes are stored as they are: decoding would lose which NaN it is. */
  stored(buffer: Buffer, value: LExpr): string {
    if (!holdsCodes(buffer)) return this.expr(value);
    if (value.kind === 'bitcast' && !isCoded(value.x.type)) return this.expr(value.x);
    return this.encode(this.expr(value), buffer.dtype);
  }

  decode(code: string, t: DType): string {
    if (t === 'float16') return this.call('f16_to_f32', code);
    if (t === 'bfloat16') return this.call('bf16_to_f32', code);
    this.used.add(`table_${t}`);
    return op('f32.load', op('i32.add', `(global.get $table_${t})`, op('i32.shl', code, i32(2))));
  }

  encode(value: string, t: DType): string {
    if (t === 'float16') return this.call('f32_to_f16', value);
    return t === 'bfloat16' ? this.call('f32_to_bf16', value) : this.call(`encode_${t}`, value);
  }

  /** An integer of 32 bits brought back to a narrower type's range. */
  narrow(code: string, t: ScalarType): string {
    const bits = bitsOf(t);
    if (bits >= 32) return code;
    if (isUnsigned(t)) return op('i32.and', code, i32(2 ** bits - 1));
    if (bits >= 8) return op(`i32.extend${bits}_s`, code);
    return op('i32.shr_s', op('i32.shl', code, i32(32 - bits)), i32(32 - bits));
  }

  #fail(what: string, t: ScalarType): never {
    throw new FlagosError('FLAGOS_E_INTERNAL', `${what} of ${t} cannot be written in WebAssembly`);
  }

  /** A function of float64 that JavaScript has, on a value of either width. */
  #imported(name: string, t: 'f32' | 'f64', ...args: readonly string[]): string {
    if (t === 'f64') return this.call(`${name}_f64`, ...args);
    return op('f32.demote_f64', this.call(`${name}_f64`, ...args.map((a) => op('f64.promote_f32', a))));
  }

  #unary(name: UnaryOp, x: string, t: ScalarType): string {
    if (name === 'not') return op('i32.eqz', x);
    const type = typeOf(t);
    if (type === 'f32' || type === 'f64') {
      const one = `(${type}.const 1)`;
      const plain = plainFloat[name];
      if (plain) return op(`${type}.${plain}`, x);
      if (name === 'isinf') return op(`${type}.eq`, op(`${type}.abs`, x), `(${type}.const inf)`);
      // Only NaN is neither below infinity nor equal to it.
      if (name === 'isnan') return op('i32.eqz', op(`${type}.le`, op(`${type}.abs`, x), `(${type}.const inf)`));
      if (name === 'sign') return this.call(`sign_${type}`, x);
      if (name === 'reciprocal') return op(`${type}.div`, one, x);
      if (name === 'rsqrt') return op(`${type}.div`, one, op(`${type}.sqrt`, x));
      if (type === 'f32' && ownFloat32.has(name)) return this.call(`${name}_f32`, x);
      if (name === 'sigmoid') return op('f64.div', one, op('f64.add', one, this.call('exp_f64', op('f64.neg', x))));
      if (name === 'bitnot' || name === 'popcount') this.#fail(name, t);
      return this.#imported(name, type, x);
    }
    const width = type === 'i64' ? 64 : 32;
    switch (name) {
      case 'isnan':
      case 'isinf':
        return i32(0);
      case 'neg':
        return this.narrow(op(`${type}.sub`, `(${type}.const 0)`, x), t);
      case 'bitnot':
        return this.narrow(op(`${type}.xor`, x, `(${type}.const -1)`), t);
      case 'abs':
        return isUnsigned(t) ? x : this.narrow(this.call(`abs${width}`, x), t);
      case 'sign':
        return isUnsigned(t) ? this.#extend(op(`${type}.ne`, x, `(${type}.const 0)`), type) : this.call(`sign${width}`, x);
      case 'popcount':
        return op(`${type}.popcnt`, bitsOf(t) < 32 ? op('i32.and', x, i32(2 ** bitsOf(t) - 1)) : x);
      case 'floor':
      case 'ceil':
      case 'round':
      case 'trunc':
        return x;
      default:
        return this.#fail(name, t);
    }
  }

  #extend(flag: string, type: 'i32' | 'i64'): string {
    return type === 'i64' ? op('i64.extend_i32_u', flag) : flag;
  }

  #select(cond: LExpr, a: LExpr, b: LExpr, type: string): string {
    const [c, x, y] = [this.expr(cond), this.expr(a), this.expr(b)];
    return readsMemory(a) || readsMemory(b) ? `(if (result ${type}) ${c} (then ${x}) (else ${y}))` : op('select', x, y, c);
  }

  #binary(e: Extract<LExpr, { kind: 'binary' }>): string {
    const [a, b] = [this.expr(e.a), this.expr(e.b)];
    const t = e.a.type;
    if (e.op === 'and') return readsMemory(e.b) ? `(if (result i32) ${a} (then ${b}) (else ${i32(0)}))` : op('i32.and', a, b);
    if (e.op === 'or') return readsMemory(e.b) ? `(if (result i32) ${a} (then ${i32(1)}) (else ${b}))` : op('i32.or', a, b);
    if (e.op === 'xor') return op('i32.xor', a, b);
    const type = typeOf(t);
    const compared = compare[e.op];
    if (compared) {
      const order = isFloat(t) || compared === 'eq' || compared === 'ne' ? '' : isUnsigned(t) ? '_u' : '_s';
      return op(`${type}.${compared}${order}`, a, b);
    }
    if (type === 'f32' || type === 'f64') return this.#float(e.op, a, b, type);
    if (t === 'index' && (e.op === 'div' || e.op === 'rem')) return op(`i32.${e.op}_u`, a, b);
    return this.#integer(e.op, a, b, t, type);
  }

  #float(name: BinaryOp, a: string, b: string, type: 'f32' | 'f64'): string {
    if (name === 'add' || name === 'sub' || name === 'mul' || name === 'div' || name === 'min' || name === 'max')
      return op(`${type}.${name}`, a, b);
    if (name === 'floordiv') return op(`${type}.floor`, op(`${type}.div`, a, b));
    if (name === 'rem') return this.#imported('fmod', type, a, b);
    if (name === 'pow' || name === 'atan2' || name === 'floormod') return this.#imported(name, type, a, b);
    return this.#fail(name, type === 'f32' ? 'float32' : 'float64');
  }

  #integer(name: BinaryOp, a: string, b: string, t: ScalarType, type: 'i32' | 'i64'): string {
    const width = type === 'i64' ? 64 : 32;
    const sign = isUnsigned(t) ? 'u' : 's';
    const plain = t === 'bool' ? (logic[name] ?? arithmetic[name]) : arithmetic[name];
    if (plain) return this.narrow(op(`${type}.${plain}`, a, b), t);
    switch (name) {
      case 'min':
      case 'max':
        return this.call(`${name}_${sign}${width}`, a, b);
      case 'shl':
        return this.narrow(this.call(`shl${width}`, a, b, `(${type}.const ${bitsOf(t)})`), t);
      case 'shr':
        return this.call(`shr_${sign}${width}`, a, b, `(${type}.const ${bitsOf(t)})`);
      case 'div':
      case 'rem':
        return this.narrow(this.call(`${name}_${sign}${width}`, a, b), t);
      case 'floordiv':
      case 'floormod':
        return this.narrow(this.call(sign === 'u' ? `${name === 'floordiv' ? 'div' : 'rem'}_u${width}` : `${name}_s${width}`, a, b), t);
      case 'pow': {
        const wide = (x: string): string => (type === 'i64' ? x : op(`i64.extend_i32_${sign}`, x));
        const result = this.call('pow_i64', wide(a), wide(b));
        return type === 'i64' ? result : this.narrow(op('i32.wrap_i64', result), t);
      }
      default:
        return this.#fail(name, t);
    }
  }

  /** The value of a narrow float type nearest to a float32. */
  rounded(x: string, t: DType): string {
    return this.decode(this.encode(x, t), t);
  }

  #bitcast(x: LExpr, to: DType): string {
    const raw =
      x.kind === 'read' && holdsCodes(x.buffer)
        ? this.#load(x.buffer, x.at)
        : isCoded(x.type)
          ? this.encode(this.expr(x), x.type)
          : this.expr(x);
    const [from, target] = [isCoded(x.type) ? 'i32' : typeOf(x.type), isCoded(to) ? 'i32' : typeOf(to)];
    const bits = from === target ? raw : op(`${target}.reinterpret_${from}`, raw);
    if (isCoded(to)) return this.decode(op('i32.and', bits, i32(2 ** dtypeInfo(to).bits - 1)), to);
    if (to === 'bool') return op('i32.ne', bits, i32(0));
    return target === 'i32' ? this.narrow(bits, to) : bits;
  }
}
