/** `flagos plugin new`, followed literally in a fresh folder: what it writes builds, loads, passes its tests, and gets grade A. */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleFlagos } from './bundle.ts';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

describe('flagos plugin new', () => {
  let folder: string;
  let made: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'flagos-new-'));
    // In place of `npm install`: flagos with its types, which only a build makes, and the compiler.
    const flagos = join(folder, 'node_modules/flagos');
    await bundleFlagos(flagos);
    if (!existsSync(join(root, 'dist/types/entries/testing.d.ts'))) throw new Error('types are missing: npm run build');
    cpSync(join(root, 'dist/types'), join(flagos, 'dist/types'), { recursive: true });
    cpSync(join(root, 'plugins-vendor/template'), join(flagos, 'plugins-vendor/template'), { recursive: true });
    for (const name of ['typescript', '@types', 'koffi', 'inversify', '@inversifyjs', 'undici-types', '@typescript']) {
      if (existsSync(join(root, 'node_modules', name))) symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
    }
    const bin = join(folder, 'node_modules/.bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'flagos'), `#!/bin/sh\nexec node '${join(flagos, 'dist/cli.js')}' "$@"\n`, { mode: 0o755 });
    writeFileSync(join(bin, 'tsc'), `#!/bin/sh\nexec node '${join(root, 'node_modules/typescript/bin/tsc')}' "$@"\n`, { mode: 0o755 });
    made = join(folder, 'flagos-zeta');
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (command: string, cwd: string): Promise<{ status: number; printed: string }> => {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(FLAGOS_|NODE_|VITEST|npm_)/.test(name));
    const env = { ...Object.fromEntries(inherited), PATH: [join(folder, 'node_modules/.bin'), process.env['PATH']].join(delimiter) };
    return new Promise((done) => {
      const child = execFile('/bin/sh', ['-c', command], { cwd, env, maxBuffer: 1 << 26 }, (_, out, err) =>
        done({ status: child.exitCode ?? -1, printed: out + err }),
      );
    });
  };

  it('writes a package under the name it is given', async () => {
    const { status, printed } = await run('flagos plugin new zeta', folder);
    expect(printed).toContain('cd flagos-zeta && npm install && npm run build && npm test');
    expect(status).toBe(0);
    expect(JSON.parse(readFileSync(join(made, 'package.json'), 'utf8'))).toMatchObject({
      name: 'flagos-zeta',
      flagos: { provider: 'zeta' },
    });
    expect(readFileSync(join(made, 'src/index.ts'), 'utf8')).not.toContain('acme');
  });

  it('builds, and its test passes as generated', async () => {
    const { status, printed } = await run('npm run build && npm test', made);
    expect(printed).toMatch(/# fail 0|fail 0/);
    expect(Number(/pass (\d+)/.exec(printed)?.[1])).toBeGreaterThan(20);
    expect(status).toBe(0);
  });

  it('is found and loaded, and gets grade A', async () => {
    expect((await run('flagos plugins', made)).printed).toMatch(/flagos-zeta|zeta +/);
    const { status, printed } = await run('flagos conformance plugin . --levels chip,contract,numerics,faults', made);
    expect(printed).toMatch(/zeta\/cpu A: \d+ passed, 0 loosened, 0 skipped, 0 failed/);
    expect(status).toBe(0);
  });

  it('refuses a folder that holds something, and names no provider can have', async () => {
    expect((await run('flagos plugin new zeta', folder)).printed).toContain('is not empty');
    for (const name of ['reference', 'Big', '../up', 'vendor']) {
      const { status, printed } = await run(`flagos plugin new ${name}`, folder);
      expect(printed).toContain('cannot be the name of a plugin');
      expect(status).not.toBe(0);
    }
  });
});
