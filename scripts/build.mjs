// Builds the package: one bundle per entry point with shared chunks (unbundled, the dependency-injection
// library alone would take longer to import than everything else), type declarations, and the vendor packages.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = resolve(fileURLToPath(new URL('..', import.meta.url)));
const tsc = join(root, 'node_modules/typescript/bin/tsc');

const bundle = async (input, dir, external, extra = {}) => {
  const build = await rolldown({ input, external, platform: 'node', tsconfig: join(root, 'tsconfig.json'), treeshake: true });
  await build.write({
    dir,
    format: 'esm',
    chunkFileNames: 'chunks/[name]-[hash].js',
    entryFileNames: '[name].js',
    sourcemap: true,
    minify: true,
    ...extra,
  });
  await build.close();
};

const entries = Object.fromEntries(
  readdirSync(join(root, 'src/entries'))
    .filter((f) => f.endsWith('.ts'))
    .map((f) => [f.slice(0, -3), join(root, 'src/entries', f)]),
);
rmSync(join(root, 'dist'), { recursive: true, force: true });
await bundle(entries, join(root, 'dist'), [/^node:/, /^onnxruntime/, 'koffi', 'wabt', 'pg']);
execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' });

// npm links workspaces, but not the root they belong to; vendor packages import it by name, as anybody's would.
const self = join(root, 'node_modules/flagos');
if (!existsSync(self)) symlinkSync('..', self, 'junction');

for (const name of readdirSync(join(root, 'plugins-vendor'))) {
  const folder = join(root, 'plugins-vendor', name);
  const input = join(folder, 'src/index.ts');
  if (!existsSync(input)) continue;
  rmSync(join(folder, 'dist'), { recursive: true, force: true });
  await bundle({ index: input }, join(folder, 'dist'), (id) => !id.startsWith('.') && !id.startsWith('/'));
}

// Nor does npm link the root's own command: with this, `npx flagos` works in the repository as it does where it is installed.
chmodSync(join(root, 'dist/cli.js'), 0o755);
const bin = join(root, 'node_modules/.bin', process.platform === 'win32' ? 'flagos.cmd' : 'flagos');
rmSync(bin, { force: true });
if (process.platform === 'win32') writeFileSync(bin, '@node "%~dp0\\..\\..\\dist\\cli.js" %*\r\n');
else symlinkSync('../../dist/cli.js', bin);
