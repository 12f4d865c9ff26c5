/**
 * Patterns of RE2's syntax as trees. Which part of a text a group takes does not matter to a full
 * match, so groups, names and laziness leave no trace in the tree.
 * Source: RE2 syntax, github.com/google/re2/wiki/Syntax.
 */
import { anyButNewline, anyCharacter, literalSet, type CharTest } from './charset.ts';
import { readClass, readEscapedCharacter, readEscapedSet } from './characters.ts';
import { Cursor } from './cursor.ts';

export type Assertion = 'textBegin' | 'textEnd' | 'lineBegin' | 'lineEnd' | 'wordEdge' | 'noWordEdge';
export type Pattern =
  | { readonly kind: 'char'; readonly test: CharTest }
  | { readonly kind: 'assert'; readonly that: Assertion }
  | { readonly kind: 'sequence'; readonly parts: readonly Pattern[] }
  | { readonly kind: 'either'; readonly options: readonly Pattern[] }
  | { readonly kind: 'repeat'; readonly part: Pattern; readonly least: number; readonly most: number };

interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
  readonly U: boolean;
}

/** RE2's own bounds. */
const deepest = 1000;
const mostRepeats = 1000;

const assertions: Readonly<Record<string, Assertion>> = { A: 'textBegin', z: 'textEnd', b: 'wordEdge', B: 'noWordEdge' };
const char = (test: CharTest): Pattern => ({ kind: 'char', test });

const copies = new WeakMap<Pattern, number>();
/** How often the most repeated part of a pattern stands in it, counted repetitions written out. */
const copiesOf = (p: Pattern): number => {
  let n = copies.get(p);
  if (n === undefined) {
    if (p.kind === 'repeat') n = copiesOf(p.part) * Math.max(p.most === Infinity ? p.least : p.most, 1);
    else
      n = (p.kind === 'sequence' ? p.parts : p.kind === 'either' ? p.options : []).reduce(
        (most, part) => Math.max(most, copiesOf(part)),
        1,
      );
    copies.set(p, n);
  }
  return n;
};

class Parser {
  readonly #at: Cursor;
  #depth = 0;
  #flags: Flags = { i: false, m: false, s: false, U: false };

  constructor(pattern: string) {
    this.#at = new Cursor(pattern);
  }

  parse(): Pattern {
    const tree = this.#alternatives();
    if (!this.#at.ended) this.#at.fail("an unmatched ')'");
    return tree;
  }

  #alternatives(): Pattern {
    if (++this.#depth > deepest) this.#at.fail(`groups nested more than ${deepest} deep`);
    const options: Pattern[] = [];
    let parts: Pattern[] = [];
    while (!this.#at.ended && !this.#at.looksAt(')')) {
      if (this.#at.take('|')) {
        options.push({ kind: 'sequence', parts });
        parts = [];
      } else for (const part of this.#term()) parts.push(part);
    }
    options.push({ kind: 'sequence', parts });
    this.#depth--;
    return options.length === 1 ? options[0]! : { kind: 'either', options };
  }

  /** An atom and its repetition; a quotation gives several. */
  #term(): Pattern[] {
    if (this.#at.take('\\Q')) return this.#quoted();
    if (/[*+?]/.test(this.#at.peek())) this.#at.fail('a repetition of nothing');
    const atom = this.#atom();
    return atom ? [this.#repeated(atom)] : [];
  }

  #quoted(): Pattern[] {
    const literals: Pattern[] = [];
    while (!this.#at.ended && !this.#at.take('\\E')) literals.push(this.#literal(this.#at.next()));
    const last = literals.pop();
    return last ? [...literals, this.#repeated(last)] : [];
  }

  #literal(c: string): Pattern {
    return char(literalSet(c.codePointAt(0)!, this.#flags.i));
  }

  #repeated(part: Pattern): Pattern {
    const times = this.#repetition();
    if (!times) return part;
    // Laziness chooses among matches; whether there is one stays the same.
    this.#at.take('?');
    if (this.#repetition()) this.#at.fail('a repetition of a repetition');
    const repeated: Pattern = { kind: 'repeat', part, least: times[0], most: times[1] };
    if (copiesOf(repeated) > mostRepeats) this.#at.fail(`repetitions that multiply to more than ${mostRepeats}`);
    return repeated;
  }

  #repetition(): [least: number, most: number] | undefined {
    if (this.#at.take('*')) return [0, Infinity];
    if (this.#at.take('+')) return [1, Infinity];
    if (this.#at.take('?')) return [0, 1];
    const start = this.#at.position;
    if (!this.#at.take('{')) return undefined;
    const least = this.#at.takeWhile(/\d/);
    const most = this.#at.take(',') ? this.#at.takeWhile(/\d/) : least;
    // A brace that opens no repetition is a character like others.
    if (least === '' || !this.#at.take('}')) {
      this.#at.back(start);
      return undefined;
    }
    const [lo, hi] = [Number(least), most === '' ? Infinity : Number(most)];
    if (lo > mostRepeats || (hi > mostRepeats && hi !== Infinity) || hi < lo)
      this.#at.fail(`a repetition outside 0 to ${mostRepeats}, or from more to less,`);
    return [lo, hi];
  }

  #atom(): Pattern | undefined {
    const { m, s } = this.#flags;
    const c = this.#at.next();
    if (c === '(') return this.#group();
    if (c === '[') return char(readClass(this.#at, this.#flags.i));
    if (c === '.') return char(s ? anyCharacter : anyButNewline);
    if (c === '^') return { kind: 'assert', that: m ? 'lineBegin' : 'textBegin' };
    if (c === '$') return { kind: 'assert', that: m ? 'lineEnd' : 'textEnd' };
    if (c !== '\\') return this.#literal(c);
    const that = assertions[this.#at.peek()];
    if (that) {
      this.#at.next();
      return { kind: 'assert', that };
    }
    return char(readEscapedSet(this.#at, this.#flags.i) ?? literalSet(readEscapedCharacter(this.#at), this.#flags.i));
  }

  /** After `(`: a group, or undefined where it only sets flags. */
  #group(): Pattern | undefined {
    const outer = this.#flags;
    if (this.#at.take('?') && this.#opening()) return undefined;
    const inner = this.#alternatives();
    if (!this.#at.take(')')) this.#at.fail("a missing ')'");
    this.#flags = outer;
    return inner;
  }

  /** After `(?`: true if the group ends here, having set flags for what follows. */
  #opening(): boolean {
    if (/^<[=!]|^[=!>]/.test(this.#at.peek() + this.#at.peek(1))) this.#at.fail('a look-around or atomic group, which RE2 does not have,');
    if (this.#at.take('P<') || this.#at.take('<')) {
      const name = this.#at.takeUntil('>');
      if (!/^\w+$/.test(name)) this.#at.fail(`a bad group name '${name}'`);
      return false;
    }
    const on = this.#at.takeWhile(/[imsU]/);
    const off = this.#at.take('-') ? this.#at.takeWhile(/[imsU]/) || this.#at.fail('no flags after a minus sign') : '';
    for (const f of on) this.#flags = { ...this.#flags, [f]: true };
    for (const f of off) this.#flags = { ...this.#flags, [f]: false };
    if (this.#at.take(':')) return false;
    if (on + off !== '' && this.#at.take(')')) return true;
    return this.#at.fail('an unknown kind of group');
  }
}

/** @throws FLAGOS_E_ATTRIBUTE for what is not of RE2's syntax, and for `\C` (one byte of a character), which has no meaning here. */
export const parsePattern = (pattern: string): Pattern => new Parser(pattern).parse();
