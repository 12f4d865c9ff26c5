/** What an op of ONNX is here: a rule that refuses what cannot be done, and then adds its calls to a program. */
import type { Row as RowOf } from 'flagos/plugin';
import type { Program } from './program.ts';

export type Row = RowOf<Program>;

/** A shape of NCHW with channels last. */
export const lastOf = (dims: readonly number[]): number[] => [dims[0]!, dims[2]!, dims[3]!, dims[1]!];
