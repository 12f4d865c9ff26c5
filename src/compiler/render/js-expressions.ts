/**
 * Expressions of loop IR in JavaScript. Numbers are JavaScript numbers (float64), 64-bit integers
 * bigints, bools booleans. What locals, buffers and shape-derived integers are called is the
 * subclass's business.
 */
import { dtypeInfo, isBigInt, type DType } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import type { Buffer, LExpr, Local } from '../loops.ts';
import type { BinaryOp, ScalarType, UnaryOp } from '../expr.ts';

export type Kind = 'float' | 'int' | 'big' | 'bool' | 'index';
export const kindOf = (t: ScalarType): Kind => {
  if (t === 'index') return 'index';
  if (isBigInt(t)) return 'big';
  const { kind } = dtypeInfo(t);
  return kind === 'float' ? 'float' : kind === 'bool' ? 'bool' : 'int';
};

const mathNames = new Set<UnaryOp>([
  'abs',
  'sign',
  'exp',
  'expm1',
  'log',
  'log1p',
  'sqrt',
  'floor',
  'ceil',
  'trunc',
  'sin',
  'cos',
  'tan',
  'asin',
  'acos',
  'atan',
  'sinh',
  'cosh',
  'tanh',
  'asinh',
  'acosh',
  'atanh',
]);
const infix: Partial<Record<BinaryOp, string>> = {
  add: '+',
  sub: '-',
  mul: '*',
  div: '/',
  and: '&&',
  or: '||',
  bitand: '&',
  bitor: '|',
  bitxor: '^',
  eq: '===',
  ne: '!==',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
  rem: '%',
};

/** Wraps an integer expression (a JavaScript number) to its type. */
export const wrap = (code: string, t: DType): string => {
  switch (t) {
    case 'int32':
      return `(${code}|0)`;
    case 'uint32':
      return `(${code}>>>0)`;
    case 'int16':
      return `(${code}<<16>>16)`;
    case 'int8':
      return `(${code}<<24>>24)`;
    case 'uint16':
      return `(${code}&65535)`;
    case 'uint8':
      return `(${code}&255)`;
    case 'int64':
      return `BigInt.asIntN(64,${code})`;
    case 'uint64':
      return `BigInt.asUintN(64,${code})`;
    default:
      return `rt.wrapNarrow(${code},'${t}')`;
  }
};

/** The integer type of a buffer's elements where they are codes, not values; undefined where they are values. */
export const codeType = ({ dtype, role }: Buffer): DType | undefined => {
  const { kind, bits } = dtypeInfo(dtype);
  if (role === 'temp' || kind !== 'float' || bits >= 32) return undefined;
  return bits === 16 ? 'uint16' : bits === 8 ? 'uint8' : 'uint4';
};

export abstract class JsExpressions {
  /** Narrow float types whose tables of values are used. */
  readonly tables = new Set<DType>();

  /** An integer that comes from shapes. */
  protected abstract index(value: number): string;
  protected abstract local(local: Local): string;
  protected abstract buffer(buffer: Buffer): string;

