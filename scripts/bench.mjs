// Runs a benchmark of bench/ by name: node scripts/bench.mjs overhead [--json file]. The TypeScript is bundled first.
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const root = resolve(fileURLToPath(new URL('..', import.meta.url)));
const [name] = process.argv.slice(2);
const input = join(root, 'bench', `${name}.ts`);
if (!name || !existsSync(input)) {
  const names = readdirSync(join(root, 'bench'))
    .filter((f) => f.endsWith('.ts'))
    .map((f) => f.slice(0, -3));
  console.error(`usage: node scripts/bench.mjs <${names.join('|')}> [--json file]`);
  process.exit(2);
}
const build = await rolldown({
  input,
  platform: 'node',
  tsconfig: join(root, 'tsconfig.json'),
  external: [/^node:/, /^onnxruntime/, /^@flagos\//, 'koffi', 'wabt', 'pg', /^@tensorflow\//],
});
const dir = join(root, 'build/bench');
await build.write({ dir, format: 'esm', entryFileNames: '[name].mjs', chunkFileNames: '[name]-[hash].mjs', sourcemap: true });
await build.close();
await import(pathToFileURL(join(dir, `${name}.mjs`)).href);
