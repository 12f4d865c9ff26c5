/** Ops on strings: joining, splitting, cleaning, matching. */
import { broadcastShapes } from '../compiler/tensor-expr.ts';
import { FlagosError } from '../core/errors.ts';
import { sizeOf, stridesOf, Tensor } from '../core/tensor.ts';
import { flag, oneOf, optionalInt, optionalString, optionalStrings } from './attrs.ts';
import { defineOp } from './define.ts';
import { matcherOf } from './re2/match.ts';
import { shapeError, showShape } from './util.ts';

const strings = ['string'] as const;
/** A string tensor's elements. */
const textOf = (t: Tensor): readonly string[] => t.data as string[];

/** For every element of a shape, in row-major order, the position of the element of `dims` that is broadcast to it. */
const broadcastPositions = (dims: readonly number[], shape: readonly number[]): number[] => {
  const strides = stridesOf(dims).map((s, i) => (dims[i] === 1 ? 0 : s));
  const offset = shape.length - dims.length;
  return Array.from({ length: sizeOf(shape) }, (_, position) => {
    let rest = position;
    let at = 0;
    for (let axis = shape.length - 1; axis >= offset; axis--) {
      at += (rest % shape[axis]!) * strides[axis - offset]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    return at;
  });
};

export const StringConcat = defineOp({
  name: 'StringConcat',
  since: 20,
  inputs: { X: strings, Y: 'X' },
  outputs: { Z: 'X' },
  shapes: ({ X, Y }) => [broadcastShapes(X.shape, Y.shape)],
  host: ({ X, Y }) => {
    const dims = broadcastShapes(X.dims, Y.dims);
    const [x, y] = [textOf(X), textOf(Y)];
    const theirs = broadcastPositions(Y.dims, dims);
    return new Tensor(
      'string',
      dims,
      broadcastPositions(X.dims, dims).map((at, i) => x[at]! + y[theirs[i]!]!),
    );
  },
});

/** Between runs of white space, at most `most` cuts; nothing for a blank string. White space around the string does not count. */
const splitOnSpace = (text: string, most: number): string[] => {
  const parts: string[] = [];
  let rest = text.trim();
  while (rest !== '' && parts.length < most) {
    const gap = rest.search(/\s/);
    if (gap < 0) break;
    parts.push(rest.slice(0, gap));
    rest = rest.slice(gap).trimStart();
  }
  return rest === '' ? parts : [...parts, rest];
};

/** At every `delimiter`, at most `most` cuts. */
const splitOnText = (text: string, delimiter: string, most: number): string[] => {
  const parts: string[] = [];
  let from = 0;
  while (parts.length < most) {
    const next = text.indexOf(delimiter, from);
    if (next < 0) break;
    parts.push(text.slice(from, next));
    from = next + delimiter.length;
  }
  return [...parts, text.slice(from)];
};

export const StringSplit = defineOp({
  name: 'StringSplit',
  since: 20,
  inputs: { X: strings },
  outputs: { Y: 'string', Z: 'int64' },
  attrs: { delimiter: optionalString(), maxsplit: optionalInt() },
  shapes: ({ X }) => [undefined, X.shape],
  host: ({ X }, { delimiter, maxsplit }) => {
    const most = maxsplit === undefined || maxsplit < 0 ? Infinity : maxsplit;
    const split = textOf(X).map((text) => (delimiter ? splitOnText(text, delimiter, most) : splitOnSpace(text, most)));
    const width = split.reduce((n, parts) => Math.max(n, parts.length), 0);
    const padded = split.flatMap((parts) => [...parts, ...new Array<string>(width - parts.length).fill('')]);
    return [
      new Tensor('string', [...X.dims, width], padded),
      Tensor.from(
        'int64',
        X.dims,
        split.map((parts) => parts.length),
      ),
    ];
  },
});

/** `en_US.UTF-8` → `en-US`; C and POSIX have no rules of their own. @throws FLAGOS_E_ATTRIBUTE for what is no locale. */
const languageOf = (locale: string): string => {
  const name = locale.replace(/[.@].*$/, '').replaceAll('_', '-');
  if (name === '' || name === 'C' || name === 'POSIX') return 'en-US';
  try {
    return new Intl.Locale(name).toString();
  } catch (cause) {
    throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'locale' is '${locale}', which names no locale`, {
      cause,
      hint: 'write it like en_US',
    });
  }
};

/** Stop words are compared with whole elements. A result without elements is one empty string, as the specification has it. */
export const StringNormalizer = defineOp({
  name: 'StringNormalizer',
  since: 10,
  inputs: { X: strings },
  outputs: { Y: 'X' },
  attrs: {
    case_change_action: oneOf('NONE', 'LOWER', 'UPPER'),
    is_case_sensitive: flag(false),
    locale: optionalString(),
    stopwords: optionalStrings(),
  },
  host: ({ X }, { case_change_action, is_case_sensitive, locale, stopwords }) => {
    const { dims } = X;
    if (dims.length < 1 || dims.length > 2 || (dims.length === 2 && dims[0] !== 1)) {
      throw shapeError(`'X' has shape ${showShape(dims)}, it must be [C] or [1, C]`);
    }
    const language = languageOf(locale ?? '');
    const key = (word: string): string => (is_case_sensitive ? word : word.toLocaleLowerCase(language));
    const stops = new Set((stopwords ?? []).map(key));
    const change = {
      NONE: (w: string) => w,
      LOWER: (w: string) => w.toLocaleLowerCase(language),
      UPPER: (w: string) => w.toLocaleUpperCase(language),
    }[case_change_action];
    const kept = textOf(X)
      .filter((word) => !stops.has(key(word)))
      .map(change);
    if (kept.length === 0) kept.push('');
    return new Tensor('string', dims.length === 2 ? [1, kept.length] : [kept.length], kept);
  },
});

export const RegexFullMatch = defineOp({
  name: 'RegexFullMatch',
  since: 20,
  inputs: { X: strings },
  outputs: { Y: 'bool' },
  attrs: { pattern: optionalString() },
  source: 'RE2 syntax, github.com/google/re2/wiki/Syntax',
  shapes: ({ X }) => [X.shape],
  host: ({ X }, { pattern }) => {
    if (pattern === undefined) throw new FlagosError('FLAGOS_E_ATTRIBUTE', "attribute 'pattern' is required");
    return Tensor.from('bool', X.dims, textOf(X).map(matcherOf(pattern)));
  },
});
