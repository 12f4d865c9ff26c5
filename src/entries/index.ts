/** The package `flagos`. */
export { createRuntime, Flagos, type RuntimeConfig } from '../host/flagos.ts';
export { FlagosModel, type ModelRunOptions, type Placement } from '../runtime/model.ts';
export { Runtime, type CallOptions, type LoadOptions, type PlainAttributes } from '../runtime/runtime.ts';
export type { PrepareProgress } from '../dispatch/prepare.ts';
export type { Coverage } from '../runtime/coverage.ts';
export { Tensor, Sequence, MapValue, type Value } from '../core/tensor.ts';
export { dtypes, dtypeInfo, type DType, type TensorData } from '../core/dtype.ts';
export { FlagosError, errorTable, type ErrorCode, type ErrorTrace } from '../core/errors.ts';
export type { Decision, Verdict } from '../opmanager/decision.ts';
export type { Policy, PolicyOverride, Token } from '../opmanager/policy.ts';
export { lineLogger, silentLogger, type Logger, type LogLevel } from '../core/log.ts';
export { version } from '../version.ts';
