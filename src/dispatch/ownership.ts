/**
 * Whose memory is whose at the border to the caller. A model's results are the caller's to keep and
 * to change: none shares memory with an input, and no two share memory with each other. Tensors the
 * caller gives for results are written, whatever the way the results came about.
 */
import { FlagosError } from '../core/errors.ts';
import { MapValue, Sequence, Tensor, type Value } from '../core/tensor.ts';

const storageOf = (t: Tensor): object => (Array.isArray(t.data) ? t.data : t.data.buffer);

const visit = (value: Value | undefined, see: (t: Tensor) => void): void => {
  if (value instanceof Tensor) see(value);
  else if (value instanceof Sequence) for (const item of value.items) visit(item, see);
  else if (value instanceof MapValue) for (const item of value.entries.values()) visit(item, see);
};

/**
 * Results as the caller may have them.
 * @param fresh which results are known to be nobody else's.
 */
export const ownResults = (results: readonly Value[], inputs: readonly (Value | undefined)[], fresh: readonly boolean[]): Value[] => {
  const taken = new Set<object>();
  for (const input of inputs) visit(input, (t) => taken.add(storageOf(t)));
  results.forEach((r, i) => fresh[i] && visit(r, (t) => taken.add(storageOf(t))));
  const own = (value: Value): Value => {
    if (value instanceof Tensor) {
      const result = taken.has(storageOf(value)) ? value.clone() : value;
      taken.add(storageOf(result));
      return result;
    }
    if (value instanceof Sequence) return new Sequence(value.items.map(own));
    if (value instanceof MapValue) return new MapValue(new Map([...value.entries].map(([key, v]) => [key, own(v)])));
    return value;
  };
  return results.map((r, i) => (fresh[i] ? r : own(r)));
};

const overlap = (a: Tensor, b: Tensor): boolean => {
  if (storageOf(a) !== storageOf(b)) return false;
  if (Array.isArray(a.data) || Array.isArray(b.data)) return true;
  return a.data.byteOffset < b.data.byteOffset + b.data.byteLength && b.data.byteOffset < a.data.byteOffset + a.data.byteLength;
};

/**
 * Of the tensors a caller gives for results, those that may be written while the model runs: not
 * those that share memory with an input, which is still read then.
 * @throws FLAGOS_E_INPUT if two of them share memory.
 */
export const writablePlaces = (into: readonly (Tensor | undefined)[], inputs: readonly (Value | undefined)[]): (Tensor | undefined)[] =>
  into.map((place, i) => {
    if (!place) return undefined;
    if (into.slice(0, i).some((other) => other && overlap(other, place))) {
      throw new FlagosError('FLAGOS_E_INPUT', `the tensors given for two outputs share memory`, {
        hint: 'give each output a tensor of its own',
      });
    }
    let read = false;
    for (const input of inputs) visit(input, (t) => void (read ||= overlap(t, place)));
    return read ? undefined : place;
  });

/** Whether a tensor can take a result. */
export const fitsInto = (place: Tensor, value: Value): value is Tensor =>
  value instanceof Tensor &&
  value.dtype === place.dtype &&
  value.dims.length === place.dims.length &&
  value.dims.every((d, i) => d === place.dims[i]);

/** Elements of one tensor into another of the same type and shape. */
export const copyInto = (place: Tensor, { data }: Tensor): void => {
  const to = place.data;
  if (Array.isArray(to) || Array.isArray(data)) for (let i = 0; i < data.length; i++) to[i] = data[i]!;
  else new Uint8Array(to.buffer, to.byteOffset, to.byteLength).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
};

/** Results with those a place was given for in their places. */
export const placeResults = (results: readonly Value[], into: readonly (Tensor | undefined)[]): Value[] =>
  results.map((value, i) => {
    const place = into[i];
    if (!place || place === value || !fitsInto(place, value)) return value;
    copyInto(place, value);
    return place;
  });
