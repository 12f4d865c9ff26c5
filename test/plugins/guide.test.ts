/**
 * docs/plugin-guide.md, followed literally: its files go into a fresh folder outside the repository,
 * its commands run there, and what it says they print is printed.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const guide = readFileSync(join(root, 'docs/plugin-guide.md'), 'utf8');
/** A line with nothing but a file's name, and the block under it. */
const files = [...guide.matchAll(/^\*\*`([^`]+)`\*\*\n\n```\w+\n(.*?)^```/gms)].map(([, name, content]) => ({
  name: name!,
  content: content!,
}));
const commands = [...guide.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, lines]) => lines!.trim().split('\n'));

/** The package as it would be installed, built from the sources as they are now. */
const installFlagos = async (folder: string): Promise<void> => {
  const entries = readdirSync(join(root, 'src/entries')).filter((file) => file.endsWith('.ts'));
  const input = Object.fromEntries(entries.map((file) => [file.slice(0, -'.ts'.length), join(root, 'src/entries', file)]));
  const build = await rolldown({ input, external: [/^node:/, /^onnxruntime/], platform: 'node', tsconfig: join(root, 'tsconfig.json') });
  await build.write({ dir: join(folder, 'dist'), format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' });
  await build.close();
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
};

describe('the plugin guide', () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'flagos-guide-'));
    // In place of `npm install --save-dev flagos`.
    const installed = join(folder, 'node_modules/flagos');
    await installFlagos(installed);
    mkdirSync(join(folder, 'node_modules/.bin'));
    writeFileSync(join(folder, 'node_modules/.bin/flagos'), `#!/bin/sh\nexec node '${join(installed, 'dist/cli.js')}' "$@"\n`, {
      mode: 0o755,
    });
    for (const { name, content } of files) writeFileSync(join(folder, name), content);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** A command as typed in a shell, `npx` as the program it would start; exit status and everything printed. */
  const run = (command: string): Promise<{ status: number; printed: string }> => {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(FLAGOS_|NODE_|VITEST)/.test(name));
    const env = { ...Object.fromEntries(inherited), PATH: [join(folder, 'node_modules/.bin'), process.env['PATH']].join(delimiter) };
    return new Promise((done) => {
      const child = execFile('/bin/sh', ['-c', command.replace(/^npx /, '')], { cwd: folder, env }, (_, stdout, stderr) => {
        done({ status: child.exitCode ?? -1, printed: stdout + stderr });
      });
    });
  };

  it('has the files and commands this test knows about', () => {
    expect(files.map((file) => file.name)).toEqual(['package.json', 'index.js', 'try.js', 'acme.test.js', 'threads.js', 'chips.js']);
    expect(commands).toEqual([
      'npm install --save-dev flagos',
      'node try.js',
      'npx flagos plugins',
      'node --test',
      'FLAGOS_PLUGINS=./threads.js node chips.js',
    ]);
  });

  it('node try.js', async () => {
    const { status, printed } = await run('node try.js');
    expect(printed).toMatch(/^2x2 0 0 2 NaN\nFLAGOS_E_NO_KERNEL: [^]*only float32/);
    expect(status).toBe(0);
  });

  it('node --test', async () => {
    const { status, printed } = await run('node --test');
    expect(printed).toMatch(/pass 5\n[^]*fail 0\n/);
    expect(status).toBe(0);
  });

  it('FLAGOS_PLUGINS=./threads.js node chips.js', async () => {
    const { status, printed } = await run('FLAGOS_PLUGINS=./threads.js node chips.js');
    expect(printed.split('\n')).toEqual(expect.arrayContaining(['acme-threads/cpu: 3 threads', 'acme/cpu: plain JavaScript']));
    expect(status).toBe(0);
  });

  it('npx flagos plugins', async () => {
    const { status, printed } = await run('npx flagos plugins');
    expect(printed).toContain('flagos-acme');
    expect(status).toBe(0);
  });
});
