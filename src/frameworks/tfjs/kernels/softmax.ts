/** Softmax and its logarithm, and drawing by them. */
import type { KernelFamily, KernelTranslator } from '../translate.ts';
import { cast, isEmpty } from './util.ts';

const rows =
  (op: string, axis: 'dim' | 'axis'): KernelTranslator =>
  (g, { logits }, attributes) => {
    const x = cast(g, logits!, 'float32');
    return [isEmpty(x) ? g.op('Identity', [x])[0]! : g.op(op, [x], { axis: (attributes[axis] as number | undefined) ?? -1 })[0]!];
  };

/** Rows of probabilities, or of their logarithms up to a constant, which is what the op takes. */
const multinomial: KernelTranslator = (g, { logits }, { numSamples, seed, normalized }) => {
  const x = cast(g, logits!, 'float32');
  const logs = normalized ? g.op('Log', [x])[0]! : x;
  return [g.op('Multinomial', [logs], { sample_size: numSamples as number, seed: seed as number, dtype: 6 })[0]!];
};

export const softmax: KernelFamily = { Softmax: rows('Softmax', 'dim'), LogSoftmax: rows('LogSoftmax', 'axis'), Multinomial: multinomial };
