/**
 * The ONNX reader: the bytes of a model file → a {@link Model}, whole and checked. Functions are inlined,
 * Constant nodes are initializers, nodes are sorted, names are unique, every op is in its newest form, and
 * gradients are written out.
 * Runs anywhere: files beside the model come through {@link ExternalData}.
 *
 * Source: ONNX IR specification; onnx.proto.
 */
import { FlagosError, wrapError } from '../../core/errors.ts';
import type { Model } from '../../core/graph.ts';
import { ImportContext, readOpsets, type Opsets } from './context.ts';
import { decodeMessage } from './decode.ts';
import type { ExternalData } from './external.ts';
import { readFunctions } from './functions.ts';
import { expandGradients } from './gradient/expand.ts';
import { readGraph } from './graph.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { Scope } from './names.ts';
import { readNode } from './node.ts';
import { ModelProtoSchema, type ModelProto } from './onnx_pb.ts';
import { upgradeGraph } from './upgrade.ts';

export interface ReadOptions {
  /** For messages: the file's name. */
  readonly name: string;
  /** Files beside the model; without it a model that keeps weights outside is refused. */
  readonly external?: ExternalData | undefined;
  /**
   * `bytes` may be used up: unaligned weights are moved in place instead of copied, so that no weight is
   * in memory twice. The bytes are no model afterwards.
   */
  readonly consume?: boolean | undefined;
  readonly limits?: Partial<Limits> | undefined;
}

const metadataOf = (proto: ModelProto, opsets: Opsets): Record<string, string> => {
  const own: [string, string][] = [
    ['irVersion', String(proto.irVersion)],
    ['opsets', [...opsets].map(([domain, version]) => `${domain || 'ai.onnx'} ${version}`).join(', ')],
    ['producer', `${proto.producerName} ${proto.producerVersion}`.trim()],
    ['domain', proto.domain],
    ['modelVersion', String(proto.modelVersion)],
    ['description', proto.docString],
  ];
  const custom = proto.metadataProps.map(({ key, value }): [string, string] => [key, value]);
  return Object.fromEntries([...custom, ...own.filter(([, text]) => text !== '')]);
};

/**
 * Read a model. Weights are views on `bytes` where they lie aligned: do not change `bytes` afterwards.
 * @param bytes a ModelProto in protobuf's binary form.
 * @throws FLAGOS_E_MODEL_FORMAT for bytes that are not a model, FLAGOS_E_MODEL_INVALID for a model that
 *   breaks ONNX's rules, FLAGOS_E_MODEL_UNSUPPORTED for what we do not have or what passes a limit,
 *   FLAGOS_E_EXTERNAL_DATA for weights in other files; each names what and where.
 */
export const readModel = (bytes: Uint8Array, options: ReadOptions): Model => {
  const limits = { ...defaultLimits, ...options.limits };
  try {
    const proto = decodeMessage(ModelProtoSchema, bytes, 'an ONNX model', limits);
    if (!proto.graph) throw new FlagosError('FLAGOS_E_MODEL_FORMAT', 'not an ONNX model: there is no graph in it');
    const opsets = readOpsets(proto.opsetImport, 'the model');
    if (opsets.size === 0) {
      if (proto.irVersion >= 3n) throw new FlagosError('FLAGOS_E_MODEL_INVALID', 'the model imports no operator set');
      // The first IR versions had no imports; version 1 is meant.
      opsets.set('', 1);
    }
    const ctx = new ImportContext(limits, { external: options.external, consume: options.consume }, readFunctions(proto.functions), {
      graph: readGraph,
      node: readNode,
    });
    const written = readGraph(
      ctx,
      proto.graph,
      { scope: new Scope(), opsets, frame: undefined, prefix: '', depth: 0 },
      proto.irVersion < 4n,
    );
    return { name: options.name, graph: expandGradients(upgradeGraph(written, ctx.names), ctx.names), metadata: metadataOf(proto, opsets) };
  } catch (error) {
    if (error instanceof RangeError) {
      throw new FlagosError('FLAGOS_E_MODEL_UNSUPPORTED', `the model is too large or too deeply nested to read: ${error.message}`, {
        trace: { model: options.name },
        cause: error,
      });
    }
    throw wrapError('FLAGOS_E_INTERNAL', error, { trace: { model: options.name } });
  }
};
