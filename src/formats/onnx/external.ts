/**
 * Tensors whose bytes stand in other files beside the model. Where those files are is the host's
 * matter ({@link ExternalData}); what a model may ask for is decided here: a relative POSIX path that
 * stays inside the model's folder, and a range of whole non-negative numbers.
 *
 * Source: ONNX IR, "External Tensor Data".
 */
import { FlagosError } from '../../core/errors.ts';
import type { StringStringEntryProto } from './onnx_pb.ts';

/** Gives bytes of files that belong to a model. */
export interface ExternalData {
  /**
   * @param location as {@link checkLocation} gives it: relative, `/` between parts, no `.` or `..`.
   * @param length bytes; undefined: to the end of the file.
   * @returns bytes that stay as they are as long as the model lives.
   * @throws FLAGOS_E_EXTERNAL_DATA when the file is missing or too short, or lies elsewhere.
   */
  load(location: string, offset: number, length: number | undefined): Uint8Array;
}

const refuse = (reason: string, hint?: string): never => {
  throw new FlagosError('FLAGOS_E_EXTERNAL_DATA', reason, hint === undefined ? {} : { hint });
};

/**
 * The normal form of a location, or an error.
 * @throws FLAGOS_E_EXTERNAL_DATA for absolute paths, drives and URLs, backslashes, control characters and paths that leave the folder.
 */
export const checkLocation = (location: string): string => {
  const shown = JSON.stringify(location.slice(0, 200));
  if (location === '') refuse('a tensor with external data names no file (location is empty)');
  for (let i = 0; i < location.length; i++) {
    const code = location.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) refuse(`the location ${shown} has a control character`);
  }
  if (location.includes('\\')) refuse(`the location ${shown} has a backslash; ONNX wants '/' between folders`);
  // `C:x` and `data:x`, but not a name such as `onnx::MatMul_12`.
  if (/^[a-z][a-z0-9+.-]*:(?!:)/i.test(location)) refuse(`the location ${shown} is a URL or names a drive`);
  if (location.startsWith('/')) refuse(`the location ${shown} is an absolute path`);
  const parts: string[] = [];
  for (const part of location.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) refuse(`the location ${shown} leads out of the model's folder`);
  }
  return parts.length ? parts.join('/') : refuse(`the location ${shown} names no file`);
};

/**
 * External data that is in memory already, by location (for a browser, or a caller that fetched the files itself).
 * @throws FLAGOS_E_EXTERNAL_DATA for a location that {@link checkLocation} refuses.
 */
export const memoryExternalData = (files: Readonly<Record<string, Uint8Array>>): ExternalData => {
  const known = new Map(Object.entries(files).map(([location, bytes]) => [checkLocation(location), bytes]));
  return {
    load: (location, offset, length) => {
      const bytes = known.get(location) ?? refuse(`the model keeps weights in '${location}', which was not given with it`);
      const end = length === undefined ? bytes.byteLength : offset + length;
      if (offset > end || end > bytes.byteLength)
        refuse(`external data '${location}' has ${bytes.byteLength} bytes; the model wants ${end - offset} from byte ${offset}`);
      return bytes.subarray(offset, end);
    },
  };
};

const wholeNumber = (text: string, key: string): number => {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(value)
    ? value
    : refuse(`external data has ${key} ${JSON.stringify(text.slice(0, 40))}, not a number of bytes`);
};

/**
 * Bytes of a tensor stored outside the model.
 * @param expected bytes the tensor's type and shape need.
 * @throws FLAGOS_E_EXTERNAL_DATA when the file cannot be used or the range has another size.
 */
export const loadExternal = (
  entries: readonly StringStringEntryProto[],
  expected: number,
  external: ExternalData | undefined,
): Uint8Array => {
  const keys = new Map(entries.map((e) => [e.key, e.value]));
  const location = checkLocation(keys.get('location') ?? '');
  const offset = wholeNumber(keys.get('offset') || '0', 'offset');
  const length = keys.get('length') ? wholeNumber(keys.get('length')!, 'length') : expected;
  if (length !== expected) refuse(`external data in '${location}' has ${length} bytes, the tensor needs ${expected}`);
  if (!external)
    return refuse(
      `the model keeps weights in '${location}', and was given without its files`,
      'load the model from a path, not from bytes, or pass `external`',
    );
  const bytes = external.load(location, offset, length);
  if (bytes.byteLength !== expected) refuse(`'${location}' gave ${bytes.byteLength} bytes at ${offset}, the tensor needs ${expected}`);
  return bytes;
};
