/**
 * The part of tfjs-core's interface this adapter uses. Declared here, because the package is the user's,
 * not ours: whichever copy and version `install` is given is the one used.
 */
export type TfDType = 'float32' | 'int32' | 'bool' | 'complex64' | 'string';

/** Identity of a tensor's contents; several tensors may share it. */
export type DataId = object;
export type TypedValues = Float32Array | Int32Array | Uint8Array;
/** Strings are kept as UTF-8, one array each. */
export type BackendValues = TypedValues | Uint8Array[];

export interface TensorInfo {
  readonly dataId: DataId;
  readonly shape: number[];
  readonly dtype: TfDType;
}
/** Variadic kernels get an array. */
export type TfInputs = Readonly<Record<string, TensorInfo | null | undefined>>;
export type TfAttributes = Readonly<Record<string, unknown>>;

export interface KernelCall {
  readonly inputs: TfInputs;
  readonly attrs?: TfAttributes | undefined;
  readonly backend: TfBackend;
}
export interface KernelConfig {
  readonly kernelName: string;
  readonly backendName: string;
  readonly kernelFunc: (call: KernelCall) => TensorInfo | TensorInfo[];
  readonly setupFunc?: (backend: TfBackend) => void;
  readonly disposeFunc?: (backend: TfBackend) => void;
}

/** What tfjs asks of a backend. */
export interface TfBackend {
  refCount(dataId: DataId): number;
  incRef(dataId: DataId): void;
  timerAvailable(): boolean;
  time(f: () => void): Promise<{ kernelMs: number | { error: string }; getExtraProfileInfo?(): string }>;
  read(dataId: DataId): Promise<BackendValues>;
  readSync(dataId: DataId): BackendValues;
  numDataIds(): number;
  disposeData(dataId: DataId, force?: boolean): boolean;
  write(values: BackendValues, shape: number[], dtype: TfDType): DataId;
  move(dataId: DataId, values: BackendValues, shape: number[], dtype: TfDType, refCount: number): void;
  memory(): { unreliable: boolean; reasons?: string[] };
  floatPrecision(): 16 | 32;
  epsilon(): number;
  dispose(): void;
}

export interface TfEngine {
  readonly registry: Readonly<Record<string, TfBackend | undefined>>;
  readonly registryFactory: Readonly<Record<string, unknown>>;
  readonly state: {
    readonly tensorInfo: { has(dataId: DataId): boolean; get(dataId: DataId): { readonly backend: TfBackend } | undefined };
    /** Above zero while gradients are recorded. */
    readonly gradientDepth: number;
  };
  readonly backendName: string | undefined;
  moveData(backend: TfBackend, dataId: DataId): void;
  setBackend(name: string): Promise<boolean>;
  makeTensorFromTensorInfo(info: TensorInfo, backend: TfBackend): TfTensor;
}

/** A tensor of the user's. */
export interface TfTensor extends TensorInfo {
  readonly isDisposed: boolean;
  clone(): TfTensor;
  dataSync(): BackendValues;
  dispose(): void;
}

export interface TfModule {
  engine(): TfEngine;
  registerBackend(name: string, factory: () => TfBackend, priority?: number): boolean;
  findBackend(name: string): TfBackend | null;
  registerKernel(config: KernelConfig): void;
  getKernel(name: string, backend: string): KernelConfig | undefined;
  getKernelsForBackend(backend: string): KernelConfig[];
  unregisterKernel(name: string, backend: string): void;
  removeBackend(name: string): void;
  setBackend(name: string): Promise<boolean>;
  env(): { set(flag: string, value: boolean): void; getBool(flag: string): boolean };
  tensor(values: unknown, shape: number[], dtype?: TfDType): TfTensor;
  zeros(shape: number[], dtype?: TfDType): TfTensor;
  keep(tensor: TfTensor): TfTensor;
  tidy<T>(f: () => T): T;
}
