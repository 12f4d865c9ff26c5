/** Small model files for the tests of this folder, built message by message so that they can be wrong in any way. */
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { FlagosError } from '../../core/errors.ts';
import type { Model } from '../../core/graph.ts';
import { AttributeProto_AttributeType as T, ModelProtoSchema } from './onnx_pb.ts';
import type {
  AttributeProtoSchema,
  FunctionProtoSchema,
  GraphProto,
  GraphProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
} from './onnx_pb.ts';
import { readModel, type ReadOptions } from './read.ts';

export type AttributeInit = MessageInitShape<typeof AttributeProtoSchema>;
export type NodeInit = MessageInitShape<typeof NodeProtoSchema>;
type GraphInit = MessageInitShape<typeof GraphProtoSchema>;
/** Fields of a graph (never a whole message, so that they can be spread). */
export type GraphPart = Exclude<GraphInit, GraphProto>;
export type FunctionInit = MessageInitShape<typeof FunctionProtoSchema>;
export type TensorInit = MessageInitShape<typeof TensorProtoSchema>;

const utf8 = new TextEncoder();

export const int = (name: string, i: number | bigint): AttributeInit => ({ name, type: T.INT, i: BigInt(i) });
export const ints = (name: string, values: readonly number[]): AttributeInit => ({ name, type: T.INTS, ints: values.map(BigInt) });
export const float = (name: string, f: number): AttributeInit => ({ name, type: T.FLOAT, f });
export const floats = (name: string, values: readonly number[]): AttributeInit => ({ name, type: T.FLOATS, floats: [...values] });
export const string = (name: string, s: string): AttributeInit => ({ name, type: T.STRING, s: utf8.encode(s) });
export const strings = (name: string, values: readonly string[]): AttributeInit => ({
  name,
  type: T.STRINGS,
  strings: values.map((v) => utf8.encode(v)),
});
export const graphAttr = (name: string, g: GraphPart): AttributeInit => ({ name, type: T.GRAPH, g });
export const reference = (name: string, refAttrName: string, type = T.UNDEFINED): AttributeInit => ({ name, refAttrName, type });

export const node = (
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attribute: AttributeInit[] = [],
  more: NodeInit = {},
): NodeInit => ({ opType, input: [...input], output: [...output], attribute, ...more });

/** A value with a float32 (or other) tensor type; without dims, of unknown rank. */
export const value = (name: string, dims?: readonly (number | string)[], elemType = 1): NonNullable<GraphPart['input']>[number] => ({
  name,
  type: {
    value: {
      case: 'tensorType',
      value: {
        elemType,
        ...(dims && {
          shape: {
            dim: dims.map((d) => ({
              value: typeof d === 'string' ? ({ case: 'dimParam', value: d } as const) : ({ case: 'dimValue', value: BigInt(d) } as const),
            })),
          },
        }),
      },
    },
  },
});

export const floatTensor = (name: string, dims: readonly number[], floatData: readonly number[]): TensorInit => ({
  name,
  dims: dims.map(BigInt),
  dataType: 1,
  floatData: [...floatData],
});

export interface ModelParts {
  readonly graph: GraphPart;
  readonly opset?: number;
  readonly opsets?: Readonly<Record<string, number>>;
  readonly irVersion?: number;
  readonly functions?: FunctionInit[];
}

export const modelBytes = ({ graph, opset = 21, opsets = {}, irVersion = 8, functions = [] }: ModelParts): Uint8Array =>
  toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: BigInt(irVersion),
      graph: { name: 'g', ...graph },
      functions,
      opsetImport: Object.entries({ '': opset, ...opsets }).map(([domain, version]) => ({ domain, version: BigInt(version) })),
    }),
  );

export const model = (parts: ModelParts, options: Partial<ReadOptions> = {}): Model =>
  readModel(modelBytes(parts), { name: 'test', ...options });

/** The FlagosError `run` throws; anything else is passed on. */
export const errorOf = (run: () => unknown): FlagosError => {
  try {
    run();
  } catch (error) {
    if (error instanceof FlagosError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

/** `CODE reason` of the error `run` throws. */
export const failure = (run: () => unknown): string => {
  const error = errorOf(run);
  return `${error.code} ${error.reason}`;
};
