/**
 * Full matches of RE2 patterns, in time proportional to the text times the pattern, whatever the
 * pattern: the pattern becomes a nondeterministic automaton, and all its states are followed at once
 * (Thompson 1968; Cox, "Regular Expression Matching: the Virtual Machine Approach"). JavaScript's own
 * regular expressions have another syntax and backtrack: on a hostile pattern they never return.
 */
import { FlagosError } from '../../core/errors.ts';
import { isWord, type CharTest } from './charset.ts';
import { parsePattern, type Assertion, type Pattern } from './parse.ts';

type Step =
  | { readonly kind: 'char'; readonly test: CharTest }
  | { readonly kind: 'assert'; readonly that: Assertion }
  /** Goes on at both places. */
  | { readonly kind: 'split'; a: number; b: number }
  | { readonly kind: 'end' };

/** Parts of a pattern, repetitions written out: about what RE2's default memory bound allows. */
const mostParts = 100_000;

const compile = (pattern: Pattern): readonly Step[] => {
  const steps: Step[] = [];
  let parts = 0;
  const emit = (step: Step): void => {
    steps.push(step);
  };
  const split = (): Extract<Step, { kind: 'split' }> => {
    const step = { kind: 'split' as const, a: steps.length + 1, b: steps.length + 1 };
    emit(step);
    return step;
  };
  const put = (p: Pattern): void => {
    if (++parts > mostParts)
      throw new FlagosError('FLAGOS_E_LIMIT', `the pattern has more than ${mostParts} parts when its repetitions are written out`);
    switch (p.kind) {
      case 'char':
      case 'assert':
        return emit(p);
      case 'sequence':
        return p.parts.forEach(put);
      case 'either':
        return either(p.options);
      case 'repeat':
        return repeat(p.part, p.least, p.most);
    }
  };
  const either = (options: readonly Pattern[]): void => {
    const ends = options.map((option, i) => {
      const fork = i < options.length - 1 ? split() : undefined;
      put(option);
      const end = fork && split();
      if (fork) fork.b = steps.length;
      return end;
    });
    for (const end of ends) if (end) end.a = end.b = steps.length;
  };
  const repeat = (part: Pattern, least: number, most: number): void => {
    for (let i = 0; i < least; i++) put(part);
    if (most === Infinity) {
      const loop = steps.length;
      const fork = split();
      put(part);
      const back = split();
      back.a = back.b = loop;
      fork.b = steps.length;
      return;
    }
    const forks: Extract<Step, { kind: 'split' }>[] = [];
    for (let i = least; i < most; i++) {
      forks.push(split());
      put(part);
    }
    for (const fork of forks) fork.b = steps.length;
  };
  put(pattern);
  emit({ kind: 'end' });
  return steps;
};

const holds = (that: Assertion, before: number | undefined, after: number | undefined): boolean => {
  switch (that) {
    case 'textBegin':
      return before === undefined;
    case 'textEnd':
      return after === undefined;
    case 'lineBegin':
      return before === undefined || before === 10;
    case 'lineEnd':
      return after === undefined || after === 10;
    case 'wordEdge':
      return isWord(before) !== isWord(after);
    case 'noWordEdge':
      return isWord(before) === isWord(after);
  }
};

/**
 * Whether a whole text matches.
 * @throws FLAGOS_E_ATTRIBUTE if the pattern is not of RE2's syntax, FLAGOS_E_LIMIT if it is too large.
 */
export const matcherOf = (pattern: string): ((text: string) => boolean) => {
  const steps = compile(parsePattern(pattern));
  // In which round a state was last entered, so that each is followed once a character.
  const entered = new Uint32Array(steps.length);
  let round = 0;

  /** All states reachable from `from` without a character, between two characters; those that wait for one go to `waiting`. True at the end. */
  const follow = (from: number, before: number | undefined, after: number | undefined, waiting: number[]): boolean => {
    const open = [from];
    let ended = false;
    while (open.length > 0) {
      const at = open.pop()!;
      if (entered[at] === round) continue;
      entered[at] = round;
      const step = steps[at]!;
      if (step.kind === 'end') ended = true;
      else if (step.kind === 'char') waiting.push(at);
      else if (step.kind === 'split') open.push(step.b, step.a);
      else if (holds(step.that, before, after)) open.push(at + 1);
    }
    return ended;
  };

  return (text) => {
    const points = Array.from(text, (c) => c.codePointAt(0)!);
    entered.fill(0);
    round = 1;
    let waiting: number[] = [];
    let ended = follow(0, undefined, points[0], waiting);
    for (let i = 0; i < points.length; i++) {
      const c = points[i]!;
      const next: number[] = [];
      ended = false;
      round++;
      for (const at of waiting) {
        const step = steps[at]!;
        if (step.kind === 'char' && step.test(c) && follow(at + 1, c, points[i + 1], next)) ended = true;
      }
      waiting = next;
      if (waiting.length === 0 && !ended) return false;
    }
    return ended;
  };
};
