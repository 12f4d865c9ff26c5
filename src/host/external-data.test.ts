import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FlagosError } from '../core/errors.ts';
import { fileExternalData } from './external-data.ts';
import { readFile } from './read-file.ts';

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'flagos-external-'));
  mkdirSync(join(home, 'model/data'), { recursive: true });
  mkdirSync(join(home, 'store'));
  writeFileSync(join(home, 'secret.bin'), 'secret');
  writeFileSync(join(home, 'model/model.onnx'), 'm');
  writeFileSync(
    join(home, 'model/data/w.bin'),
    Uint8Array.from({ length: 100 }, (_, i) => i),
  );
  symlinkSync('../secret.bin', join(home, 'model/link.bin'));
  symlinkSync('..', join(home, 'model/up'));
  symlinkSync('data/w.bin', join(home, 'model/inside.bin'));
  symlinkSync('loop', join(home, 'model/loop'));
  // A download cache: a folder of links into a store.
  writeFileSync(join(home, 'store/aaa'), 'm');
  writeFileSync(join(home, 'store/bbb'), 'data');
  mkdirSync(join(home, 'snapshot'));
  symlinkSync('../store/aaa', join(home, 'snapshot/model.onnx'));
  symlinkSync('../store/bbb', join(home, 'snapshot/model.onnx_data'));
  symlinkSync('../secret.bin', join(home, 'snapshot/link.bin'));
});
afterAll(() => rmSync(home, { recursive: true }));

const open = (): ReturnType<typeof fileExternalData> => fileExternalData(join(home, 'model/model.onnx'));
const fail = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof FlagosError) return `${error.code} ${error.reason}`;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('external data of a model', () => {
  it('is read where it says, by one copy for one range', () => {
    const data = open();
    expect([...data.load('data/w.bin', 10, 3)]).toEqual([10, 11, 12]);
    expect(data.load('data/w.bin', 98, undefined)).toEqual(Uint8Array.of(98, 99));
    expect(data.load('data/w.bin', 100, 0)).toEqual(new Uint8Array(0));
    expect(data.load('data/w.bin', 10, 3)).toBe(data.load('data/w.bin', 10, 3));
    expect(data.load('inside.bin', 1, 1)).toEqual(Uint8Array.of(1));
  });

  it('may lie in a store that the model’s own link leads to', () => {
    const data = fileExternalData(join(home, 'snapshot/model.onnx'));
    expect(new TextDecoder().decode(data.load('model.onnx_data', 0, 4))).toBe('data');
    expect(fail(() => data.load('link.bin', 0, 1))).toContain('leads out of the model’s folder');
  });

  it.each([
    ['../secret.bin', 'lies outside the model’s folder'],
    ['link.bin', 'is a link that leads out of the model’s folder'],
    ['up/secret.bin', 'is a link that leads out of the model’s folder'],
    ['up/model/../secret.bin', 'is a link that leads out of the model’s folder'],
    ['loop', 'its links lead in a circle'],
    ['missing.bin', 'there is no such file'],
    ['data', 'is not a regular file'],
    ['data/w.bin/x', 'a part of its path is not a folder'],
  ])('%s is refused', (location, reason) => {
    const found = fail(() => open().load(location, 0, 1));
    expect(found).toMatch(/^FLAGOS_E_EXTERNAL_DATA /);
    expect(found).toContain(reason);
  });

  it('ranges are held against the file’s size before memory is taken', () => {
    expect(fail(() => open().load('data/w.bin', 90, 11))).toContain('has 100 bytes; the model wants 11 from byte 90');
    expect(fail(() => open().load('data/w.bin', 101, undefined))).toContain('has 100 bytes');
    expect(fail(() => open().load('data/w.bin', 0, Number.MAX_SAFE_INTEGER))).toContain('has 100 bytes');
    expect(fail(() => open().load('data/w.bin', Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER))).toContain('has 100 bytes');
  });

  it('overlapping ranges end at twice the file', () => {
    const data = open();
    data.load('data/w.bin', 0, 100);
    data.load('data/w.bin', 1, 99);
    expect(fail(() => data.load('data/w.bin', 2, 98))).toContain('overlapping parts');
  });

  it('beyond 4 GiB', () => {
    const path = join(home, 'model/huge.bin');
    writeFileSync(path, '');
    truncateSync(path, 5 * 2 ** 30);
    expect(open().load('huge.bin', 5 * 2 ** 30 - 8, 8)).toEqual(new Uint8Array(8));
    rmSync(path);
  });

  it('a model that is not there', () => {
    expect(fail(() => fileExternalData(join(home, 'nowhere/model.onnx')))).toContain('FLAGOS_E_FILE cannot read');
  });
});

describe('files as bytes', () => {
  it('whole, at the start of a buffer', () => {
    const bytes = readFile(join(home, 'model/data/w.bin'));
    expect(bytes.byteOffset).toBe(0);
    expect([...bytes]).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  it.each([
    ['model', 'it is a folder'],
    ['none', 'there is no such file'],
    ['secret.bin/x', 'a part of its path is not a folder'],
  ])('%s: %s', (path, reason) => {
    expect(fail(() => readFile(join(home, path)))).toBe(`FLAGOS_E_FILE cannot read ${join(home, path)}: ${reason}`);
  });

  it.skipIf(process.platform === 'win32')('a named pipe is refused, not waited for', () => {
    const pipe = join(home, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect(fail(() => readFile(pipe))).toContain('it is not a regular file');
  });

  it('a file larger than a buffer can be', () => {
    const path = join(home, 'vast.bin');
    writeFileSync(path, '');
    truncateSync(path, 2 ** 43);
    expect(fail(() => readFile(path))).toMatch(/^FLAGOS_E_FILE cannot read .*(more than one buffer can hold|no memory)/);
    rmSync(path);
  });
});
