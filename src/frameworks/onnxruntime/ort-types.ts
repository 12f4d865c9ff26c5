/**
 * The part of onnxruntime-common's interface this adapter uses. Declared here, because the package is
 * the user's, not ours: whichever copy and version `install` is given is the one used.
 */
export interface OrtTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: ArrayBufferView | readonly string[];
}
export interface OrtTensorConstructor {
  new (type: string, data: unknown, dims: readonly number[]): OrtTensor;
}
export type OrtMetadata =
  | { readonly name: string; readonly isTensor: false }
  | { readonly name: string; readonly isTensor: true; readonly type: string; readonly shape: readonly (number | string)[] };

export interface OrtSessionOptions {
  readonly executionProviders?: readonly (string | ({ readonly name: string } & Readonly<Record<string, unknown>>))[];
  readonly enableProfiling?: boolean;
  readonly profileFilePrefix?: string;
  readonly externalData?: readonly (string | { readonly path: string; readonly data: unknown })[];
}
export interface OrtSessionHandler {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata: readonly OrtMetadata[];
  readonly outputMetadata: readonly OrtMetadata[];
  startProfiling(): void;
  endProfiling(): void;
  run(
    feeds: Readonly<Record<string, OrtTensor>>,
    fetches: Readonly<Record<string, OrtTensor | null>>,
    options: unknown,
  ): Promise<Record<string, OrtTensor>>;
  dispose(): Promise<void>;
}
export interface OrtBackend {
  init(name: string): Promise<void>;
  createInferenceSessionHandler(model: string | Uint8Array, options?: OrtSessionOptions): Promise<OrtSessionHandler>;
}
/** The module object a user has: `import * as ort from 'onnxruntime-node'`, or its default export. */
export interface OrtModule {
  readonly Tensor: OrtTensorConstructor;
  registerBackend(name: string, backend: OrtBackend, priority: number): void;
}