  #const(value: number | bigint | boolean, t: ScalarType): string {
    if (t === 'index') return this.index(Number(value));
    if (typeof value === 'bigint') return `${value}n`;
    if (typeof value === 'boolean') return String(value);
    return Object.is(value, -0) ? '-0' : value === Infinity || value === -Infinity ? `${value}` : value < 0 ? `(${value})` : String(value);
  }

  expr(e: LExpr): string {
    switch (e.kind) {
      case 'const':
        return this.#const(e.value, e.type);
      case 'local':
        return this.local(e);
      case 'read':
        return this.#read(e.buffer, this.expr(e.at));
      case 'unary':
        return this.#unary(e.op, this.expr(e.x), e.x.type);
      case 'binary':
        return this.#binary(e.op, this.expr(e.a), this.expr(e.b), e.a.type);
      case 'select':
        return `(${this.expr(e.cond)}?${this.expr(e.a)}:${this.expr(e.b)})`;
      case 'cast':
        return this.#cast(this.expr(e.x), e.x.type, e.type, e.saturate);
      case 'bitcast':
        return this.#bitcast(e.x, e.type as DType);
    }
  }

  /** Codes are taken as they stand: decoding one would lose which NaN it is. */
  #bitcast(x: LExpr, to: DType): string {
    const code = x.kind === 'read' ? codeType(x.buffer) : undefined;
    if (x.kind === 'read' && code) return `rt.bitcast(${this.buffer(x.buffer)}[${this.expr(x.at)}],'${code}','${to}')`;
    return `rt.bitcast(${this.expr(x)},'${x.type}','${to}')`;
  }

  #read(buffer: Buffer, at: string): string {
    const { dtype } = buffer;
    if (codeType(buffer)) {
      this.tables.add(dtype);
      return `t_${dtype}[${this.buffer(buffer)}[${at}]]`;
    }
    return dtype === 'bool' ? `(${this.buffer(buffer)}[${at}]!==0)` : `${this.buffer(buffer)}[${at}]`;
  }

  /** A store to an element. */
  protected store(buffer: Buffer, at: string, value: LExpr): string {
    const { dtype } = buffer;
    const target = `${this.buffer(buffer)}[${at}]`;
    const code = codeType(buffer);
    if (code && value.kind === 'bitcast') return `${target}=${this.#bitcast(value.x, code)};`;
    if (code) return `${target}=rt.encode(${this.expr(value)},'${dtype}');`;
    return dtype === 'bool' ? `${target}=${this.expr(value)}?1:0;` : `${target}=${this.expr(value)};`;
  }

  #unary(op: UnaryOp, x: string, t: ScalarType): string {
    const kind = kindOf(t);
    if (op === 'not') return `!(${x})`;
    if (op === 'isnan') return `Number.isNaN(${x})`;
    if (op === 'isinf') return `(Math.abs(${x})===Infinity)`;
    if (kind === 'float') {
      if (mathNames.has(op)) return `Math.${op}(${x})`;
      if (op === 'neg') return `(-${x})`;
      if (op === 'rsqrt') return `(1/Math.sqrt(${x}))`;
      if (op === 'reciprocal') return `(1/${x})`;
      if (op === 'sigmoid') return `(1/(1+Math.exp(-${x})))`;
      if (op === 'round') return `rt.roundEven(${x})`;
      if (op === 'erf') return `rt.erf(${x})`;
    } else if (kind === 'int' || kind === 'big') {
      const type = t as DType;
      if (op === 'neg') return wrap(`(-${x})`, type);
      if (op === 'bitnot') return wrap(`(~${x})`, type);
      if (op === 'popcount')
        return kind === 'big'
          ? `rt.popcountBig(${x})`
          : `rt.popcount(${x}${dtypeInfo(type).bits < 32 ? `&${2 ** dtypeInfo(type).bits - 1}` : ''})`;
      if (op === 'abs') return kind === 'int' ? wrap(`Math.abs(${x})`, type) : wrap(`(${x}<0n?-${x}:${x})`, type);
      if (op === 'sign') return kind === 'int' ? `Math.sign(${x})` : `(${x}>0n?1n:${x}<0n?-1n:0n)`;
      if (op === 'floor' || op === 'ceil' || op === 'round' || op === 'trunc') return x;
    }
    throw new FlagosError('FLAGOS_E_INTERNAL', `${op} of ${t} cannot be written in JavaScript`);
  }

  #binary(op: BinaryOp, a: string, b: string, t: ScalarType): string {
    const kind = kindOf(t);
    const symbol = infix[op];
    const plain = symbol ? `(${a}${symbol}${b})` : undefined;
    if (kind === 'bool') {
      if (op === 'xor') return `(${a}!==${b})`;
      if (op === 'max') return `(${a}||${b})`;
      if (op === 'min') return `(${a}&&${b})`;
      if (plain) return plain;
    }
    if (op === 'eq' || op === 'ne' || op === 'lt' || op === 'le' || op === 'gt' || op === 'ge') return plain!;
    if (kind === 'index') {
      if (op === 'floordiv') return `Math.floor(${a}/${b})`;
      // Of what is known to be neither negative nor beyond 31 bits.
      if (op === 'div') return `(${a}/${b}|0)`;
      if (op === 'floormod') return `rt.floormod(${a},${b})`;
      if (op === 'min' || op === 'max') return `Math.${op}(${a},${b})`;
      if (plain) return plain;
    }
    if (kind === 'float') {
      if (op === 'min' || op === 'max' || op === 'atan2') return `Math.${op}(${a},${b})`;
      if (op === 'pow') return `rt.pow(${a},${b})`;
      if (op === 'floordiv') return `Math.floor(${a}/${b})`;
      if (op === 'floormod') return `rt.floormod(${a},${b})`;
      if (plain) return plain;
    }
    if (kind === 'int' || kind === 'big') return this.#integer(op, a, b, t as DType, kind === 'big');
    throw new FlagosError('FLAGOS_E_INTERNAL', `${op} of ${t} cannot be written in JavaScript`);
  }

  #integer(op: BinaryOp, a: string, b: string, t: DType, big: boolean): string {
    const { bits } = dtypeInfo(t);
    if (op === 'min' || op === 'max') return big ? `(${a}${op === 'min' ? '<' : '>'}${b}?${a}:${b})` : `Math.${op}(${a},${b})`;
    if (op === 'shl') return big ? `(${b}>=64n?0n:${wrap(`(${a}<<${b})`, t)})` : `(${b}>=${bits}?0:${wrap(`(${a}<<${b})`, t)})`;
    if (op === 'shr') {
      if (big) return `(${a}>>${b})`;
      const unsigned = dtypeInfo(t).kind === 'uint';
      return unsigned ? `(${b}>=${bits}?0:${a}>>>${b})` : `(${a}>>Math.min(${b},31))`;
    }
    if (big) {
      const named: Partial<Record<BinaryOp, string>> = {
        div: 'divBig',
        rem: 'remBig',
        floordiv: 'floordivBig',
        floormod: 'floormodBig',
        pow: 'powBig',
      };
      return wrap(named[op] ? `rt.${named[op]}(${a},${b})` : `(${a}${infix[op]}${b})`, t);
    }
    if (op === 'mul') return wrap(bits <= 16 ? `(${a}*${b})` : `Math.imul(${a},${b})`, t);
    if (op === 'div') return wrap(`Math.trunc(${a}/${b})`, t);
    if (op === 'rem') return wrap(`(${a}%${b})`, t);
    if (op === 'floordiv') return wrap(`Math.floor(${a}/${b})`, t);
    if (op === 'floormod') return wrap(`rt.floormod(${a},${b})`, t);
    if (op === 'pow') return wrap(`Number(BigInt.asIntN(53,rt.powBig(BigInt(${a}),BigInt(${b}))))`, t);
    return wrap(`(${a}${infix[op]}${b})`, t);
  }

  #cast(x: string, from: ScalarType, to: ScalarType, saturate: boolean): string {
    const [f, k] = [kindOf(from), kindOf(to)];
    const number = f === 'big' ? `Number(${x})` : f === 'bool' ? `(${x}?1:0)` : x;
    if (k === 'bool') return f === 'big' ? `(${x}!==0n)` : f === 'bool' ? x : `(${x}!==0)`;
    if (k === 'index') return f === 'float' ? `Math.trunc(${x})` : number;
    const type = to as DType;
    if (k === 'float') {
      if (type === 'float64') return number;
      if (f === 'big') return this.#cast(`rt.bigToFloat(${x})`, 'float64', type, saturate);
      if (type === 'float32') return `Math.fround(${number})`;
      return saturate ? `rt.saturateFloat(${number},'${type}')` : `rt.roundTo('${type}',${number})`;
    }
    if (k === 'big') {
      if (f === 'float' && saturate) return `rt.saturateToBig(${x},'${type}')`;
      const big = f === 'float' ? `rt.toBig(${x})` : f === 'big' ? x : `BigInt(${number})`;
      return saturate ? `rt.saturateBig(${big},'${type}')` : wrap(big, type);
    }
    if (saturate) return f === 'big' ? `Number(rt.saturateBig(${x},'${type}'))` : `rt.saturate(${number},'${type}')`;
    if (f === 'big') return wrap(`Number(BigInt.asIntN(32,${x}))`, type);
    return f === 'float' && type === 'uint32' ? wrap(`Math.trunc(${number})`, type) : wrap(number, type);
  }
}
