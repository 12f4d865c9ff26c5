/** NodeProto → {@link Node} (or an initializer for Constant, or the nodes of an inlined function). */
import { FlagosError } from '../../core/errors.ts';
import { opName } from '../../core/graph.ts';
import { readAttributes } from './attributes.ts';
import { constantTensor } from './constant.ts';
import { normalDomain, type Body, type ImportContext, type Place } from './context.ts';
import { functionKey, inlineCall } from './functions.ts';
import type { NodeProto } from './onnx_pb.ts';

const invalid = (reason: string, hint?: string): never => {
  throw new FlagosError('FLAGOS_E_MODEL_INVALID', reason, hint === undefined ? {} : { hint });
};

/** Names read, as the model's unique names; trailing omitted ones dropped. */
const readInputs = (names: readonly string[], place: Place): string[] => {
  const inputs = names.map((name) => {
    if (name === '') return '';
    return (
      place.scope.resolve(name) ??
      invalid(`value '${name}' is read but nothing makes it`, 'an initializer or a node may be missing from the file')
    );
  });
  while (inputs.at(-1) === '') inputs.pop();
  return inputs;
};

/**
 * Add what a node of the file stands for to `body`.
 * @param index its position in its graph or function, for nodes without a name.
 */
export const readNode = (ctx: ImportContext, proto: NodeProto, index: number, place: Place, body: Body): void => {
  const domain = normalDomain(proto.domain);
  const op = opName(domain, proto.opType);
  const wanted = place.prefix + (proto.name || `${proto.opType}_${index}`);
  try {
    if (proto.opType === '') invalid('a node has no op');
    const inputs = readInputs(proto.input, place);
    // Definitions were made for the whole graph before its nodes are read.
    const outputs = proto.output.map((name) => (name === '' ? '' : place.scope.resolve(name)!));
    ctx.names.count(1 + inputs.length + outputs.length + proto.attribute.length);
    const called = ctx.functions.get(functionKey(domain, proto.opType, proto.overload));
    if (called) return inlineCall(ctx, called, { name: ctx.names.node(wanted), inputs, outputs, attributes: proto.attribute }, place, body);
    const version = place.opsets.get(domain);
    if (version === undefined) {
      return invalid(`the model uses ${op}, but imports no version of the operator set ${domain || 'ai.onnx'}`);
    }
    const attrs = readAttributes(ctx, proto.attribute, place);
    if (domain === '' && proto.opType === 'Constant') {
      if (outputs.length !== 1 || outputs[0] === '') invalid('a Constant must have one output');
      body.initializers.set(outputs[0]!, constantTensor(attrs));
      return;
    }
    body.nodes.push({ name: ctx.names.node(wanted), op: proto.opType, domain, version, inputs, outputs, attrs });
  } catch (error) {
    throw error instanceof FlagosError ? error.at({ node: wanted, op }) : error;
  }
};
