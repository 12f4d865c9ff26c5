/**
 * Functions generated WebAssembly calls: integer arithmetic that must not trap, conversions of narrow
 * floats, and elementary functions. Each is text that names the functions it needs itself; what
 * WebAssembly has no instructions for and few use (trigonometry, powers) is imported from JavaScript.
 */
import type { DType } from '../../core/dtype.ts';
import { vectorFunctions } from './wasm-math.ts';

/** A function or an import of a module. */
export interface WasmFunction {
  readonly text: string;
  readonly needs: readonly string[];
}

const define = (name: string, body: string, needs: readonly string[] = []): [string, WasmFunction] => [
  name,
  { text: `(func $${name} ${body})`, needs },
];

/** Integer arithmetic at a width. */
const integers = (t: 'i32' | 'i64'): [string, WasmFunction][] => {
  const w = t === 'i32' ? 32 : 64;
  const zero = `(${t}.const 0)`;
  const pair = `(param $a ${t}) (param $b ${t})`;
  const two = `${pair} (result ${t})`;
  const shift = `${pair} (param $bits ${t}) (result ${t})`;
  const [a, b] = ['(local.get $a)', '(local.get $b)'];
  const unlessZero = (value: string): string => `(if (result ${t}) (${t}.eqz ${b}) (then ${zero}) (else ${value}))`;
  const minusOne = `(${t}.eq ${b} (${t}.const -1))`;
  const remainder = `(if (result ${t}) ${minusOne} (then ${zero}) (else (${t}.rem_s ${a} ${b})))`;
  const quotient = `(if (result ${t}) ${minusOne} (then (${t}.sub ${zero} ${a})) (else (${t}.div_s ${a} ${b})))`;
  const offSigns = `(i32.and (${t}.ne (local.get $r) ${zero}) (i32.xor (${t}.lt_s (local.get $r) ${zero}) (${t}.lt_s ${b} ${zero})))`;
  const least = (s: 's' | 'u', which: 'lt' | 'gt'): string => `(select ${a} ${b} (${t}.${which}_${s} ${a} ${b}))`;
  return [
    define(`div_s${w}`, `${two} ${unlessZero(quotient)}`),
    define(`rem_s${w}`, `${two} ${unlessZero(remainder)}`),
    define(`div_u${w}`, `${two} ${unlessZero(`(${t}.div_u ${a} ${b})`)}`),
    define(`rem_u${w}`, `${two} ${unlessZero(`(${t}.rem_u ${a} ${b})`)}`),
    define(
      `floormod_s${w}`,
      `${two} (local $r ${t}) (local.set $r (call $rem_s${w} ${a} ${b})) (select (${t}.add (local.get $r) ${b}) (local.get $r) ${offSigns})`,
      [`rem_s${w}`],
    ),
    define(
      `floordiv_s${w}`,
      `${two} (local $r ${t}) (local.set $r (call $rem_s${w} ${a} ${b})) (${t}.sub (call $div_s${w} ${a} ${b}) ${t === 'i32' ? offSigns : `(i64.extend_i32_u ${offSigns})`})`,
      [`rem_s${w}`, `div_s${w}`],
    ),
    ...(['s', 'u'] as const).flatMap((s) => [
      define(`min_${s}${w}`, `${two} ${least(s, 'lt')}`),
      define(`max_${s}${w}`, `${two} ${least(s, 'gt')}`),
    ]),
    define(`shl${w}`, `${shift} (select ${zero} (${t}.shl ${a} ${b}) (${t}.ge_u ${b} (local.get $bits)))`),
    define(`shr_u${w}`, `${shift} (select ${zero} (${t}.shr_u ${a} ${b}) (${t}.ge_u ${b} (local.get $bits)))`),
    define(
      `shr_s${w}`,
      `${shift} (${t}.shr_s ${a} (select (${t}.sub (local.get $bits) (${t}.const 1)) ${b} (${t}.ge_u ${b} (local.get $bits))))`,
    ),
    define(`abs${w}`, `(param $a ${t}) (result ${t}) (select (${t}.sub ${zero} ${a}) ${a} (${t}.lt_s ${a} ${zero}))`),
    define(
      `sign${w}`,
      `(param $a ${t}) (result ${t}) ${t === 'i32' ? '' : '(i64.extend_i32_s '}(i32.sub (${t}.gt_s ${a} ${zero}) (${t}.lt_s ${a} ${zero}))${t === 'i32' ? '' : ')'}`,
    ),
  ];
};

const floats = (t: 'f32' | 'f64'): [string, WasmFunction][] => {
  const x = '(local.get $x)';
  const one = `(param $x ${t}) (result ${t})`;
  const difference = `(${t}.convert_i32_s (i32.sub (${t}.gt ${x} (${t}.const 0)) (${t}.lt ${x} (${t}.const 0))))`;
  return [define(`sign_${t}`, `${one} (select ${x} ${difference} (${t}.ne ${x} ${x}))`)];
};

/** Functions of JavaScript's `Math`, on f64: an import `exp_f64` is `Math.exp`, wherever a module runs. */
const mathUnary = [
  'exp',
  'expm1',
  'log',
  'log1p',
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
] as const;
export const mathImports = [...mathUnary, 'atan2'] as const;
/** Those of `js-runtime.ts`. */
const importedBinary = ['pow', 'fmod', 'floormod'] as const;
const imported = (name: string, signature: string): [string, WasmFunction] => [
  name,
  { text: `(import "js" "${name}" (func $${name} ${signature}))`, needs: [] },
];

/** Types whose codes JavaScript rounds to. */
const small: readonly DType[] = ['float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz', 'float8e8m0', 'float4e2m1'];

