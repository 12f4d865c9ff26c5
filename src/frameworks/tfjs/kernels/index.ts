/** All translators, by kernel name. A family is a file of this folder; add it to the list. */
import { FlagosError } from '../../../core/errors.ts';
import type { KernelFamily, KernelTranslator } from '../translate.ts';
import { binary } from './binary.ts';
import { blocks } from './blocks.ts';
import { convolution } from './convolution.ts';
import { image } from './image.ts';
import { indexing } from './indexing.ts';
import { make } from './make.ts';
import { matmul } from './matmul.ts';
import { poolings } from './pooling.ts';
import { reduce } from './reduce.ts';
import { shape } from './shape.ts';
import { softmax } from './softmax.ts';
import { unary } from './unary.ts';

const families: readonly KernelFamily[] = [
  binary,
  blocks,
  convolution,
  image,
  indexing,
  make,
  matmul,
  poolings,
  reduce,
  shape,
  softmax,
  unary,
];

/** @throws FLAGOS_E_INTERNAL if two families translate one kernel. */
const merge = (all: readonly KernelFamily[]): ReadonlyMap<string, KernelTranslator> => {
  const merged = new Map<string, KernelTranslator>();
  for (const family of all) {
    for (const [name, translator] of Object.entries(family)) {
      if (merged.has(name)) throw new FlagosError('FLAGOS_E_INTERNAL', `the tfjs kernel ${name} has two translators`);
      merged.set(name, translator);
    }
  }
  return merged;
};

export const translators: ReadonlyMap<string, KernelTranslator> = merge(families);
