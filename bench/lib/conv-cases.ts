/**
 * The distinct convolutions of well-known networks: ResNet-50 and SqueezeNet as the ONNX light models
 * have them, MobileNetV2 from the table of its paper (Sandler et al. 2018, table 2, width 1, 224×224).
 */
import { join } from 'node:path';
import { concreteShape } from '../../src/core/graph.ts';
import { specialize } from '../../src/dispatch/specialize.ts';
import { readOnnx } from '../../src/host/onnx-files.ts';
import { opSet } from '../../src/ops/index.ts';
import { input, opCase, weight, type OpCase } from './op-case.ts';

interface ConvShape {
  /** Channels in and out, height and width of the input, window, stride, padding on each side, groups. */
  readonly c: number;
  readonly m: number;
  readonly h: number;
  readonly w: number;
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly groups: number;
}

const extent = (size: number, kernel: number, stride: number, before: number, after: number): number =>
  Math.floor((size + before + after - kernel) / stride) + 1;

const convCase = (network: string, s: ConvShape): OpCase => {
  const { c, m, h, w, kernel, strides, pads, groups } = s;
  const [kh, kw] = kernel as [number, number];
  const out = [extent(h, kh, strides[0]!, pads[0]!, pads[2]!), extent(w, kw, strides[1]!, pads[1]!, pads[3]!)];
  const what = `${network} ${c}×${h}×${w} → ${m}, ${kh}×${kw}/${strides[0]}${groups > 1 ? ', depthwise' : ''}`;
  return opCase(
    'Conv',
    what,
    [input([1, c, h, w]), weight([m, c / groups, kh, kw]), weight([m])],
    { kernel_shape: kernel, strides, pads, group: groups },
    { group: groups > 1 ? 'Conv depthwise' : `Conv ${network}`, flops: 2 * m * out[0]! * out[1]! * (c / groups) * kh * kw },
  );
};

const distinct = (cases: readonly OpCase[]): OpCase[] => [...new Map(cases.map((c) => [c.name, c])).values()];

/** Convolutions of a model file, each shape once, in order. */
const fromModel = (network: string, path: string): OpCase[] => {
  const { graph } = readOnnx(path);
  const known = new Map(graph.inputs.filter((i) => !graph.initializers.has(i.name)).map((i) => [i.name, { type: i.type }]));
  const { nodes, types } = specialize(graph, known, { ops: opSet });
  return distinct(
    nodes.flatMap(({ node, args }) => {
      if (node.op !== 'Conv') return [];
      const [x, w] = [concreteShape(types.get(node.inputs[0]!) ?? args[0]!.type)!, concreteShape(args[1]!.type)!];
      const list = (name: string, or: number[]): number[] => {
        const a = node.attrs[name];
        return a?.type === 'ints' ? a.value.map(Number) : or;
      };
      const group = node.attrs['group'];
      return [
        convCase(network, {
          c: x[1]!,
          h: x[2]!,
          w: x[3]!,
          m: w[0]!,
          kernel: w.slice(2),
          strides: list('strides', [1, 1]),
          pads: list('pads', [0, 0, 0, 0]),
          groups: group?.type === 'int' ? Number(group.value) : 1,
        }),
      ];
    }),
  );
};

/** Rows of the paper's table: expansion t, channels out c, repeats n, stride s of the first. */
const bottlenecks = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

const mobileNet = (): OpCase[] => {
  const shapes: ConvShape[] = [];
  const pointwise = (c: number, m: number, size: number): void =>
    void shapes.push({ c, m, h: size, w: size, kernel: [1, 1], strides: [1, 1], pads: [0, 0, 0, 0], groups: 1 });
  shapes.push({ c: 3, m: 32, h: 224, w: 224, kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], groups: 1 });
  let [channels, size] = [32, 112];
  for (const [t, c, n, s] of bottlenecks) {
    for (let i = 0; i < n; i++) {
      const [inner, stride] = [channels * t, i === 0 ? s : 1];
      if (t > 1) pointwise(channels, inner, size);
      shapes.push({ c: inner, m: inner, h: size, w: size, kernel: [3, 3], strides: [stride, stride], pads: [1, 1, 1, 1], groups: inner });
      size = Math.ceil(size / stride);
      pointwise(inner, c, size);
      channels = c;
    }
  }
  pointwise(channels, 1280, size);
  return distinct(shapes.map((s) => convCase('MobileNetV2', s)));
};

/** @param tests folder of the ONNX backend tests; without it only MobileNetV2. */
export const convCases = (tests: string | undefined): OpCase[] => [
  ...(tests
    ? [
        ...fromModel('ResNet-50', join(tests, 'light/light_resnet50.onnx')),
        ...fromModel('SqueezeNet', join(tests, 'light/light_squeezenet.onnx')),
      ]
    : []),
  ...mobileNet(),
];
