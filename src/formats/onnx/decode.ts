/** Bytes → protobuf messages: checked first ({@link checkWire}), decoded without copying `bytes` fields, and every failure typed. */
import { fromBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { FlagosError } from '../../core/errors.ts';
import { Budget, type Limits } from './limits.ts';
import { checkWire } from './wire.ts';

/** What files that are not ONNX often turn out to be, by their first bytes. */
const guess = (bytes: Uint8Array): string | undefined => {
  const head = String.fromCharCode(...bytes.subarray(0, 24));
  if (head.startsWith('version https://git-lfs')) return 'this is a Git LFS pointer, not the model: fetch the file with `git lfs pull`';
  if (head.slice(4, 8) === 'ORTM') return 'this is a model in the ORT format; use the .onnx file it was made from';
  if (head.startsWith('PK\u0003\u0004')) return 'this is a zip archive; unpack it first';
  if (/^\s*(<!doctype|<html|<\?xml)/i.test(head)) return 'this is a web page; the download may have failed';
  if (/^\s*[{[]/.test(head)) return 'this looks like JSON, not ONNX';
  return undefined;
};

/**
 * @param what what the bytes should be, for messages: `an ONNX model`.
 * @throws FLAGOS_E_MODEL_FORMAT for damaged bytes, FLAGOS_E_MODEL_UNSUPPORTED past a limit.
 */
export const decodeMessage = <S extends DescMessage>(schema: S, bytes: Uint8Array, what: string, limits: Limits): MessageShape<S> => {
  if (bytes.length === 0) throw new FlagosError('FLAGOS_E_MODEL_FORMAT', `the file is empty; it should be ${what}`);
  // A Buffer's subarray is a Buffer again; a plain view keeps the kinds of arrays few.
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // One subgraph takes three messages (graph, node, attribute); the rest is for types and metadata.
  const depth = limits.depth * 3 + 16;
  try {
    checkWire(schema, view, depth, new Budget('decodedBytes', limits));
    return fromBinary(schema, view, { readUnknownFields: false, recursionLimit: depth + 1 });
  } catch (error) {
    const known = error instanceof FlagosError;
    if (known && error.code !== 'FLAGOS_E_MODEL_FORMAT') throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new FlagosError('FLAGOS_E_MODEL_FORMAT', `not ${what}: ${known ? error.reason : reason}`, {
      hint: guess(view) ?? 'the file may be cut off, changed on its way, or of another format',
      details: known ? error.details : {},
      cause: error,
    });
  }
};
