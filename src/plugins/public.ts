/**
 * `flagos/plugin`: all that a plugin's author imports.
 */
export * from './contract.ts';
export { Facts, Refused, refuse, type WindowFacts } from './facts.ts';
export { Rows, type Row, type RowsParts } from './rows.ts';
export { definePlugin, type PluginDefinition } from './define.ts';
export { inject, injectable, multiInject, optional, type Container } from 'inversify';
export { Tensor, Sequence, MapValue, bytesOf, describeValue, sizeOf, stridesOf, type Value } from '../core/tensor.ts';
export {
  allocate,
  dtypeFromOnnx,
  dtypeInfo,
  dtypes,
  integerRange,
  isBigInt,
  isDType,
  isFloat,
  isInteger,
  type DType,
  type DTypeInfo,
  type DTypeKind,
  type NumericData,
  type TensorData,
} from '../core/dtype.ts';
export { FlagosError, asError, wrapError, type ErrorCode, type ErrorKind, type ErrorOptions, type ErrorTrace } from '../core/errors.ts';
export {
  captures,
  concreteShape,
  describeType,
  nodeReads,
  opName,
  subgraphsOf,
  tensorType,
  typeBytes,
  type Attribute,
  type Attributes,
  type Dim,
  type Graph,
  type Model,
  type Node,
  type ValueInfo,
  type ValueType,
} from '../core/graph.ts';
export { floatCodec } from '../core/codec.ts';
export type { Logger, LogLevel } from '../core/log.ts';
