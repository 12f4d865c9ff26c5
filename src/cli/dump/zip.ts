/**
 * Zip archives as NumPy writes them: entries stored or deflated, zip64 where it must be, no encryption, one part.
 * Read by the central directory at the end, as everybody does. Source: PKWARE APPNOTE 6.3.10.
 */
import { crc32, inflateRawSync } from 'node:zlib';
import { asError, FlagosError } from '../../core/errors.ts';

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
/** A comment at the end is at most this long. */
const COMMENT = 0xffff;

export interface ZipEntry {
  readonly name: string;
  /** Bytes of the contents. */
  readonly size: number;
  /** @throws FLAGOS_E_INPUT where they are damaged. */
  read(): Uint8Array;
}

/**
 * @param shown what messages call the archive.
 * @throws FLAGOS_E_INPUT for what is no archive or a damaged one.
 */
export const readZip = (bytes: Uint8Array, shown: string): ZipEntry[] => {
  const bad = (why: string, cause?: unknown): FlagosError => new FlagosError('FLAGOS_E_INPUT', `${shown} ${why}`, { cause });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const has = (at: number, length: number): boolean => at >= 0 && at + length <= bytes.length;
  const u64 = (at: number): number => {
    const n = view.getBigUint64(at, true);
    return n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : NaN;
  };

  let end = -1;
  for (let at = bytes.length - 22; at >= 0 && at >= bytes.length - 22 - COMMENT; at--)
    if (view.getUint32(at, true) === END && view.getUint16(at + 20, true) === bytes.length - at - 22) {
      end = at;
      break;
    }
  if (end < 0) throw bad('is no zip archive, or is cut off');
  let [count, at] = [view.getUint16(end + 10, true), view.getUint32(end + 16, true)];
  if ((count === 0xffff || at === 0xffffffff) && has(end - 20, 20) && view.getUint32(end - 20, true) === LOCATOR64) {
    const end64 = u64(end - 12);
    if (!has(end64, 56) || view.getUint32(end64, true) !== END64) throw bad('has a damaged directory');
    [count, at] = [u64(end64 + 32), u64(end64 + 48)];
  }

  const entries: ZipEntry[] = [];
  for (let i = 0; i < count; i++) {
    if (!has(at, 46) || view.getUint32(at, true) !== CENTRAL) throw bad('has a damaged directory');
    const [flags, method, sum] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true), view.getUint32(at + 16, true)];
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((o) => view.getUint16(at + o, true)) as [number, number, number];
    let [packed, size, local] = [view.getUint32(at + 20, true), view.getUint32(at + 24, true), view.getUint32(at + 42, true)];
    if (!has(at + 46, nameLength + extraLength + commentLength)) throw bad('has a damaged directory');
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    // What does not fit 32 bits stands in an extra field, in this order, each only if it is needed.
    const stop = at + 46 + nameLength + extraLength;
    for (let e = at + 46 + nameLength; e + 4 <= stop; e += 4 + view.getUint16(e + 2, true)) {
      if (view.getUint16(e, true) !== 1) continue;
      let field = e + 4;
      const next = (): number => {
        if (field + 8 > stop) throw bad('has a damaged directory');
        field += 8;
        return u64(field - 8);
      };
      if (size === 0xffffffff) size = next();
      if (packed === 0xffffffff) packed = next();
      if (local === 0xffffffff) local = next();
      break;
    }
    at = stop + commentLength;
    const read = (): Uint8Array => {
      if ((flags & 1) !== 0) throw bad(`holds '${name}' encrypted`);
      if (!has(local, 30) || view.getUint32(local, true) !== LOCAL) throw bad(`has no '${name}' where its directory says`);
      const from = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      if (!has(from, packed)) throw bad(`is cut off in '${name}'`);
      const raw = bytes.subarray(from, from + packed);
      let made: Uint8Array;
      if (method === 0) made = raw;
      else if (method === 8)
        try {
          made = inflateRawSync(raw, { maxOutputLength: Math.max(1, size) });
        } catch (thrown) {
          throw bad(`is damaged in '${name}': ${asError(thrown).message}`, thrown);
        }
      else throw bad(`holds '${name}' packed by method ${method}`);
      if (made.length !== size || crc32(made) !== sum) throw bad(`is damaged in '${name}'`);
      return made;
    };
    entries.push({ name, size, read });
  }
  return entries;
};
