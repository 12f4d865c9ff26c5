import { describe, expect, it } from 'vitest';
import { bytesOf } from '../../core/tensor.ts';
import { checkLocation, memoryExternalData, type ExternalData } from './external.ts';
import { failure, model, type TensorInit } from './testing.ts';

describe('locations', () => {
  it.each([
    ['w.bin', 'w.bin'],
    ['./data//w.bin', 'data/w.bin'],
    ['a/../b/./c', 'b/c'],
    ['onnx::MatMul_12', 'onnx::MatMul_12'],
    ['..weights', '..weights'],
    ['ü/w', 'ü/w'],
  ])('%s is %s', (location, normal) => {
    expect(checkLocation(location)).toBe(normal);
  });

  it.each([
    '',
    '.',
    'a/..',
    '..',
    '../w',
    'a/../../w',
    '/etc/passwd',
    '//host/share',
    '\\\\host\\share',
    'a\\..\\..\\w',
    'C:/w',
    'c:w',
    'C:\\w',
    'file:///w',
    'https://x/w',
    'data:text/plain,x',
    'w\u0000.bin',
    'w\n',
  ])('%j is refused', (location) => {
    expect(failure(() => checkLocation(location))).toMatch(/^FLAGOS_E_EXTERNAL_DATA /);
  });
});

describe('external tensors', () => {
  const floats = bytesOf(Float32Array.of(9, 1, 2, 3));
  const files: ExternalData = {
    load: (location, offset, length) => {
      expect(location).toBe('w.bin');
      return floats.subarray(offset, offset + length!);
    },
  };
  const tensor = (entries: Record<string, string>, more: TensorInit = {}): TensorInit => ({
    name: 'w',
    dataType: 1,
    dims: [3n],
    dataLocation: 1,
    externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
    ...more,
  });
  const read = (init: TensorInit): unknown =>
    model({ graph: { initializer: [init] } }, { external: files }).graph.initializers.get('w')!.data;

  it('are read where they say', () => {
    expect(read(tensor({ location: 'w.bin', offset: '4', length: '12' }))).toEqual(Float32Array.of(1, 2, 3));
    expect(read(tensor({ location: './w.bin', checksum: 'abc' }))).toEqual(Float32Array.of(9, 1, 2));
  });

  it('may come at any alignment, from a Buffer too', () => {
    const pool = Buffer.alloc(20);
    for (const shift of [0, 1, 2, 3]) {
      pool.set(floats, shift);
      const init = tensor({ location: 'w.bin' }, { dims: [4n] });
      const found = model(
        { graph: { initializer: [init] } },
        { external: { load: () => pool.subarray(shift, shift + 16) } },
      ).graph.initializers.get('w')!;
      expect(found.data).toEqual(Float32Array.of(9, 1, 2, 3));
    }
  });

  it.each<[string, TensorInit, string]>([
    ['another length', tensor({ location: 'w.bin', length: '8' }), "external data in 'w.bin' has 8 bytes, the tensor needs 12"],
    ['a length too large for the file', tensor({ location: 'w.bin' }, { dims: [5n] }), "'w.bin' gave 16 bytes at 0, the tensor needs 20"],
    ['an offset that is no number', tensor({ location: 'w.bin', offset: '-4' }), 'external data has offset "-4", not a number of bytes'],
    ['an offset too large to count', tensor({ location: 'w.bin', offset: '99999999999999999999' }), 'not a number of bytes'],
    ['a path out of the folder', tensor({ location: '../w.bin' }), "leads out of the model's folder"],
    ['no location', tensor({}), 'names no file'],
  ])('%s', (_, init, reason) => {
    expect(failure(() => read(init))).toMatch(/^FLAGOS_E_EXTERNAL_DATA /);
    expect(failure(() => read(init))).toContain(reason);
  });

  it('have their data once, and are no strings', () => {
    expect(failure(() => read(tensor({ location: 'w.bin' }, { floatData: [1] })))).toContain('has its data twice');
    expect(failure(() => read(tensor({ location: 'w.bin' }, { dataType: 8 })))).toContain('strings, which cannot be raw bytes');
  });
});

describe('external data in memory', () => {
  const data = memoryExternalData({ './w.bin': Uint8Array.of(1, 2, 3) });

  it('is found by its location', () => {
    expect(data.load('w.bin', 1, 2)).toEqual(Uint8Array.of(2, 3));
    expect(data.load('w.bin', 3, undefined)).toEqual(new Uint8Array(0));
  });

  it('is bounded', () => {
    expect(failure(() => data.load('w.bin', 2, 2))).toBe(
      "FLAGOS_E_EXTERNAL_DATA external data 'w.bin' has 3 bytes; the model wants 2 from byte 2",
    );
    expect(failure(() => data.load('w.bin', 4, undefined))).toContain('has 3 bytes');
    expect(failure(() => data.load('x.bin', 0, 1))).toContain('which was not given with it');
    expect(failure(() => memoryExternalData({ '../w.bin': new Uint8Array(1) }))).toContain("leads out of the model's folder");
  });
});
