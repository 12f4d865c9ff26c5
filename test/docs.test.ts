/** Documents that must stay in step with the code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { collectCoverage } from '../src/cli/op-coverage/collect.ts';
import { coverageMarkdown } from '../src/cli/op-coverage/text.ts';
import { errorTable } from '../src/core/errors.ts';
import { opName } from '../src/core/graph.ts';
import { createRuntime } from '../src/host/flagos.ts';
import { opSet } from '../src/ops/index.ts';
import { version } from '../src/version.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** The chips of this machine, plugins of this repository included. */
const openHere = async () => {
  const flagos = await createRuntime({ cwd: root, log: 'error' });
  return { runtime: flagos.runtime, close: () => flagos.close() };
};

describe('docs', () => {
  it('errors.md has a section for each code, with its kind and title, and no other', () => {
    const sections = [...read('docs/errors.md').matchAll(/^## (\S+)\n\n(.*)\. Kind: `(\w+)`\.$/gm)].map(([, code, title, kind]) => ({
      code,
      title,
      kind,
    }));
    expect(sections).toEqual(Object.entries(errorTable).map(([code, { kind, title }]) => ({ code, title, kind })));
  });

  it('op-coverage.md says what the chips say now', async (ctx) => {
    const page = read('docs/op-coverage.md');
    const listed = [...page.matchAll(/^\| `(\S+)` \|/gm)].map(([, chip]) => chip!);
    const { runtime, close } = await openHere();
    const chips = listed.flatMap((id) => runtime.chips.find((c) => c.id === id) ?? []);
    const absent = listed.filter((id) => !chips.some((c) => c.id === id));
    await close();
    if (absent.length > 0) ctx.skip(`not on this machine: ${absent.join(', ')}`);
    const sorted = [...opSet.records].sort((a, b) => (opName(a.domain, a.name) < opName(b.domain, b.name) ? -1 : 1));
    // Where it differs: npm run docs:coverage.
    expect(page).toBe(coverageMarkdown(collectCoverage(sorted, opSet, chips), listed));
  });

  it('version.ts is the version of package.json', () => {
    expect((JSON.parse(read('package.json')) as { version: string }).version).toBe(version);
  });

  it('every relative link of the documents leads somewhere', () => {
    for (const doc of [
      'README.md',
      'docs/architecture.md',
      'docs/errors.md',
      'docs/evidence.md',
      'docs/plugin-guide.md',
      'docs/cli.md',
      'docs/op-coverage.md',
    ]) {
      for (const [, target] of read(doc).matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)) {
        expect(() => read(join(doc, '..', target!)), `${doc} → ${target}`).not.toThrow();
      }
    }
  });
});
