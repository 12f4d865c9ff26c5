/** A dump by its path: what it is shows in its ending, or for a folder in what is in it. */
import { existsSync, statSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { FlagosError } from '../../core/errors.ts';
import { readFile } from '../../host/read-file.ts';
import type { Dump } from './dump.ts';
import { readDataSet, readFolder } from './folder.ts';
import { readNpz } from './npz.ts';
import { readPolygraphy } from './polygraphy.ts';

export const dumpForms = '.npz, a folder of .npy or .pb files, ONNX test data (test_data_set_0), or JSON of Polygraphy';

const partsOf = (spec: string, cwd: string): { path: string; runner: string | undefined } => {
  const whole = resolve(cwd, spec);
  const at = spec.lastIndexOf('#');
  if (at < 0 || existsSync(whole)) return { path: whole, runner: undefined };
  return { path: resolve(cwd, spec.slice(0, at)), runner: spec.slice(at + 1) };
};

/** Whether there is such a file or folder. */
export const dumpExists = (spec: string, cwd: string): boolean => existsSync(partsOf(spec, cwd).path);

/**
 * @param spec a path; for JSON of Polygraphy with several runners `<path>#<beginning of a runner's name>`.
 * @throws FLAGOS_E_FILE where there is none, FLAGOS_E_INPUT where it is damaged, FLAGOS_E_USAGE where it is not clear what is meant.
 */
export const openDump = (spec: string, cwd: string): Dump => {
  const { path, runner } = partsOf(spec, cwd);
  if (!existsSync(path)) throw new FlagosError('FLAGOS_E_FILE', `there is no dump ${path}`, { hint: `a dump is ${dumpForms}` });
  if (statSync(path).isDirectory()) {
    const set = readDataSet(path);
    if (set) return { spec, form: 'ONNX test data', tensors: set, notes: [] };
    const tensors = readFolder(path);
    if (tensors.length === 0) throw new FlagosError('FLAGOS_E_INPUT', `${path} holds no tensors`, { hint: `a dump is ${dumpForms}` });
    return { spec, form: 'folder of tensors', tensors, notes: [] };
  }
  switch (extname(path)) {
    case '.npz':
      return { spec, form: '.npz', tensors: readNpz(readFile(path), path), notes: [] };
    case '.json':
      return { spec, form: 'Polygraphy', ...readPolygraphy(readFile(path), path, runner) };
    default:
      throw new FlagosError('FLAGOS_E_INPUT', `${path} has an ending that says nothing`, { hint: `a dump is ${dumpForms}` });
  }
};
