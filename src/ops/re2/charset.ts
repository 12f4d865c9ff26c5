/**
 * Sets of characters of RE2 patterns: a set is a test of one code point. Case folding and Unicode
 * properties are asked of the engine's own regular expressions, one character at a time.
 * Source: RE2 syntax, github.com/google/re2/wiki/Syntax.
 */
export type CharTest = (codePoint: number) => boolean;

/** Inclusive ranges of code points. */
type Ranges = readonly (readonly [lo: number, hi: number])[];

const span = (text: string): Ranges =>
  [...text.matchAll(/(.)-(.)|(.)/gsu)].map(([, lo, hi, one]) => [(lo ?? one)!.codePointAt(0)!, (hi ?? one)!.codePointAt(0)!]);

const inRanges =
  (ranges: Ranges): CharTest =>
  (c) =>
    ranges.some(([lo, hi]) => c >= lo && c <= hi);

/** A test by a one-character regular expression, remembered per character. */
const byRegExp = (source: string, fold: boolean): CharTest => {
  const expression = new RegExp(`^${source}$`, fold ? 'isu' : 'su');
  const known = new Map<number, boolean>();
  return (c) => {
    let hit = known.get(c);
    if (hit === undefined) known.set(c, (hit = expression.test(String.fromCodePoint(c))));
    return hit;
  };
};

const hex = (c: number): string => `\\u{${c.toString(16)}}`;

export const rangeSet = (ranges: Ranges, fold: boolean): CharTest =>
  fold ? byRegExp(`[${ranges.map(([lo, hi]) => `${hex(lo)}-${hex(hi)}`).join('')}]`, true) : inRanges(ranges);

export const literalSet = (c: number, fold: boolean): CharTest => {
  if (!fold) return (x) => x === c;
  const test = rangeSet([[c, c]], true);
  return (x) => x === c || test(x);
};

export const not =
  (test: CharTest): CharTest =>
  (c) =>
    !test(c);
export const union =
  (tests: readonly CharTest[]): CharTest =>
  (c) =>
    tests.some((t) => t(c));

export const anyCharacter: CharTest = () => true;
export const anyButNewline: CharTest = (c) => c !== 10;

/** \d \s \w: ASCII only; \s is without vertical tab. */
const perl: Readonly<Record<string, Ranges>> = { d: span('0-9'), s: span('\t\n\f\r '), w: span('0-9A-Za-z_') };

/** `\d`, `\D` and their like by letter; undefined for other letters. */
export const perlSet = (letter: string, fold: boolean): CharTest | undefined => {
  const ranges = perl[letter.toLowerCase()];
  if (!ranges) return undefined;
  const set = rangeSet(ranges, fold);
  return letter === letter.toLowerCase() ? set : not(set);
};

const isWordRange = inRanges(perl['w']!);
/** Whether a code point is of a word, for \b; undefined (beyond the text) is not. */
export const isWord = (c: number | undefined): boolean => c !== undefined && isWordRange(c);

const posix: Readonly<Record<string, Ranges>> = {
  alnum: span('0-9A-Za-z'),
  alpha: span('A-Za-z'),
  ascii: [[0, 127]],
  blank: span('\t '),
  cntrl: [
    [0, 31],
    [127, 127],
  ],
  digit: span('0-9'),
  graph: [[33, 126]],
  lower: span('a-z'),
  print: [[32, 126]],
  punct: [
    [33, 47],
    [58, 64],
    [91, 96],
    [123, 126],
  ],
  space: span('\t\n\v\f\r '),
  upper: span('A-Z'),
  word: span('0-9A-Za-z_'),
  xdigit: span('0-9A-Fa-f'),
};

/** `alpha` or `^alpha` of `[[:alpha:]]`; undefined for names POSIX does not have. */
export const posixSet = (name: string, fold: boolean): CharTest | undefined => {
  const ranges = posix[name.replace(/^\^/, '')];
  if (!ranges) return undefined;
  const set = rangeSet(ranges, fold);
  return name.startsWith('^') ? not(set) : set;
};

/** A general category (`L`, `Lu`), a script (`Greek`) or `Any`; undefined for other names. */
export const propertySet = (name: string, fold: boolean): CharTest | undefined => {
  if (!/^[A-Za-z_]+$/.test(name)) return undefined;
  if (name === 'Any') return anyCharacter;
  // General categories are one or two letters in RE2; everything longer is a script.
  const property = name.length <= 2 ? `gc=${name}` : `sc=${name}`;
  try {
    return byRegExp(`\\p{${property}}`, fold);
  } catch (e) {
    // The engine refuses names it does not know with a SyntaxError; anything else is no answer.
    if (e instanceof SyntaxError) return undefined;
    throw e;
  }
};
