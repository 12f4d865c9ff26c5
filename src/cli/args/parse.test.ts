import { describe, expect, it } from 'vitest';
import { FlagosError } from '../../core/errors.ts';
import { testIo } from '../testing.ts';
import { defineCommand, optional, required } from './command.ts';
import { commandHelp, wrap } from './help.ts';
import { choice, flag, integer, list, pairs, real, text } from './option.ts';
import { checkPositionals, parseCommand } from './parse.ts';

let seen: unknown;
const command = defineCommand({
  name: 'bake',
  summary: 'bakes',
  args: { cake: required('which cake'), where: optional('which oven') },
  options: {
    heat: integer('<n>', 'degrees', 1),
    size: real('<r>', 'of the cake'),
    shape: pairs('<name>=<dims>', 'forms'),
    kind: choice(['soft', 'crisp'], 'how'),
    names: list('<names>', 'guests'),
    fast: flag('hurry', 'f'),
    note: text('<text>', 'a note'),
  },
  examples: [['flagos bake apple', 'an apple cake']],
  run: async ({ args, options }) => {
    seen = { args, options };
    return 0;
  },
});

const invoke = async (...argv: string[]): Promise<unknown> => {
  const given = parseCommand(command, argv);
  checkPositionals(command, given);
  await command.invoke(given, testIo());
  return seen;
};
const failure = (...argv: string[]): { reason: string; hint: string | undefined } => {
  try {
    const given = parseCommand(command, argv);
    checkPositionals(command, given);
    void command.invoke(given, testIo());
  } catch (e) {
    if (e instanceof FlagosError && e.code === 'FLAGOS_E_USAGE') return { reason: e.reason, hint: e.hint };
    throw e;
  }
  throw new Error('it was accepted');
};

describe('parseCommand', () => {
  it('reads every kind of option, in any order, in both forms', async () => {
    expect(
      await invoke(
        'apple',
        '--heat=200',
        '-f',
        '--shape',
        'x=1x2',
        '--names',
        'a, b',
        '--shape=y=3',
        '--names',
        'c',
        'left',
        '--size',
        '1e-3',
        '--kind',
        'crisp',
        '--note=--odd',
      ),
    ).toEqual({
      args: { cake: 'apple', where: 'left' },
      options: {
        heat: 200,
        size: 1e-3,
        shape: new Map([
          ['x', '1x2'],
          ['y', '3'],
        ]),
        kind: 'crisp',
        names: ['a', 'b', 'c'],
        fast: true,
        note: '--odd',
        json: false,
        progress: false,
        debug: false,
        help: false,
      },
    });
  });

  it('leaves out what was not given', async () => {
    expect(await invoke('apple')).toMatchObject({
      args: { cake: 'apple', where: undefined },
      options: { heat: undefined, names: undefined, fast: false, shape: new Map() },
    });
  });

  it('takes what follows -- as it is', async () => {
    expect(await invoke('--', '--apple')).toMatchObject({ args: { cake: '--apple' } });
  });

  it.each([
    [['apple', '--heats', '1'], 'bake has no option --heats', 'did you mean --heat?'],
    [['apple', '-z'], 'bake has no option -z', 'see flagos bake --help'],
    [['apple', '--heat'], '--heat needs a value: --heat <n>', 'see flagos bake --help'],
    [['apple', '--heat', '--fast'], '--heat needs a value: --heat <n>', 'see flagos bake --help'],
    [['apple', '--heat', '1', '--heat', '2'], '--heat is given twice', undefined],
    [['apple', '--fast=yes'], '--fast takes no value', 'see flagos bake --help'],
    [['apple', '--heat', '1.5'], "--heat takes a whole number from 1 on, not '1.5'", undefined],
    [['apple', '--heat', '0'], "--heat takes a whole number from 1 on, not '0'", undefined],
    [['apple', '--heat='], "--heat takes a number, not ''", undefined],
    [['apple', '--size', '-1'], "--size takes a number from 0 on, not '-1'", undefined],
    [['apple', '--kind', 'crips'], "--kind takes soft, crisp, not 'crips'", undefined],
    [['apple', '--shape', 'x'], "--shape takes <name>=<dims>, not 'x'", undefined],
    [['apple', '--shape', 'x=1', '--shape', 'x=2'], "--shape names 'x' twice", undefined],
    [['apple', 'left', 'right'], "flagos bake takes at most 2 arguments; 'right' is too many", 'see flagos bake --help'],
    [[], 'flagos bake needs <cake>: which cake', 'see flagos bake --help'],
  ])('refuses %j', (argv, reason, hint) => {
    expect(failure(...argv)).toMatchObject({ reason, ...(hint === undefined ? {} : { hint }) });
  });
});

describe('help', () => {
  it('names every argument, option and example', () => {
    const help = commandHelp(command, testIo());
    for (const part of [
      'flagos bake <cake> [where] [options]',
      'which cake',
      '--heat <n>',
      '-f, --fast',
      '--kind soft|crisp',
      '--json',
      '# an apple cake',
      'flagos bake apple',
    ])
      expect(help).toContain(part);
  });

  it('wraps words, and leaves one too long for a line alone on it', () => {
    expect(wrap('one two incomprehensibilities three', 12, '  ')).toBe('  one two\n  incomprehensibilities\n  three');
  });
});
