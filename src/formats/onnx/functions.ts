/**
 * Model-local functions, inlined where they are called: inner values get names of their own, attribute
 * references take the call's attributes or the function's defaults, and the function's own operator
 * set versions hold inside it.
 *
 * Source: ONNX IR, "Functions"; onnx.proto, FunctionProto.
 */
import { FlagosError } from '../../core/errors.ts';
import { readAttributeAt } from './attributes.ts';
import {
  newestOpset,
  normalDomain,
  readOpsets,
  type Body,
  type Frame,
  type ImportContext,
  type LocalFunction,
  type Place,
} from './context.ts';
import { Scope } from './names.ts';
import type { AttributeProto, FunctionProto } from './onnx_pb.ts';
import { readValueInfo } from './types.ts';

const invalid = (reason: string): never => {
  throw new FlagosError('FLAGOS_E_MODEL_INVALID', reason);
};

/** What tells functions apart. */
export const functionKey = (domain: string, name: string, overload: string): string =>
  (domain === '' ? name : `${domain}.${name}`) + (overload === '' ? '' : `:${overload}`);

/** @throws FLAGOS_E_MODEL_INVALID for a function defined twice, without a name, or that names an output twice. */
export const readFunctions = (protos: readonly FunctionProto[]): Map<string, LocalFunction> => {
  const functions = new Map<string, LocalFunction>();
  for (const proto of protos) {
    if (proto.name === '') invalid('a function has no name');
    const key = functionKey(normalDomain(proto.domain), proto.name, proto.overload);
    if (functions.has(key)) invalid(`function ${key} is defined twice`);
    const defaults = new Map(proto.attributeProto.map((a) => [a.name, a]));
    const results = new Map(proto.output.map((name, i) => [name, i]));
    if (results.size !== proto.output.length) invalid(`function ${key} names an output twice`);
    functions.set(key, {
      key,
      proto,
      defaults,
      results,
      opsets: readOpsets(proto.opsetImport, `function ${key}`),
      attributes: new Set([...proto.attribute, ...defaults.keys()]),
    });
  }
  return functions;
};

/** A call, with names already those of the model. */
export interface Call {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly AttributeProto[];
}

const checkRecursion = (key: string, frame: Frame | undefined): void => {
  const path = [key];
  for (let f = frame; f; f = f.caller) {
    path.push(f.called.key);
    if (f.called.key === key) invalid(`function ${key} calls itself: ${path.reverse().join(' → ')}`);
  }
};

/** Attributes as the function body sees them. */
const frameOf = (ctx: ImportContext, called: LocalFunction, call: Call, place: Place): Frame => {
  const given = new Map(call.attributes.map((a) => [a.name, a]));
  const undeclared = [...given.keys()].find((name) => !called.attributes.has(name));
  if (undeclared !== undefined) invalid(`the call gives attribute '${undeclared}', which function ${called.key} does not have`);
  const read = (proto: AttributeProto | undefined): ReturnType<typeof readAttributeAt> => proto && readAttributeAt(ctx, proto, place);
  return { called, caller: place.frame, attribute: (name) => read(given.get(name)) ?? read(called.defaults.get(name)) };
};

/** The function's own names: formal inputs stand for the call's values, results for the call's outputs, the rest is new. */
const scopeOf = (ctx: ImportContext, called: LocalFunction, call: Call, prefix: string): Scope => {
  const { key, proto, results } = called;
  const { inputs, outputs } = call;
  if (inputs.length > proto.input.length) invalid(`the call gives ${inputs.length} inputs, function ${key} takes ${proto.input.length}`);
  if (outputs.length > proto.output.length)
    invalid(`the call takes ${outputs.length} outputs, function ${key} gives ${proto.output.length}`);
  const scope = new Scope();
  proto.input.forEach((formal, i) => scope.define(formal, inputs[i] ?? ''));
  for (const node of proto.node) {
    for (const name of node.output) {
      if (name === '') continue;
      const result = outputs[results.get(name) ?? -1];
      scope.define(name, result || ctx.names.value(prefix + name));
    }
  }
  return scope;
};

/**
 * Add the nodes of a function to the body of the graph that calls it.
 * @throws FLAGOS_E_MODEL_INVALID for recursion and for calls that do not fit; FLAGOS_E_MODEL_UNSUPPORTED past a limit.
 */
export const inlineCall = (ctx: ImportContext, called: LocalFunction, call: Call, place: Place, body: Body): void => {
  const { key, proto } = called;
  checkRecursion(key, place.frame);
  const depth = place.depth + 1;
  ctx.enter(depth, `the call of function ${key}`);
  ctx.names.count(proto.input.length + proto.output.length + proto.valueInfo.length + place.opsets.size + called.opsets.size);
  const prefix = `${call.name}/`;
  const scope = scopeOf(ctx, called, call, prefix);
  const inner: Place = {
    scope,
    opsets: new Map([...place.opsets, ...called.opsets]),
    frame: frameOf(ctx, called, call, place),
    prefix,
    depth,
  };
  proto.node.forEach((node, i) => ctx.read.node(ctx, node, i, inner, body));
  for (const info of proto.valueInfo) {
    const name = scope.resolve(info.name);
    const type = readValueInfo(info, 'value');
    if (name && type && !body.types.has(name)) body.types.set(name, type);
  }
  call.outputs.forEach((actual, i) => {
    const formal = proto.output[i]!;
    const made = scope.resolve(formal);
    if (actual === '' || made === actual) return;
    // The result is an input of the function.
    if (!made) invalid(`function ${key} does not make its output '${formal}'`);
    else
      body.nodes.push({
        name: ctx.names.node(`${prefix}Identity`),
        op: 'Identity',
        domain: '',
        version: newestOpset,
        inputs: [made],
        outputs: [actual],
        attrs: {},
      });
  });
};
