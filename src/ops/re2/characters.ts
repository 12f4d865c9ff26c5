/** The parts of a pattern that stand for one character: escapes and classes. */
import { not, perlSet, posixSet, propertySet, rangeSet, union, type CharTest } from './charset.ts';
import type { Cursor } from './cursor.ts';

const controls: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

/** After a backslash: `d`, `pN`, `P{Greek}` …; undefined, and nothing taken, for other escapes. */
export const readEscapedSet = (at: Cursor, fold: boolean): CharTest | undefined => {
  const c = at.peek();
  const set = perlSet(c, fold);
  if (set) at.next();
  if (set || (c !== 'p' && c !== 'P')) return set;
  at.next();
  const given = at.take('{') ? at.takeUntil('}') : at.next();
  const property = propertySet(given.replace(/^\^/, ''), fold) ?? at.fail(`an unknown property '${given}'`);
  return (c === 'P') !== given.startsWith('^') ? not(property) : property;
};

/** After a backslash: the character an escape stands for. */
export const readEscapedCharacter = (at: Cursor): number => {
  const c = at.next();
  if (c in controls) return controls[c]!;
  if (c === 'x') {
    const braced = at.take('{');
    const digits = braced ? at.takeUntil('}') : at.takeWhile(/[0-9A-Fa-f]/, 2);
    const code = (braced ? /^[0-9A-Fa-f]+$/ : /^.{2}$/).test(digits) ? Number.parseInt(digits, 16) : NaN;
    return code <= 0x10ffff ? code : at.fail('a bad character code');
  }
  // A digit alone would refer back to a group, which RE2 does not do.
  if (c === '0' || (/[1-7]/.test(c) && /[0-7]/.test(at.peek()))) return Number.parseInt(c + at.takeWhile(/[0-7]/, 2), 8);
  if (/^[!-/:-@[-`{-~]$/.test(c)) return c.codePointAt(0)!;
  if (c === 'C') at.fail('\\C, one byte of a character, which has no meaning here,');
  return at.fail(`an escape '\\${c}' that RE2 does not have`);
};

const readCharacter = (at: Cursor): number => (at.take('\\') ? readEscapedCharacter(at) : at.next().codePointAt(0)!);

/** `[:alpha:]` inside a class; undefined, and nothing taken, where no such name stands. */
const readPosixClass = (at: Cursor, fold: boolean): CharTest | undefined => {
  const start = at.position;
  if (!at.take('[:')) return undefined;
  const name = at.takeWhile(/[\w^]/);
  if (at.take(':]')) return posixSet(name, fold) ?? at.fail(`an unknown class [:${name}:]`);
  at.back(start);
  return undefined;
};

const readItem = (at: Cursor, fold: boolean): CharTest => {
  const named = readPosixClass(at, fold);
  if (named) return named;
  const start = at.position;
  const set = at.take('\\') ? readEscapedSet(at, fold) : undefined;
  if (set) return set;
  at.back(start);
  const lo = readCharacter(at);
  if (at.peek() !== '-' || at.peek(1) === ']') return rangeSet([[lo, lo]], fold);
  at.next();
  const hi = readCharacter(at);
  if (hi < lo) at.fail('a range from more to less');
  return rangeSet([[lo, hi]], fold);
};

/** After `[`: up to and with its `]`. A `]` right after the opening is a character. */
export const readClass = (at: Cursor, fold: boolean): CharTest => {
  const negated = at.take('^');
  const items: CharTest[] = [];
  do items.push(readItem(at, fold));
  while (!at.take(']'));
  return negated ? not(union(items)) : union(items);
};
