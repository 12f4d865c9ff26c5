/**
 * Protobuf messages put together from pieces, so that large byte fields are copied once, into the
 * final buffer, and not again at each level of nesting.
 */
import type { DescField } from '@bufbuild/protobuf';
import { FlagosError } from '../../core/errors.ts';

export type Chunk = Uint8Array;

/** protobuf readers refuse messages of 2 GiB and more. */
const largest = 2 ** 31 - 1;

const varint = (value: number): number[] => {
  const out: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) + 128);
  out.push(rest);
  return out;
};

const lengthOf = (chunks: readonly Chunk[]): number => chunks.reduce((n, c) => n + c.byteLength, 0);

/** `chunks` as the content of a length-delimited field (a message or bytes). */
export const lengthDelimited = (field: DescField, chunks: readonly Chunk[]): Chunk[] => [
  Uint8Array.from([...varint(field.number * 8 + 2), ...varint(lengthOf(chunks))]),
  ...chunks,
];

/** @throws FLAGOS_E_LIMIT when the whole is larger than protobuf allows. */
export const joinChunks = (chunks: readonly Chunk[]): Uint8Array => {
  const length = lengthOf(chunks);
  if (length > largest) {
    throw new FlagosError('FLAGOS_E_LIMIT', `the model would be ${length} bytes; an ONNX file can have ${largest}`, {
      hint: 'keep large weights out of it and pass them as inputs',
    });
  }
  const out = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.byteLength;
  }
  return out;
};
