/**
 * NumPy's `.npy` files: one array each.
 * Source: numpy.lib.format, versions 1.0 to 3.0.
 */
import { dtypeInfo, type DType, type NumericData } from '../../core/dtype.ts';
import { FlagosError } from '../../core/errors.ts';
import { bytesOf, sizeOf, Tensor } from '../../core/tensor.ts';

const types: Readonly<Record<string, DType>> = {
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
  b1: 'bool',
  c8: 'complex64',
  c16: 'complex128',
};
const codes = new Map(Object.entries(types).map(([code, dtype]) => [dtype, code]));
const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const ALIGN = 64;

const bad = (name: string, why: string, hint?: string): FlagosError =>
  new FlagosError('FLAGOS_E_INPUT', `${name} ${why}`, hint === undefined ? {} : { hint });

const swapBytes = (data: Uint8Array, each: number): void => {
  for (let at = 0; at < data.length; at += each) data.subarray(at, at + each).reverse();
};

/** Elements that lie with the first axis fastest (Fortran order), with the last one fastest. @param lanes numbers of an element. */
const rowMajor = (from: NumericData, dims: readonly number[], lanes: number): NumericData => {
  const made = from.slice();
  const index = new Array<number>(dims.length).fill(0);
  const strides = dims.map((_, d) => dims.slice(0, d).reduce((n, e) => n * e, 1));
  for (let to = 0; to * lanes < made.length; to++) {
    const at = index.reduce((n, i, d) => n + i * strides[d]!, 0);
    for (let l = 0; l < lanes; l++) made[to * lanes + l] = from[at * lanes + l]!;
    for (let d = dims.length - 1; d >= 0; d--) {
      if (++index[d]! < dims[d]!) break;
      index[d] = 0;
    }
  }
  return made;
};

/** @param name for messages. @throws FLAGOS_E_INPUT for what is no array of numbers. */
export const readNpy = (file: Uint8Array, name: string): Tensor => {
  if (!magic.every((b, i) => file[i] === b)) throw bad(name, 'is no .npy file');
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const wide = (file[6] ?? 0) >= 2;
  const start = wide ? 12 : 10;
  if (file.length < start) throw bad(name, 'is cut off');
  const end = start + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  const header = new TextDecoder().decode(file.subarray(start, end));
  const [, order = '', code = ''] = /'descr':\s*'([<>|=])(\w+)'/.exec(header) ?? [];
  const [, shape] = /'shape':\s*\(([^)]*)\)/.exec(header) ?? [];
  if (shape === undefined || order === '') throw bad(name, 'holds no plain array', 'save one array of numbers with numpy.save');
  const dtype = Object.hasOwn(types, code) ? types[code] : undefined;
  if (!dtype)
    throw bad(
      name,
      `has elements of numpy type '${code}', which no tensor here has`,
      code.startsWith('U') ? 'give texts in a .json file' : undefined,
    );
  const dims = shape
    .split(',')
    .map((d) => d.trim())
    .filter((d) => d !== '')
    .map(Number);
  const { storage, bytes, kind, lanes } = dtypeInfo(dtype);
  const size = sizeOf(dims);
  if (!dims.every((d) => Number.isSafeInteger(d) && d >= 0)) throw bad(name, `has a shape that is none: (${shape})`);
  if (!Number.isSafeInteger(size) || file.length - end !== size * bytes)
    throw bad(name, `should hold ${size * bytes} bytes of elements and holds ${file.length - end}`);
  // A copy at the start of a buffer of its own; `slice` of Node's Buffer is none.
  const data = new Uint8Array(file.subarray(end));
  if (order === '>' && bytes > 1) swapBytes(data, kind === 'complex' ? bytes / 2 : bytes);
  const elements = new storage!(data.buffer, 0, size * lanes);
  const columns = /'fortran_order':\s*True/.test(header) && dims.filter((d) => d > 1).length > 1;
  return new Tensor(dtype, dims, columns ? rowMajor(elements, dims, lanes) : elements);
};

/** The file for a tensor; undefined for element types NumPy has no name for. */
export const writeNpy = (tensor: Tensor): Uint8Array | undefined => {
  const code = codes.get(tensor.dtype);
  if (code === undefined || Array.isArray(tensor.data)) return undefined;
  const order = dtypeInfo(tensor.dtype).bytes === 1 ? '|' : '<';
  const dims = tensor.dims.length === 1 ? `${tensor.dims[0]!},` : tensor.dims.join(', ');
  const text = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': (${dims}), }`;
  const length = Math.ceil((10 + text.length + 1) / ALIGN) * ALIGN - 10;
  const data = bytesOf(tensor.data as NumericData);
  const file = new Uint8Array(10 + length + data.length);
  file.set([...magic, 1, 0, length & 0xff, length >> 8]);
  file.set(new TextEncoder().encode(`${text.padEnd(length - 1)}\n`), 10);
  file.set(data, 10 + length);
  return file;
};

/**
 * A tensor in the element type an input has: files are often wider than the model (Python's numbers are 64 bits).
 * Floats are rounded; integers must fit.
 * @throws FLAGOS_E_INPUT
 */
export const convertTo = (tensor: Tensor, dtype: DType, name: string): Tensor => {
  if (tensor.dtype === dtype) return tensor;
  const [from, to] = [dtypeInfo(tensor.dtype).kind, dtypeInfo(dtype).kind];
  const number = (kind: typeof from): boolean => kind === 'float' || kind === 'int' || kind === 'uint' || kind === 'bool';
  if (!number(from) || !number(to) || (from === 'float' && to !== 'float'))
    throw bad(name, `holds ${tensor.dtype}, the input takes ${dtype}`);
  try {
    return Tensor.from(dtype, tensor.dims, to === 'float' ? tensor.toNumbers() : tensor.toValues());
  } catch (thrown) {
    throw bad(
      name,
      `holds ${tensor.dtype} values that do not fit into ${dtype}: ${thrown instanceof FlagosError ? thrown.reason : String(thrown)}`,
    );
  }
};
