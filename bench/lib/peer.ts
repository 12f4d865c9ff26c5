/** Another library that runs the cases of the op benchmark. */
import type { NumericData } from '../../src/core/dtype.ts';
import type { BuiltCase, OpCase } from './op-case.ts';

export interface Peer {
  readonly name: string;
  /** Version and settings, for people. */
  readonly description: string;
  /** The case made ready there; undefined where the library has no such op. */
  open(c: OpCase, built: BuiltCase): Promise<OpenedCase | undefined>;
}

export interface OpenedCase {
  /** What a user calls, result in ordinary memory: this is timed. */
  readonly run: () => unknown;
  /** The result in ONNX's layout. */
  readonly result: () => Promise<NumericData>;
  readonly close: () => Promise<void> | void;
}