const conversions: [string, WasmFunction][] = [
  define('bf16_to_f32', '(param $h i32) (result f32) (f32.reinterpret_i32 (i32.shl (local.get $h) (i32.const 16)))'),
  // Half of the dropped part is added, and one more where the kept part is odd: to nearest, ties to even. NaN keeps its top bits.
  define(
    'f32_to_bf16',
    '(param $x f32) (result i32) (local $u i32) (local.set $u (i32.reinterpret_f32 (local.get $x))) (select (i32.or (i32.shr_u (local.get $u) (i32.const 16)) (i32.const 0x40)) (i32.shr_u (i32.add (i32.add (local.get $u) (i32.const 0x7fff)) (i32.and (i32.shr_u (local.get $u) (i32.const 16)) (i32.const 1))) (i32.const 16)) (f32.ne (local.get $x) (local.get $x)))',
  ),
  // The exponent is moved by multiplying with 2^112, which also puts subnormals right; infinities and NaN get theirs set.
  define(
    'f16_to_f32',
    '(param $h i32) (result f32) (local $m i32) (local.set $m (i32.shl (i32.and (local.get $h) (i32.const 0x7fff)) (i32.const 13))) (f32.reinterpret_i32 (i32.or (i32.shl (i32.and (local.get $h) (i32.const 0x8000)) (i32.const 16)) (if (result i32) (i32.ge_u (local.get $m) (i32.const 0x0f800000)) (then (i32.or (local.get $m) (i32.const 0x7f800000))) (else (i32.reinterpret_f32 (f32.mul (f32.reinterpret_i32 (local.get $m)) (f32.const 0x1p112)))))))',
  ),
  define(
    'f32_to_f16',
    `(param $x f32) (result i32) (local $s i32) (local $u i32)
    (local.set $u (i32.reinterpret_f32 (local.get $x)))
    (local.set $s (i32.shr_u (i32.and (local.get $u) (i32.const 0x80000000)) (i32.const 16)))
    (local.set $u (i32.and (local.get $u) (i32.const 0x7fffffff)))
    (if (i32.gt_u (local.get $u) (i32.const 0x7f800000)) (then (return (i32.or (local.get $s) (i32.const 0x7e00)))))
    (if (i32.ge_u (local.get $u) (i32.const 0x477ff000)) (then (return (i32.or (local.get $s) (i32.const 0x7c00)))))
    (if (i32.lt_u (local.get $u) (i32.const 0x38800000)) (then (return (i32.or (local.get $s) (i32.sub (i32.reinterpret_f32 (f32.add (f32.reinterpret_i32 (local.get $u)) (f32.const 0.5))) (i32.const 0x3f000000))))))
    (i32.or (local.get $s) (i32.shr_u (i32.sub (i32.add (i32.add (local.get $u) (i32.const 0xfff)) (i32.and (i32.shr_u (local.get $u) (i32.const 13)) (i32.const 1))) (i32.const 0x38000000)) (i32.const 13)))`,
  ),
  // Toward zero, modulo 2^64; NaN and infinities give 0.
  define(
    'to_i64',
    '(param $x f64) (result i64) (if (result i64) (f64.lt (f64.abs (local.get $x)) (f64.const 9223372036854775808)) (then (i64.trunc_f64_s (local.get $x))) (else (call $wrap_f64 (local.get $x))))',
    ['wrap_f64'],
  ),
  define(
    'clamp64',
    '(param $x i64) (param $lo i64) (param $hi i64) (result i64) (select (local.get $lo) (select (local.get $hi) (local.get $x) (i64.gt_s (local.get $x) (local.get $hi))) (i64.lt_s (local.get $x) (local.get $lo)))',
  ),
  imported('wrap_f64', '(param f64) (result i64)'),
  imported('pow_i64', '(param i64) (param i64) (result i64)'),
  ...small.flatMap((t) => [
    imported(`encode_${t}`, '(param f32) (result i32)'),
    imported(`saturate_${t}`, '(param f32) (result f32)'),
    [`table_${t}`, { text: `(import "tables" "${t}" (global $table_${t} i32))`, needs: [] }] as [string, WasmFunction],
  ]),
  imported('saturate_float16', '(param f32) (result f32)'),
  imported('saturate_bfloat16', '(param f32) (result f32)'),
];

/** All functions by name. */
export const functions: ReadonlyMap<string, WasmFunction> = new Map([
  ...integers('i32'),
  ...integers('i64'),
  ...floats('f32'),
  ...floats('f64'),
  ...conversions,
  ...[...mathUnary, 'erf'].map((f) => imported(`${f}_f64`, '(param f64) (result f64)')),
  ...[...importedBinary, 'atan2'].map((f) => imported(`${f}_f64`, '(param f64) (param f64) (result f64)')),
  ...vectorFunctions,
]);

/** Functions and all they need. */
const closure = (names: Iterable<string>): Set<string> => {
  const all = new Set<string>();
  const add = (name: string): void => {
    if (all.has(name)) return;
    functions.get(name)!.needs.forEach(add);
    all.add(name);
  };
  for (const name of names) add(name);
  return all;
};

const isImport = (text: string): boolean => text.startsWith('(import "js"');
const fromMath = new Set(mathImports.map((f) => `${f}_f64`));

/** Whether functions, and all they need, are there wherever a module runs, and not only where this library is. */
export const areEverywhere = (names: Iterable<string>): boolean =>
  [...closure(names)].every((name) => fromMath.has(name) || !isImport(functions.get(name)!.text));

/** Texts of functions and of all they need, imports first. */
export const functionTexts = (names: Iterable<string>): string[] => {
  const texts = [...closure(names)].map((name) => functions.get(name)!.text);
  return [...texts.filter((t) => t.startsWith('(import')), ...texts.filter((t) => !t.startsWith('(import'))];
};
