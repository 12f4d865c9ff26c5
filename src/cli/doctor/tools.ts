/** Tools around this library: onnxruntime, and a C compiler. */
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { asError } from '../../core/errors.ts';
import { readPackageJson } from '../../host/package-json.ts';
import { findOnnxruntime } from '../onnxruntime-module.ts';
import type { Check } from './checks.ts';

const run = promisify(execFile);
/** A compiler that is asked for its version answers at once. */
const LIMIT_MS = 10_000;

/** Version of the package a module belongs to. */
const versionOf = (path: string): string => {
  const require = createRequire(pathToFileURL(path));
  const json = readPackageJson(dirname(require.resolve('onnxruntime-node/package.json')));
  return typeof json?.['version'] === 'string' ? json['version'] : 'of unknown version';
};

/** Whether onnxruntime-node is there and its native part loads. */
export const onnxruntimeCheck = async (cwd: string): Promise<Check> => {
  const name = 'onnxruntime-node';
  const path = findOnnxruntime(cwd);
  if (path === undefined)
    return {
      name,
      state: 'missing',
      detail: 'not installed',
      hint: 'npm install onnxruntime-node, to run its sessions on flagos or its kernels in flagos',
    };
  try {
    await import(pathToFileURL(path).href);
    return { name, state: 'ok', detail: `${versionOf(path)} at ${path}` };
  } catch (thrown) {
    return { name, state: 'broken', detail: `${path} cannot be loaded: ${asError(thrown).message.split('\n')[0] ?? ''}` };
  }
};

/** The first of the usual compilers that answers; `CC` names one that must. */
export const compilerCheck = async (env: Readonly<Record<string, string | undefined>>): Promise<Check> => {
  const name = 'C compiler';
  const named = env['CC']?.trim();
  for (const compiler of named ? [named] : ['cc', 'gcc', 'clang']) {
    try {
      const { stdout } = await run(compiler, ['--version'], { timeout: LIMIT_MS });
      return { name, state: 'ok', detail: `${compiler}: ${stdout.split('\n')[0] ?? ''}` };
    } catch (thrown) {
      // Absent: the next one may be there. One that was named must be.
      if (named)
        return { name, state: 'broken', detail: `CC names ${named}, which does not run: ${asError(thrown).message.split('\n')[0] ?? ''}` };
    }
  }
  return { name, state: 'missing', detail: 'none of cc, gcc, clang was found', hint: 'install gcc or clang for compiled kernels' };
};
