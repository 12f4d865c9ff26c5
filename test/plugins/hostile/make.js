/** A plugin that does everything right with Relu and Add in float32, but for what it is told to do wrong. */
export const make = (api, name, wrong) => {
  const { Tensor, definePlugin, refused, supported, KERNEL_PROVIDER } = api;
  const session = {
    regions: 'single',
    dynamicShapes: false,
    prior: { overheadUs: 1, gflops: 1, gbps: 1 },
    supports({ nodes, types }) {
      const [node] = nodes;
      if (nodes.length !== 1 || node.domain !== '' || !['Relu', 'Add'].includes(node.op)) return refused('NO_KERNEL', 'only Relu and Add');
      const known = [...node.inputs].map((n) => types.get(n));
      if (known.some((t) => t?.kind !== 'tensor' || t.dtype !== 'float32' || !t.shape.every((d) => typeof d === 'number')))
        return refused('DTYPE', 'only float32 of known shape');
      if (node.op === 'Add' && String(known[0].shape) !== String(known[1].shape)) return refused('SHAPE', 'equal shapes only');
      return supported;
    },
    prepare({ nodes: [node], constants, inputs }) {
      const at = node.inputs.map((n) => constants.get(n) ?? inputs.findIndex((v) => v.name === n));
      return {
        workspaceBytes: 0,
        run(given, outputs) {
          const [a, b] = at.map((p) => (typeof p === 'number' ? given[p] : p));
          const honest = () => {
            const y = (outputs[0] ??= Tensor.zeros('float32', a.dims));
            for (let i = 0; i < y.data.length; i++) y.data[i] = node.op === 'Add' ? a.data[i] + b.data[i] : a.data[i] < 0 ? 0 : a.data[i];
          };
          return wrong({ node, a, b, outputs, honest, Tensor });
        },
        dispose() {},
      };
    },
    close() {},
  };
  const provider = {
    name,
    kind: 'vendor',
    version: '1.0.0',
    probe: () => ({ chips: [{ id: 'cpu', description: name, fingerprint: '1' }] }),
    open: () => session,
  };
  return definePlugin({ abi: 1, bind: (c) => void c.bind(KERNEL_PROVIDER).toConstantValue(provider) });
};
