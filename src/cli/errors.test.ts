import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { describeError, errorJson, exitCodeOf } from './errors.ts';
import { testIo } from './testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'flagos-errors-'));
writeFileSync(join(folder, 'file'), '');
afterAll(() => rmSync(folder, { recursive: true }));

const thrownBy = (f: () => void): Error => {
  try {
    f();
  } catch (thrown) {
    return thrown as Error;
  }
  throw new Error('nothing was thrown');
};
const said = (error: Error): string => describeError(error, testIo({}), false);

describe('failures of the file system nobody put into words', () => {
  it('are errors of the user, not faults of the program', () => {
    const below = join(folder, 'file', 'below');
    const error = thrownBy(() => mkdirSync(below));
    expect(said(error)).toBe(`error: cannot mkdir ${below}: a part of its path is not a folder\n  FLAGOS_E_FILE\n`);
    expect(exitCodeOf(error)).toBe(2);
    expect(errorJson(error)).toMatchObject({ code: 'FLAGOS_E_FILE', details: { path: below, errno: 'ENOTDIR' } });
    expect(said(thrownBy(() => readFileSync(folder)))).toMatch(/it is a folder/);
  });

  it.skipIf(!existsSync('/dev/full'))('say that the disk is full (Linux has a device that is)', () => {
    const error = thrownBy(() => writeFileSync('/dev/full', 'x'));
    expect(said(error)).toMatch(/: the disk is full\n {2}FLAGOS_E_FILE/);
    expect(exitCodeOf(error)).toBe(2);
  });

  it('what is none of them stays a fault of the program', () => {
    expect(said(new TypeError('x is undefined'))).toMatch(/a fault of flagos itself/);
    expect(exitCodeOf(new TypeError('x is undefined'))).toBe(1);
  });
});
