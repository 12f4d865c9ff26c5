/**
 * Ops that only move elements, for element types no expression can hold (strings, complex numbers).
 *
 * A movement op puts elements of its inputs, or the type's zero, in other places; it never looks at
 * them. So its expressions need not be written twice: for such types they are evaluated once over
 * *positions* (every element of the opaque inputs is replaced by its number, from 1; 0 stands for
 * the type's zero or empty string), and the elements are then gathered on the host.
 *
 *     export const Transpose = movement(defineOp({ …, inputs: { data: all }, compute: … }));
 */
import { allocate, dtypeInfo, type DType, type TensorData } from '../core/dtype.ts';
import { FlagosError } from '../core/errors.ts';
import { sizeOf, Tensor } from '../core/tensor.ts';
import { lower } from '../compiler/lower.ts';
import { renderJs } from '../compiler/render/js.ts';
import { InputTensor, TensorExpr } from '../compiler/tensor-expr.ts';
import { listOutputs } from './bind.ts';
import { exact, type Accuracy, type OpRecord } from './define.ts';
import { scalars } from './types.ts';

/** Positions are calculated in this type: wide enough for any array, and a plain number in JavaScript. */
const POSITION: DType = 'uint32';
const LARGEST_POSITION = 2 ** 32 - 1;

const isOpaque = (dtype: DType): boolean => !scalars.includes(dtype);

/** Elements of `from` at row-major positions, as a tensor of another shape. Works for every element type. */
export const takeElements = (from: Tensor, positions: ArrayLike<number>, dims: readonly number[]): Tensor => {
  const data = allocate(from.dtype, positions.length);
  copyElements(from.data, positions, data, dtypeInfo(from.dtype).lanes);
  return new Tensor(from.dtype, dims, data);
};

const copyElements = (from: TensorData, positions: ArrayLike<number>, to: TensorData, lanes: number): void => {
  // Storage of one dtype on both sides, so an element of one is an element of the other.
  const [source, target] = [from as { [i: number]: unknown }, to as { [i: number]: unknown }];
  for (let i = 0; i < positions.length; i++) {
    for (let lane = 0; lane < lanes; lane++) target[i * lanes + lane] = source[positions[i]! * lanes + lane];
  }
};

/** The opaque inputs of a call laid one after another, the zero element first. */
class Pool {
  readonly #tensors: { readonly tensor: Tensor; readonly start: number }[] = [];
  #count = 1;

  /** Numbers the elements of a tensor. @throws FLAGOS_E_LIMIT when numbers run out. */
  add(tensor: Tensor): TensorData {
    const start = this.#count;
    this.#count += tensor.size;
    if (this.#count > LARGEST_POSITION)
      throw new FlagosError('FLAGOS_E_LIMIT', `cannot move more than ${LARGEST_POSITION} elements of ${tensor.dtype}`);
    this.#tensors.push({ tensor, start });
    return Uint32Array.from({ length: tensor.size }, (_, i) => start + i);
  }

  take(dtype: DType, positions: Uint32Array, dims: readonly number[]): Tensor {
    const { lanes } = dtypeInfo(dtype);
    const all = allocate(dtype, this.#count);
    for (const { tensor, start } of this.#tensors) {
      const data: ArrayLike<number | bigint | string> = tensor.data;
      const target = all as { [i: number]: unknown };
      for (let i = 0; i < data.length; i++) target[start * lanes + i] = data[i];
    }
    return takeElements(new Tensor(dtype, [this.#count], all), positions, dims);
  }
}

/** What one argument becomes in the expressions: opaque tensors turn into positions, contents that decide shapes stay. */
type Convert<T> = (given: T, name: string) => TensorExpr;

const argumentsOf = <T>(record: OpRecord, inputs: Record<string, unknown>, convert: Convert<T>): Record<string, unknown> =>
  Object.fromEntries(
    record.inputs.map(({ name, role, variadic }) => {
      const given = inputs[name];
      if (given === undefined || role === 'value') return [name, given];
      return [name, variadic ? (given as T[]).map((g) => convert(g, name)) : convert(given as T, name)];
    }),
  );

const outputsOf = (
  record: OpRecord,
  args: Record<string, unknown>,
  attrs: Record<string, unknown>,
  ctx: Parameters<NonNullable<OpRecord['compute']>>[2],
): (TensorExpr | undefined)[] => listOutputs(record, record.compute!(args, attrs, ctx), (x): x is TensorExpr => x instanceof TensorExpr);

const dtypeOfInput = (inputs: Record<string, unknown>, name: string): DType | undefined => {
  const given = inputs[name];
  const first: unknown = Array.isArray(given) ? given[0] : given;
  return first instanceof Tensor ? first.dtype : undefined;
};

/**
 * A record that also works for strings and complex numbers, given one whose `compute` only moves
 * elements of the inputs that have such types.
 */
export const movement = (record: OpRecord, accuracy: Accuracy = exact): OpRecord => ({
  ...record,
  accuracy,
  host: (inputs, attrs, ctx) => {
    const pool = new Pool();
    const feeds: { readonly x: InputTensor; readonly data: TensorData }[] = [];
    const args = argumentsOf(record, inputs, (t: Tensor, name) => {
      const opaque = isOpaque(t.dtype);
      const x = new InputTensor(name, opaque ? POSITION : t.dtype, t.dims);
      feeds.push({ x, data: opaque ? pool.add(t) : t.data });
      return x;
    });
    const made = outputsOf(record, args, attrs, ctx);
    const present = made.flatMap((x) => (x ? [x] : []));
    const results = present.map((x) => allocate(x.dtype, sizeOf(x.shape)));
    renderJs(
      lower(
        feeds.map((f) => f.x),
        present,
      ),
    ).run(
      feeds.map((f) => f.data),
      results,
    );
    let next = 0;
    return made.map((x, i) => {
      if (!x) return undefined;
      const data = results[next++]!;
      const { rule } = record.outputs[Math.min(i, record.outputs.length - 1)]!;
      const dtype = typeof rule === 'string' ? dtypeOfInput(inputs, rule) : undefined;
      return dtype && isOpaque(dtype) ? pool.take(dtype, data as Uint32Array, x.shape) : new Tensor(x.dtype, x.shape, data);
    });
  },
  shapes: (inputs, attrs, ctx) => {
    const args = argumentsOf(
      record,
      inputs,
      (t: { shape: readonly number[]; dtype: DType }, name) => new InputTensor(name, isOpaque(t.dtype) ? POSITION : t.dtype, t.shape),
    );
    return outputsOf(record, args, attrs, ctx).map((x) => x?.shape);
  },
});
