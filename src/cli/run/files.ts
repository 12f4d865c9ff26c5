/** Outputs and files: writing them, and holding them against files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { compareValues, onnxTolerance } from '../../core/compare.ts';
import { Tensor, type Value } from '../../core/tensor.ts';
import { writeTensor } from '../../formats/onnx/index.ts';
import type { FlagosModel } from '../../runtime/model.ts';
import { writeNpy } from '../model/npy.ts';
import { readValueFile } from '../model/values.ts';

export interface Agreement {
  readonly output: string;
  readonly file: string;
  readonly ok: boolean;
  readonly problem: string | undefined;
  readonly maxAbs: number;
}

/** Compares outputs with files, by the ONNX project's tolerance. @param expect files by the name of the output. */
export const compareWithFiles = (
  model: FlagosModel,
  outputs: Readonly<Record<string, Value>>,
  expect: ReadonlyMap<string, string>,
  cwd: string,
): Agreement[] =>
  model.outputs.flatMap((info) => {
    const file = expect.get(info.name);
    if (file === undefined) return [];
    const { ok, problem, maxAbs } = compareValues(outputs[info.name], readValueFile(resolve(cwd, file), file, info), onnxTolerance);
    return [{ output: info.name, file, ok, problem, maxAbs }];
  });

export interface Written {
  readonly files: readonly string[];
  /** Outputs that are no tensors. */
  readonly left: readonly string[];
}

/** Writes tensors into a folder, made if it is not there: `.npy`, or `.pb` for types NumPy lacks. */
export const writeOutputs = (folder: string, outputs: Readonly<Record<string, Value>>): Written => {
  mkdirSync(folder, { recursive: true });
  const files: string[] = [];
  const left: string[] = [];
  for (const [name, value] of Object.entries(outputs)) {
    if (!(value instanceof Tensor)) {
      left.push(name);
      continue;
    }
    const npy = writeNpy(value);
    const ending = npy ? 'npy' : 'pb';
    const plain = join(folder, name.replace(/[^\w.-]+/g, '_'));
    // Two names may differ only in what a file name cannot hold.
    let path = `${plain}.${ending}`;
    for (let n = 2; files.includes(path); n++) path = `${plain}_${n}.${ending}`;
    writeFileSync(path, npy ?? writeTensor(value, name));
    files.push(path);
  }
  return { files, left };
};
