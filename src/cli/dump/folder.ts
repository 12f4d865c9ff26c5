/** Folders: tensors named by their files (`.npy`, `.pb`), or ONNX test data (`input_0.pb`, `output_0.pb`), named by their places. */
import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { FlagosError } from '../../core/errors.ts';
import type { ValueType } from '../../core/graph.ts';
import { readValue } from '../../formats/onnx/index.ts';
import { readFile } from '../../host/read-file.ts';
import { readNpy } from '../model/npy.ts';
import type { DumpTensor } from './dump.ts';

const numbered = /^(input|output)_(\d+)\.pb$/;

/** @throws FLAGOS_E_INPUT where data sets are several, or there are none. */
const dataSet = (folder: string): string | undefined => {
  const names = readdirSync(folder);
  if (names.some((n) => numbered.test(n))) return folder;
  const sets = names.filter((n) => /^test_data_set_\d+$/.test(n)).toSorted();
  if (sets.length > 1)
    throw new FlagosError('FLAGOS_E_USAGE', `${folder} holds ${sets.length} data sets`, { hint: `name one: ${join(folder, sets[0]!)}` });
  return sets.length === 1 ? join(folder, sets[0]!) : undefined;
};

/** Tensors of a folder of test data; undefined if it is none. */
export const readDataSet = (folder: string): DumpTensor[] | undefined => {
  const set = dataSet(folder);
  if (set === undefined) return undefined;
  return readdirSync(set).flatMap((file): DumpTensor[] => {
    const [, kind, index] = numbered.exec(file) ?? [];
    if (kind === undefined) return [];
    const place = { kind: kind as 'input' | 'output', index: Number(index) };
    return [{ name: file.slice(0, -3), fromFile: false, place, read: (type) => readValue(readFile(join(set, file)), type) }];
  });
};

/** Tensors of a folder, named by their paths in it without the ending. */
export const readFolder = (folder: string): DumpTensor[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile() && /\.(npy|pb)$/.test(e.name))
    .map((e) => {
      const path = join(e.parentPath, e.name);
      const file = relative(folder, path);
      const name = file.slice(0, file.lastIndexOf('.')).replaceAll(sep, '/');
      const read = file.endsWith('.npy') ? () => readNpy(readFile(path), path) : (type?: ValueType) => readValue(readFile(path), type);
      return { name, fromFile: true, read };
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
