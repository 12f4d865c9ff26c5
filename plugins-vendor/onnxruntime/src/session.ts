/**
 * Sessions of onnxruntime: opened on the native binding inside onnxruntime-node, where `run` is a plain call,
 * or, when that is not where it was in 1.30, through the public API, which puts every run behind
 * `setImmediate` and resolves providers through a registry in which flagos itself may stand.
 */
import { dtypeFromOnnx, type TensorData } from 'flagos/plugin';

/**
 * What onnxruntime reads of a tensor. Its own class is not used: where there is a Float16Array it stores
 * float16 in one, which the native side of 1.30 takes for empty.
 */
export interface OrtTensor {
  readonly type: string;
  readonly data: TensorData;
  readonly dims: readonly number[];
  readonly location: 'cpu';
}
export type Tensors<T> = { [name: string]: T };

/** A session of onnxruntime, opened one way or the other. */
export interface Runner {
  readonly outputTypes: readonly (string | undefined)[];
  /** Whether results can be written into given memory. */
  readonly takesPlaces: boolean;
  run(feeds: Tensors<OrtTensor>, fetches: Tensors<OrtTensor | null>): Tensors<OrtTensor> | Promise<Tensors<OrtTensor>>;
  dispose(): void | Promise<void>;
}

/** What is used of onnxruntime-node's `dist/binding`. */
export interface Binding {
  readonly initOrt: () => void;
  readonly binding: {
    readonly InferenceSession: new () => {
      loadModel(buffer: ArrayBufferLike, byteOffset: number, byteLength: number, options: object): void;
      readonly outputMetadata: readonly { readonly isTensor: boolean; readonly type: number }[];
      run(feeds: Tensors<OrtTensor>, fetches: Tensors<OrtTensor | null>, options: object): Tensors<OrtTensor>;
      dispose(): void;
    };
  };
}

/** What is used of onnxruntime-node itself. */
export interface Ort {
  readonly InferenceSession: {
    create(
      bytes: Uint8Array,
      options: object,
    ): Promise<{
      readonly outputMetadata: readonly { readonly isTensor: boolean; readonly type?: string }[];
      run(feeds: Tensors<OrtTensor>, fetches: Tensors<OrtTensor | null>): Promise<Tensors<OrtTensor>>;
      release(): Promise<void>;
    }>;
  };
}

const noOptions = {};

/** @param takesPlaces known of 1.30 only: later ones may hand the given memory out again as their own. */
export const openNative = ({ binding }: Binding, takesPlaces: boolean, bytes: Uint8Array, options: object): Runner => {
  const session = new binding.InferenceSession();
  session.loadModel(bytes.buffer, bytes.byteOffset, bytes.byteLength, options);
  return {
    outputTypes: session.outputMetadata.map((m) => (m.isTensor ? dtypeFromOnnx(m.type) : undefined)),
    takesPlaces,
    run: (feeds, fetches) => session.run(feeds, fetches, noOptions),
    dispose: () => session.dispose(),
  };
};

export const openPublic = async ({ InferenceSession }: Ort, bytes: Uint8Array, options: object): Promise<Runner> => {
  const session = await InferenceSession.create(bytes, options);
  return {
    outputTypes: session.outputMetadata.map((m) => m.type),
    takesPlaces: false,
    run: (feeds, fetches) => session.run(feeds, fetches),
    dispose: () => session.release(),
  };
};
