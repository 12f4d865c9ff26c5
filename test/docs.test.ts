/** Documents that must stay in step with the code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorTable } from '../src/core/errors.ts';
import { version } from '../src/version.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

describe('docs', () => {
  it('errors.md has a section for each code, with its kind and title, and no other', () => {
    const sections = [...read('docs/errors.md').matchAll(/^## (\S+)\n\n(.*)\. Kind: `(\w+)`\.$/gm)].map(([, code, title, kind]) => ({
      code,
      title,
      kind,
    }));
    expect(sections).toEqual(Object.entries(errorTable).map(([code, { kind, title }]) => ({ code, title, kind })));
  });

  it('version.ts is the version of package.json', () => {
    expect((JSON.parse(read('package.json')) as { version: string }).version).toBe(version);
  });

  it('every relative link of the documents leads somewhere', () => {
    for (const doc of ['README.md', 'docs/architecture.md', 'docs/errors.md', 'docs/plugin-guide.md', 'docs/cli.md']) {
      for (const [, target] of read(doc).matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)) {
        expect(() => read(join(doc, '..', target!)), `${doc} → ${target}`).not.toThrow();
      }
    }
  });
});
