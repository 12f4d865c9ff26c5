/**
 * Kernels of complex numbers. A complex tensor is a pair of real ones, as in tfjs's own backends: what
 * moves or adds elements is done to both halves, the rest by its formula.
 */
import type { FlagosBackend } from './backend.ts';
import type { Cell } from './cells.ts';
import type { KernelCall, TensorInfo, TfInputs } from './tf-types.ts';

type Result = TensorInfo | TensorInfo[];
type Run = (name: string, call: KernelCall) => Result;

/** Kernels whose halves are independent. */
const halfByHalf = new Set([
  'Add',
  'AddN',
  'Concat',
  'Cumsum',
  'GatherV2',
  'Mean',
  'Neg',
  'Pack',
  'PadV2',
  'Reverse',
  'Select',
  'Slice',
  'SplitV',
  'StridedSlice',
  'Sub',
  'Sum',
  'Tile',
  'Transpose',
  'Unpack',
]);

interface Halves {
  readonly real: TensorInfo;
  readonly imag: TensorInfo;
}

class ComplexCall {
  readonly #name: string;
  readonly #call: KernelCall;
  readonly #run: Run;
  readonly #backend: FlagosBackend;
  /** What is made on the way, to be let go of at the end. */
  readonly #between: TensorInfo[] = [];

  constructor(name: string, call: KernelCall, run: Run) {
    this.#name = name;
    this.#call = call;
    this.#run = run;
    this.#backend = call.backend as unknown as FlagosBackend;
  }

  result(): Result | undefined {
    try {
      return this.#result();
    } finally {
      for (const { dataId } of this.#between) this.#backend.disposeData(dataId);
    }
  }

  #op(name: string, inputs: TfInputs, attrs: KernelCall['attrs'] = {}): TensorInfo {
    const made = this.#run(name, { inputs, attrs, backend: this.#backend }) as TensorInfo;
    this.#between.push(made);
    return made;
  }

  /** A result keeps what it is made of. */
  #keep(info: TensorInfo): Cell {
    this.#backend.incRef(info.dataId);
    return this.#backend.cell(info.dataId);
  }

  #complex(real: TensorInfo, imag: TensorInfo): TensorInfo {
    const cell = this.#backend.complex(this.#keep(real), this.#keep(imag), real.shape);
    return { dataId: cell, shape: [...real.shape], dtype: 'complex64' };
  }

  /** The halves of an operand; of a real one the second is zero. */
  #halves(x: TensorInfo): Halves {
    if (x.dtype !== 'complex64') {
      const real = x.dtype === 'float32' ? x : this.#op('Cast', { x }, { dtype: 'float32' });
      return { real, imag: this.#op('ZerosLike', { x: real }) };
    }
    const { real, imag } = this.#backend.cell(x.dataId).parts!;
    return { real: { dataId: real, shape: x.shape, dtype: 'float32' }, imag: { dataId: imag, shape: x.shape, dtype: 'float32' } };
  }

  /** A half as a tensor of its own. */
  #own(half: TensorInfo): TensorInfo {
    const cell = this.#backend.alias(this.#backend.cell(half.dataId), half.shape);
    return { dataId: cell, shape: [...half.shape], dtype: 'float32' };
  }

  /** The kernel on all first halves, then on all second ones. */
  #split(): Result {
    const side = (half: 'real' | 'imag'): TensorInfo[] => {
      const inputs: Record<string, TensorInfo | null | undefined> = {};
      for (const name in this.#call.inputs) {
        const x = this.#call.inputs[name];
        // Conditions and indices are no numbers of the two halves.
        inputs[name] = !x || name === 'condition' || name === 'indices' ? x : this.#halves(x)[half];
      }
      const attrs = half === 'imag' && this.#name === 'PadV2' ? { ...this.#call.attrs, constantValue: 0 } : this.#call.attrs;
      const made = this.#run(this.#name, { inputs, attrs, backend: this.#backend });
      const list = Array.isArray(made) ? made : [made];
      this.#between.push(...list);
      return list;
    };
    const [real, imag] = [side('real'), side('imag')];
    const both = real.map((r, i) => this.#complex(r, imag[i]!));
    return this.#name === 'Unpack' || this.#name === 'SplitV' ? both : both[0]!;
  }

  #result(): Result | undefined {
    const { inputs, attrs = {} } = this.#call;
    if (halfByHalf.has(this.#name)) return this.#split();
    switch (this.#name) {
      case 'Complex':
        return this.#ownPair(inputs['real']!, inputs['imag']!);
      case 'Real':
      case 'Imag': {
        const { real, imag } = this.#halves(inputs['input']!);
        return this.#own(this.#name === 'Real' ? real : imag);
      }
      case 'ComplexAbs': {
        const { real, imag } = this.#halves(inputs['x']!);
        return this.#run('FlagosHypot', { inputs: { a: real, b: imag }, backend: this.#backend });
      }
      case 'Cast':
        return this.#cast(inputs['x']!, String(attrs['dtype']));
      case 'ZerosLike':
      case 'OnesLike': {
        const { real, imag } = this.#halves(inputs['x']!);
        return this.#complex(this.#op(this.#name, { x: real }), this.#op('ZerosLike', { x: imag }));
      }
      case 'FFT':
      case 'IFFT': {
        const made = this.#run(this.#name, { inputs: { ...this.#halves(inputs['input']!) }, backend: this.#backend }) as TensorInfo[];
        this.#between.push(...made);
        return this.#complex(made[0]!, made[1]!);
      }
      case 'Multiply':
        return this.#product(this.#halves(inputs['a']!), this.#halves(inputs['b']!));
      default:
        return undefined;
    }
  }

  #ownPair(real: TensorInfo, imag: TensorInfo): TensorInfo {
    const [a, b] = [this.#own(real), this.#own(imag)];
    this.#between.push(a, b);
    return this.#complex(a, b);
  }

  #cast(x: TensorInfo, dtype: string): Result {
    const { real, imag } = this.#halves(x);
    return dtype === 'complex64'
      ? this.#ownPair(real, imag)
      : this.#run('Cast', { inputs: { x: real }, attrs: { dtype }, backend: this.#backend });
  }

  #product(x: Halves, y: Halves): TensorInfo {
    const times = (a: TensorInfo, b: TensorInfo): TensorInfo => this.#op('Multiply', { a, b });
    const real = this.#op('Sub', { a: times(x.real, y.real), b: times(x.imag, y.imag) });
    return this.#complex(real, this.#op('Add', { a: times(x.real, y.imag), b: times(x.imag, y.real) }));
  }
}

/** Kernels that are about complex numbers whatever their operands are. */
export const complexKernels: ReadonlySet<string> = new Set(['Complex', 'Real', 'Imag', 'ComplexAbs']);

/** @returns undefined if nothing here knows the kernel for complex numbers. */
export const callComplex = (name: string, call: KernelCall, run: Run): Result | undefined => new ComplexCall(name, call, run).result();

/** Whether a call is one about complex numbers although its operands are real. */
export const makesComplex = (name: string, call: KernelCall): boolean => name === 'Cast' && call.attrs?.['dtype'] === 'complex64';
