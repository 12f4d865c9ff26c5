/** What RE2 itself (google-re2 1.1) answered to these patterns, in full-match mode. */
import { describe, expect, it } from 'vitest';
import { errorOf } from '../testing.ts';
import { matcherOf } from './match.ts';

/** Pattern, texts it matches, texts it does not. */
const rows: readonly [pattern: string, yes: readonly string[], no: readonly string[]][] = [
  ['', [''], ['a', '\n']],
  ['a+b*c?', ['a', 'ab', 'aaabbc'], ['', 'b', 'acc']],
  ['(a|b)*abb', ['abb', 'babb', 'aabb'], ['ab', 'abba']],
  ['(a*)*', ['', 'aaaa'], ['b']],
  ['(|a)+', ['', 'aa'], ['b']],
  ['a*?b+?', ['aab', 'b', 'abbb'], ['a', 'ba']],
  ['a{,2}', ['a{,2}'], ['', 'a', 'aa']],
  ['a{2', ['a{2'], ['aa']],
  ['x{0}', [''], ['x']],
  ['a{1,2}?b', ['ab', 'aab'], ['b', 'aaab']],
  ['.', ['a', '\u{1f600}', 'é'], ['', '\n', 'ab']],
  ['(?s).*', ['a\nb', ''], []],
  ['a$\\nb', [], ['a\nb']],
  ['(?m)^a$\\n^b$', ['a\nb'], ['ab']],
  ['\\Aab\\z', ['ab'], ['ab\n']],
  ['\\bfoo\\b.*', ['foo', 'foo bar'], ['foob', 'xfoo']],
  ['\\Bx', [], ['x']],
  ['[]a]+', [']a]'], ['', 'b']],
  ['[^]a]+', ['b-'], [']', 'a']],
  ['[a-]', ['a', '-'], ['b']],
  ['[\\d-a]', ['1', '-', 'a'], ['b']],
  ['[[:alpha:]]+', ['aZ'], ['a1', 'é']],
  ['[[:^digit:]]+', ['aé\n'], ['1']],
  ['[^\\n]+', ['a\rb'], ['\n']],
  ['\\s+', ['\t \r\n\f'], ['\v', '\u00a0']],
  ['\\W+', ['é -'], ['_', 'a']],
  ['\\pL+', ['aβ日'], ['1']],
  ['\\p{^Greek}+', ['a1'], ['β']],
  ['[\\P{L}]+', ['12'], ['a']],
  ['\\p{Lu}\\p{Ll}*', ['Abc', 'É'], ['ABC', 'a']],
  ['(?i)[k]+', ['kK\u212a'], ['x']],
  ['(?i)[^k]', ['x', '\u{1f600}'], ['k', '\u212a']],
  ['(?i)ſ', ['s', 'S', 'ſ'], ['ß']],
  ['(?i)straße', ['STRAßE', 'straße'], ['STRASSE']],
  ['(?i)A(?-i)b', ['ab', 'Ab'], ['aB']],
  ['(?i:A)b', ['ab', 'Ab'], ['aB']],
  ['(?U)a+?b', ['ab', 'aab'], ['b']],
  ['(?P<n>a)(?<m>b)', ['ab'], ['a']],
  ['\\Q*+\\E?x', ['*x', '*+x'], ['x']],
  ['\\x41\\x{263a}\\012\\077', ['A\u263a\n?'], ['A']],
  ['\\_\\-\\.\\[', ['_-.['], ['-']],
  ['\\a\\f\\t\\r\\v', ['\x07\f\t\r\v'], ['\x07']],
  ['[\\x00-\\x{10FFFF}]', ['a', '\u{1f600}', '\n'], ['', 'ab']],
  ['^*', [''], ['^']],
  ['a|b|', ['a', 'b', ''], ['ab']],
  ['a{}]}', ['a{}]}'], ['a']],
];

/** Patterns RE2 refuses, and what we say of them. */
const refused: Readonly<Record<string, string>> = {
  'a**': 'a repetition of a repetition',
  'a{2}{3}': 'a repetition of a repetition',
  '*a': 'a repetition of nothing',
  'a|*': 'a repetition of nothing',
  'x{1001}': 'a repetition outside 0 to 1000',
  'x{2,1}': 'from more to less',
  '(x{100}){100}': 'multiply to more than 1000',
  '(a': "a missing ')'",
  'a)': "an unmatched ')'",
  '[a': 'an unexpected end',
  '[z-a]': 'a range from more to less',
  '[a-\\d]': "an escape '\\d'",
  '[[:foo:]]': 'an unknown class [:foo:]',
  '\\p{Nope}': "an unknown property 'Nope'",
  '\\x4': 'a bad character code',
  '\\x{110000}': 'a bad character code',
  '\\1': "an escape '\\1'",
  '\\8': "an escape '\\8'",
  '\\q': "an escape '\\q'",
  '\\Z': "an escape '\\Z'",
  '\\E': "an escape '\\E'",
  '(?=a)a': 'look-around',
  '(?!a)b': 'look-around',
  '(?<=a)b': 'look-around',
  '(?>a)b': 'atomic group',
  '(?i-)a': 'no flags after a minus',
  '(?x)a': 'an unknown kind of group',
  '(?P=n)': 'an unknown kind of group',
};

describe('RE2 patterns', () => {
  it.each(rows)('%j', (pattern, yes, no) => {
    const matches = matcherOf(pattern);
    expect(yes.filter((t) => !matches(t))).toEqual([]);
    expect(no.filter((t) => matches(t))).toEqual([]);
  });

  it.each(Object.entries(refused))('refuses %j', (pattern, why) => {
    const error = errorOf(() => matcherOf(pattern));
    expect(error).toContain('FLAGOS_E_ATTRIBUTE');
    expect(error).toContain(why);
  });

  it('refuses one byte of a character, which RE2 has', () => expect(errorOf(() => matcherOf('\\C'))).toContain('one byte of a character'));

  it('takes no longer for patterns on which backtracking never ends', () => {
    expect(matcherOf('(a+)+b')('a'.repeat(5000))).toBe(false);
    expect(matcherOf('(a|a)*(a|a)*(a|a)*c')('a'.repeat(5000))).toBe(false);
    expect(matcherOf('(x{30}){30}')('x'.repeat(900))).toBe(true);
  });

  it('keeps within bounds on hostile patterns', () => {
    expect(errorOf(() => matcherOf('('.repeat(5000)))).toContain('nested more than 1000 deep');
    expect(errorOf(() => matcherOf(`(${'()'.repeat(500)}){1000}`))).toContain('FLAGOS_E_LIMIT');
    expect(matcherOf(`\\Q${'a'.repeat(50000)}`)('a'.repeat(50000))).toBe(true);
  });
});
