/**
 * Numbers as text and text as numbers, for Cast.
 *
 * A number is written with the fewest digits that give it back in its own type (as Python and numpy
 * do), so float32 0.1 is `0.1`. Text may be a plain or scientific decimal, an infinity or NaN, in any
 * letter case.
 */
import { floatCodec, roundTo } from '../core/codec.ts';
import { allocate, dtypeInfo, integerRange, isBigInt, type DType } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { Tensor } from '../core/tensor.ts';
import type { RoundMode } from './cast.ts';
import { valueError } from './util.ts';

const DIGITS_OF_FLOAT64 = 17;

/** Fewest significant digits that round to `x` in its type: [digits, decimal exponent]. */
const shortest = (x: number, dtype: DType): readonly [digits: string, exponent: number] => {
  let text = '';
  for (let p = 1; p <= DIGITS_OF_FLOAT64; p++) {
    text = x.toExponential(p - 1);
    if (roundTo(dtype, Number(text)) === x) break;
  }
  const [mantissa, exponent] = text.split('e');
  return [mantissa!.replace('.', '').replace(/0+$/, ''), Number(exponent)];
};

/** Python's spelling of a float: plain from 1e-4 to below 1e16, always with a point; otherwise scientific with two digits of exponent. */
export const floatText = (x: number, dtype: DType): string => {
  if (Number.isNaN(x)) return 'nan';
  if (!Number.isFinite(x)) return x < 0 ? '-inf' : 'inf';
  const sign = x < 0 || Object.is(x, -0) ? '-' : '';
  if (x === 0) return `${sign}0.0`;
  const magnitude = Math.abs(x);
  const [digits, exponent] = shortest(magnitude, dtype);
  if (magnitude < 1e-4 || magnitude >= 1e16) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    return `${sign}${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
};

const textOf = (x: Tensor): string[] => {
  if (dtypeInfo(x.dtype).kind === 'float') return Array.from(x.toNumbers(), (v) => floatText(v, x.dtype));
  return x.toValues().map((v) => (typeof v === 'boolean' ? (v ? 'True' : 'False') : String(v)));
};

const integer = /^[+-]?\d+$/;
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const infinity = /^[+-]?inf(inity)?$/i;

const quoted = (text: string): string => `'${text.length > 40 ? `${text.slice(0, 40)}…` : text}'`;

/** @throws FLAGOS_E_VALUE if the text is no number. */
const parseNumber = (text: string): number => {
  if (decimal.test(text)) return Number(text);
  if (infinity.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  if (/^[+-]?nan$/i.test(text)) return NaN;
  throw valueError(`${quoted(text)} is not a number`);
};

/** Text as an integer; a fraction is cut off. @throws FLAGOS_E_VALUE if the text is no number, or does not fit the type. */
const parseInteger = (text: string, dtype: DType): bigint => {
  const value = integer.test(text) ? BigInt(text.startsWith('+') ? text.slice(1) : text) : fromFloat(text, dtype);
  const [lo, hi] = integerRange(dtype);
  if (value < lo || value > hi) throw valueError(`${quoted(text)} does not fit ${dtype}`);
  return value;
};

const fromFloat = (text: string, dtype: DType): bigint => {
  const value = parseNumber(text);
  if (!Number.isFinite(value)) throw valueError(`${quoted(text)} does not fit ${dtype}`);
  return BigInt(Math.trunc(value));
};

const parseBool = (text: string): boolean => {
  const word = text.toLowerCase();
  return word === 'true' || (word !== 'false' && parseNumber(text) !== 0);
};

/** The code of a value in a narrow float type, by Cast's attributes. */
const encode = (value: number, dtype: DType, saturate: boolean, mode: RoundMode): number => {
  const codec = floatCodec(dtype)!;
  if (dtype !== 'float8e8m0') return codec.encode(value, saturate && dtypeInfo(dtype).bits === 8);
  const magnitude = Math.abs(value);
  const code = codec.encode(magnitude, saturate);
  const chosen = codec.decode(code);
  if (mode === 'up' && chosen < magnitude) return code === 254 && saturate ? 254 : code + 1;
  return mode === 'down' && chosen > magnitude && code > 0 ? code - 1 : code;
};

const parseTensor = (x: Tensor, to: DType, saturate: boolean, mode: RoundMode): Tensor => {
  const { kind } = dtypeInfo(to);
  const texts = (x.data as string[]).map((t) => t.trim());
  if (kind === 'bool') return Tensor.from(to, x.dims, texts.map(parseBool));
  if (kind === 'int' || kind === 'uint') {
    const values = texts.map((t) => parseInteger(t, to));
    return Tensor.from(to, x.dims, isBigInt(to) ? values : values.map(Number));
  }
  const values = texts.map(parseNumber);
  if (!floatCodec(to)) return Tensor.from(to, x.dims, values);
  const data = allocate(to, x.size) as Uint8Array | Uint16Array;
  values.forEach((v, i) => (data[i] = encode(v, to, saturate, mode)));
  return new Tensor(to, x.dims, data);
};

/** A tensor of strings from any other (except complex), or any other from strings. @throws FLAGOS_E_VALUE for text that is no number. */
export const castText = (x: Tensor, to: DType, saturate: boolean, mode: RoundMode): Tensor => {
  if (to === 'complex64' || to === 'complex128') throw new FlagosError('FLAGOS_E_ATTRIBUTE', `cannot cast to ${to}`);
  if (to === 'string') return x.dtype === 'string' ? x : new Tensor('string', x.dims, textOf(x));
  return parseTensor(x, to, saturate, mode);
};
