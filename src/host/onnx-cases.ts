/** The ONNX backend test data on disk: one folder a case, `model.onnx` and `test_data_set_*`. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Model } from '../core/graph.ts';
import { FlagosError } from '../core/errors.ts';
import type { Value } from '../core/tensor.ts';
import { readModel } from '../formats/onnx/read.ts';
import { readValue } from '../formats/onnx/tensor-proto.ts';
import { fileExternalData } from './external-data.ts';
import { readFile } from './read-file.ts';

export interface DataSet {
  readonly name: string;
  /** Positional, as the model's graph inputs and outputs. */
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** Folders under `root` that hold a case, sorted. @throws FLAGOS_E_FILE if there is no such folder. */
export const listCases = (root: string): string[] => {
  if (!existsSync(root)) throw new FlagosError('FLAGOS_E_FILE', `there is no folder ${root}`);
  return readdirSync(root)
    .filter((name) => existsSync(join(root, name, 'model.onnx')))
    .sort();
};

export const loadCaseModel = (folder: string): Model => {
  const path = join(folder, 'model.onnx');
  return readModel(readFile(path), { name: path, external: fileExternalData(path) });
};

/** The data sets of a case; the types its graph declares say how each file is read. */
export const loadDataSets = (folder: string, model: Model): DataSet[] =>
  readdirSync(folder)
    .filter((n) => n.startsWith('test_data_set_'))
    .sort()
    .map((name) => {
      const dir = join(folder, name);
      const read = (kind: 'input' | 'output'): Value[] => {
        const infos = kind === 'input' ? model.graph.inputs : model.graph.outputs;
        const count = readdirSync(dir).filter((f) => f.startsWith(`${kind}_`) && f.endsWith('.pb')).length;
        return Array.from({ length: count }, (_, i) => readValue(readFile(join(dir, `${kind}_${i}.pb`)), infos[i]?.type));
      };
      return { name, inputs: read('input'), outputs: read('output') };
    });

/** Where the ONNX backend tests are: `FLAGOS_ONNX_TESTS`, or `../shared/onnx` beside the project; undefined if neither exists. */
export const findOnnxTests = (projectRoot: string): string | undefined => {
  const candidates = [process.env['FLAGOS_ONNX_TESTS'], join(projectRoot, '..', 'shared', 'onnx')];
  return candidates.find((c): c is string => c !== undefined && existsSync(join(c, 'node')));
};
