/** Tools around this library: onnxruntime, and a C compiler. */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { asError, FlagosError } from '../../core/errors.ts';
import { silentLogger } from '../../core/log.ts';
import type { Environment } from '../../host/config-env.ts';
import { LibraryCache } from '../../host/native/cache.ts';
import { findCompiler } from '../../host/native/compiler.ts';
import { readPackageJson } from '../../host/package-json.ts';
import { bytes as size } from '../format.ts';
import { findOnnxruntime } from '../onnxruntime-module.ts';
import type { Check } from './checks.ts';

/** For finding a compiler and trying it. */
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

/** The compiler that kernels are compiled with, found as the chip finds it; `CC` names one that must work. */
export const compilerCheck = async (env: Environment): Promise<Check> => {
  const name = 'C compiler';
  try {
    const found = await findCompiler(env, new LibraryCache(env, silentLogger), LIMIT_MS);
    if ('missing' in found) return { name, state: env['CC']?.trim() ? 'broken' : 'missing', detail: found.missing, hint: found.hint };
    const { command, version, limited } = found.compiler;
    return {
      name,
      state: 'ok',
      detail: `${command.join(' ')}: ${version}`,
      ...(limited ? { hint: `it compiles for any processor of this kind, because ${limited}` } : {}),
    };
  } catch (thrown) {
    return {
      name,
      state: 'broken',
      detail: asError(thrown).message.split('\n')[0] ?? '',
      hint: 'set FLAGOS_CACHE to a folder of your own',
    };
  }
};

/** Where compiled kernels are kept, and how much room they take. */
export const cacheCheck = (env: Environment): Check => {
  const name = 'kernel cache';
  try {
    const { folders, limit, bytes } = new LibraryCache(env, silentLogger);
    const detail = `${folders.writable}, ${size(bytes)} of at most ${size(limit)}`;
    return folders.note === undefined
      ? { name, state: 'ok', detail }
      : { name, state: 'broken', detail: folders.note, hint: 'set FLAGOS_CACHE to a folder of your own' };
  } catch (thrown) {
    const error = asError(thrown);
    return {
      name,
      state: 'broken',
      detail: error instanceof FlagosError ? error.reason : error.message,
      hint: 'set FLAGOS_CACHE to a folder of your own',
    };
  }
};
