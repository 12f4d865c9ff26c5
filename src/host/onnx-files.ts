/** ONNX models from files (with their external data) or from bytes. */
import { basename } from 'node:path';
import { FlagosError } from '../core/errors.ts';
import type { Model } from '../core/graph.ts';
import { readModel, type ExternalData } from '../formats/onnx/index.ts';
import { fileExternalData } from './external-data.ts';
import { readFile } from './read-file.ts';

/** Reads an ONNX model from a file (with its external data) or from bytes. @throws FLAGOS_E_FILE, FLAGOS_E_MODEL_… */
export const readOnnx = (source: string | Uint8Array, files: ReadonlyMap<string, Uint8Array> = new Map()): Model => {
  const given: ExternalData | undefined =
    files.size === 0
      ? undefined
      : {
          load: (location, offset, length) => {
            const bytes = files.get(location) ?? files.get(`./${location}`);
            if (bytes) return bytes.subarray(offset, length === undefined ? undefined : offset + length);
            if (typeof source === 'string') return fileExternalData(source).load(location, offset, length);
            throw new FlagosError('FLAGOS_E_EXTERNAL_DATA', `the model keeps weights in '${location}', which was not given`, {
              hint: 'pass it in externalData',
            });
          },
        };
  if (typeof source !== 'string') return readModel(source, { name: 'model', external: given });
  return readModel(readFile(source), { name: basename(source), external: given ?? fileExternalData(source), consume: true });
};
