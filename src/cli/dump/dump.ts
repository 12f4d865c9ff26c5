/** Tensors by name that somebody else's program wrote down: one side of a comparison. */
import type { ValueType } from '../../core/graph.ts';
import type { Value } from '../../core/tensor.ts';

export interface DumpTensor {
  /** As it stands in the dump. */
  readonly name: string;
  /** Where a name had to become a file's: another name may stand for it, see `fileName`. */
  readonly fromFile: boolean;
  /** For files that say nothing of a name: their place among a model's inputs or outputs. */
  readonly place?: { readonly kind: 'input' | 'output'; readonly index: number };
  /** @param type what the model says of it. @throws FLAGOS_E_INPUT where it is damaged, or of a type no tensor here has. */
  read(type?: ValueType): Value;
}

export interface Dump {
  /** As given. */
  readonly spec: string;
  readonly form: '.npz' | 'folder of tensors' | 'ONNX test data' | 'Polygraphy' | 'TensorFlow.js';
  readonly tensors: readonly DumpTensor[];
  /** For people: what of it is not looked at. */
  readonly notes: readonly string[];
}
