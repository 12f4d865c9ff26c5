// Runs the command line from its sources, without a build: node scripts/dev.mjs <arguments of flagos>.
// The bundle goes to build/dev/<hash of its code>/, so several of these may run at the same time.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const home = join(root, 'build', 'dev');

/** Bundles src/entries/cli.ts. @returns path of the program. */
export const bundleCli = async () => {
  const build = await rolldown({
    input: join(root, 'src/entries/cli.ts'),
    platform: 'node',
    tsconfig: join(root, 'tsconfig.json'),
    // What a user's own project supplies stays outside.
    external: [/^onnxruntime/, 'koffi', 'wabt', 'pg'],
    logLevel: 'warn',
  });
  const { output } = await build.generate({ format: 'esm', sourcemap: true, chunkFileNames: '[name]-[hash].js' });
  await build.close();
  const files = output.map((o) => [o.fileName, o.type === 'chunk' ? o.code : o.source]);
  const hash = createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 16);
  const folder = join(home, hash);
  if (!existsSync(join(folder, 'cli.js'))) {
    const fresh = `${folder}.${process.pid}`;
    mkdirSync(fresh, { recursive: true });
    for (const [name, content] of files) writeFileSync(join(fresh, name), content);
    try {
      renameSync(fresh, folder);
    } catch (error) {
      // Somebody else made the same bundle at the same moment.
      rmSync(fresh, { recursive: true });
      if (!existsSync(join(folder, 'cli.js'))) throw error;
    }
    forgetOld();
  }
  return join(folder, 'cli.js');
};

/** Bundles of more than a day ago are in nobody's use. */
const forgetOld = () => {
  for (const name of readdirSync(home)) {
    const path = join(home, name);
    if (Date.now() - statSync(path).mtimeMs > 86_400_000) rmSync(path, { recursive: true, force: true });
  }
};

const run = async () => {
  const child = spawn(process.execPath, ['--enable-source-maps', await bundleCli(), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
  });
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  run().catch((error) => {
    // What does not bundle says itself where it is wrong; this script's own stack adds nothing.
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
