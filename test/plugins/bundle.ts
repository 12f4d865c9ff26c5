/** For tests: the package `flagos` as it would be installed, built from the sources as they are now. */
import { cpSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

export const bundleFlagos = async (folder: string): Promise<void> => {
  const entries = readdirSync(join(root, 'src/entries')).filter((file) => file.endsWith('.ts'));
  const input = Object.fromEntries(entries.map((file) => [file.slice(0, -'.ts'.length), join(root, 'src/entries', file)]));
  const external = [/^node:/, /^onnxruntime/, 'koffi', 'wabt'];
  const build = await rolldown({ input, external, platform: 'node', tsconfig: join(root, 'tsconfig.json') });
  await build.write({ dir: join(folder, 'dist'), format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' });
  await build.close();
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
};
