/** The provider `acme`: element-wise kernels in plain JavaScript, to be replaced by what the chip has. */
import {
  definePlugin,
  FlagosError,
  KERNEL_PROVIDER,
  refused,
  supported,
  Tensor,
  type ChipSession,
  type KernelProvider,
  type Prepared,
  type Region,
  type Support,
} from 'flagos/plugin';

/** By op: an element of the result. NaN stays NaN, as ONNX wants it. */
const kernels: Readonly<Record<string, (x: number) => number>> = {
  Relu: (x) => (x < 0 ? 0 : x),
  Neg: (x) => -x,
  Abs: Math.abs,
};

class Session implements ChipSession {
  readonly regions = 'single';
  readonly dynamicShapes = true;
  readonly instant = true;
  /** A guess, used until there are measurements: microseconds a call, 10⁹ operations and bytes a second. */
  readonly prior = { overheadUs: 1, gflops: 1, gbps: 2 };

  /** Pure: the same answer for the same region. Promise only what holds: the kit tries all of it. */
  supports(region: Region): Support {
    const [node] = region.nodes;
    if (!node || region.nodes.length !== 1) return refused('REGION', 'runs one op at a time');
    if (node.domain !== '' || !(node.op in kernels)) return refused('NO_KERNEL', `there is no ${node.op} here`);
    const type = region.types.get(node.inputs[0] ?? '');
    if (type?.kind !== 'tensor' || type.dtype !== 'float32') return refused('DTYPE', 'only float32');
    return supported;
  }

  /** May be slow: compile, pack weights, plan. */
  prepare(region: Region): Prepared {
    const node = region.nodes[0]!;
    const kernel = kernels[node.op];
    if (!kernel) throw new FlagosError('FLAGOS_E_UNSUPPORTED', `there is no ${node.op} here`);
    // A value known beforehand is a constant of the region and not among its inputs.
    const constant = region.constants.get(node.inputs[0]!);
    return {
      workspaceBytes: 0,
      run(inputs, outputs) {
        const x = constant ?? (inputs[0] as Tensor);
        // Where a tensor is given the result goes into it; else the kernel puts one of its own.
        const y = (outputs[0] ??= Tensor.zeros('float32', x.dims)) as Tensor;
        const [from, to] = [x.data as Float32Array, y.data as Float32Array];
        for (let i = 0; i < from.length; i++) to[i] = kernel(from[i]!);
      },
      dispose() {},
    };
  }

  close(): void {}
}

export const provider: KernelProvider = {
  name: 'acme',
  kind: 'vendor',
  version: '0.1.0',
  // Where a chip, a driver or a library may be missing: leave the chip out and say so in `missing`, with what could be done.
  probe: () => ({ chips: [{ id: 'cpu', description: 'plain JavaScript', fingerprint: `acme 0.1.0; ${process.arch}` }] }),
  open: () => new Session(),
};

export default definePlugin({ abi: 1, bind: (container) => void container.bind(KERNEL_PROVIDER).toConstantValue(provider) });
