/** Sets of element types an op's input may have. */
import { dtypes, type DType } from '../core/dtype.ts';

export const float8s = ['float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz'] as const satisfies readonly DType[];
/** float16, float32, float64, bfloat16: what ONNX calls the float types of an op. */
export const floats = ['float32', 'float64', 'float16', 'bfloat16'] as const satisfies readonly DType[];
export const signedInts = ['int8', 'int16', 'int32', 'int64'] as const satisfies readonly DType[];
export const unsignedInts = ['uint8', 'uint16', 'uint32', 'uint64'] as const satisfies readonly DType[];
export const ints = [...signedInts, ...unsignedInts] as const satisfies readonly DType[];
/** Floats and integers of 8 bits and more. */
export const numeric = [...floats, ...ints] as const satisfies readonly DType[];
export const subByte = ['int4', 'uint4', 'int2', 'uint2', 'float4e2m1'] as const satisfies readonly DType[];
export const indices = ['int64', 'int32'] as const satisfies readonly DType[];
/** Everything an expression can hold (no strings, no complex). */
export const scalars: readonly DType[] = dtypes.filter((d) => d !== 'string' && d !== 'complex64' && d !== 'complex128');
/** Every tensor type. */
export const all: readonly DType[] = dtypes;
/** Every tensor type as it was before the narrow floats and integers came: what most ops that move elements take. */
export const common = [...numeric, 'bool', 'string', 'complex64', 'complex128'] as const satisfies readonly DType[];
