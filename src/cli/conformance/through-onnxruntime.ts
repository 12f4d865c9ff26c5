/** Cases through onnxruntime's own JavaScript API: what a user of it sees, on any execution provider. */
import { asError, FlagosError } from '../../core/errors.ts';
import { isDType, type DType } from '../../core/dtype.ts';
import { describeValue, Tensor, type Value } from '../../core/tensor.ts';
import { fromOrt, toOrt } from '../../frameworks/onnxruntime/tensors.ts';
import type { OrtTensor } from '../../frameworks/onnxruntime/ort-types.ts';
import type { Flagos } from '../../host/flagos.ts';
import { importOnnxruntime } from '../onnxruntime-module.ts';
import { Untestable, type Runner } from './case.ts';

/** Element types that onnxruntime's JavaScript tensors cannot be made of or read from. */
const lacking: ReadonlySet<DType> = new Set<DType>([
  'bfloat16',
  'float8e4m3fn',
  'float8e4m3fnuz',
  'float8e5m2',
  'float8e5m2fnuz',
  'float8e8m0',
  'float4e2m1',
  'int2',
  'uint2',
  'complex64',
  'complex128',
]);

const needTensor = (value: Value | undefined, what: string): Tensor => {
  if (value instanceof Tensor && !lacking.has(value.dtype)) return value;
  throw new Untestable(`onnxruntime's JavaScript API has no type for ${what}, ${value === undefined ? 'nothing' : describeValue(value)}`);
};

/** @param flagos the runtime behind the provider `flagos`; undefined for onnxruntime's own providers. */
export const onnxruntimeRunner = async (cwd: string, provider: string, flagos: Flagos | undefined): Promise<Runner> => {
  const ort = await importOnnxruntime(cwd);
  if (flagos) await flagos.install(ort);
  return {
    load: async (path, model) => {
      const session = await ort.InferenceSession.create(path, { executionProviders: [provider], logSeverityLevel: 4 });
      return {
        run: async (inputs) => {
          const feeds: Record<string, OrtTensor> = {};
          model.graph.inputs.forEach((info, i) => {
            if (inputs[i] === undefined) return;
            feeds[info.name] = toOrt(ort.Tensor, info.name, needTensor(inputs[i], `input '${info.name}'`));
          });
          for (const { name, type } of model.graph.outputs) {
            if (type && (type.kind !== 'tensor' || lacking.has(type.dtype)))
              throw new Untestable(
                `onnxruntime's JavaScript API has no type for output '${name}', ${type.kind === 'tensor' ? type.dtype : type.kind}`,
              );
          }
          const results = await session.run(feeds).catch((thrown: unknown) => {
            // What onnxruntime-node has no tensors of, it says itself.
            throw flagos === undefined && /Tensor\.type is not supported/.test(asError(thrown).message)
              ? new Untestable(asError(thrown).message)
              : thrown;
          });
          return model.graph.outputs.map(({ name }) => {
            const value = results[name];
            if (value === undefined) return undefined;
            if (!isDType(value.type)) throw new FlagosError('FLAGOS_E_KERNEL_CONTRACT', `output '${name}' has the type '${value.type}'`);
            return fromOrt(name, value);
          });
        },
        close: async () => {
          try {
            await session.release();
          } catch (thrown) {
            throw new FlagosError('FLAGOS_E_KERNEL', `the session could not be released: ${asError(thrown).message}`, { cause: thrown });
          }
        },
      };
    },
  };
};
