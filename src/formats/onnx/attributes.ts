/** A node's attributes at a place: references into the enclosing function call followed, graphs read with the names around them. */
import { FlagosError } from '../../core/errors.ts';
import type { Attribute, Attributes } from '../../core/graph.ts';
import { fitsReference, readAttribute, type AttributeReader } from './attribute.ts';
import type { ImportContext, Place } from './context.ts';
import type { AttributeProto } from './onnx_pb.ts';

const invalid = (reason: string): never => {
  throw new FlagosError('FLAGOS_E_MODEL_INVALID', reason);
};

/** What attributes need in order to be read at a place. */
const readerAt = (ctx: ImportContext, place: Place): AttributeReader => ({
  tensor: (proto, what) => ctx.tensor(proto, what),
  sparseTensor: (proto, what) => ctx.sparseTensor(proto, what),
  graph: (proto) => ctx.read.graph(ctx, proto, place),
});

/** One attribute at a place; undefined when it refers to an attribute the enclosing call leaves out. */
export const readAttributeAt = (ctx: ImportContext, proto: AttributeProto, place: Place): Attribute | undefined => {
  const what = `attribute '${proto.name}'`;
  if (proto.refAttrName === '') {
    const known = ctx.attributes.get(proto);
    if (known) return known;
    const attribute = readAttribute(proto, what, readerAt(ctx, place));
    // The values inside a graph get new names each time.
    if (attribute.type !== 'graph' && attribute.type !== 'graphs') ctx.attributes.set(proto, attribute);
    return attribute;
  }
  const { frame } = place;
  if (!frame) return invalid(`${what} refers to '${proto.refAttrName}' of a function, but stands in none`);
  if (!frame.called.attributes.has(proto.refAttrName))
    return invalid(`${what} refers to '${proto.refAttrName}', which function ${frame.called.key} does not have`);
  const attribute = frame.attribute(proto.refAttrName);
  if (attribute && !fitsReference(proto, attribute))
    return invalid(`${what} refers to '${proto.refAttrName}' as another type than it is given: ${attribute.type}`);
  return attribute;
};

/** The attributes of a node. */
export const readAttributes = (ctx: ImportContext, protos: readonly AttributeProto[], place: Place): Attributes => {
  const found = new Map<string, Attribute>();
  const seen = new Set<string>();
  for (const proto of protos) {
    if (proto.name === '') invalid('an attribute has no name');
    if (seen.has(proto.name)) invalid(`attribute '${proto.name}' is given twice`);
    seen.add(proto.name);
    const attribute = readAttributeAt(ctx, proto, place);
    if (attribute) found.set(proto.name, attribute);
  }
  return Object.fromEntries(found);
};
