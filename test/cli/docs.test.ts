/** docs/cli.md names every verb, option and result there is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commonOptions } from '../../src/cli/args/command.ts';
import { commands } from '../../src/cli/verbs/index.ts';

const text = readFileSync(join(import.meta.dirname, '../../docs/cli.md'), 'utf8');

describe('docs/cli.md', () => {
  it.each(commands.filter((c) => !c.internal).map((c) => [c.name, c] as const))(
    'has a section on %s and names its options',
    (name, command) => {
      expect(text).toContain(`\n## flagos ${name}\n`);
      expect(text).toContain(`](#flagos-${name.replaceAll(' ', '-')})`);
      for (const option of Object.keys({ ...command.options, ...commonOptions }))
        expect(text).toMatch(new RegExp(`\`[^\`]*--${option}\\b`));
    },
  );

  it('names no option that is not there', () => {
    const known = new Set(commands.flatMap((c) => Object.keys({ ...c.options, ...commonOptions })));
    for (const [, option] of text.matchAll(/--([a-z][a-z-]*)/g)) expect(known).toContain(option);
  });
});
