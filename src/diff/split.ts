/**
 * Where a model is cut for a comparison. Left alone, a chip may take a whole model as one region, and
 * nothing inside of it could be looked at. By default a region ends before its second sum of products,
 * so that epilogues stay fused as they usually are; `node` takes every op by itself, `whole` changes nothing.
 */
import { opName } from '../core/graph.ts';
import type { OpenChip } from '../dispatch/planner.ts';
import { refused, type ChipSession, type Region, type Support } from '../plugins/contract.ts';

export const cuts = ['contraction', 'node', 'whole'] as const;
export type Cut = (typeof cuts)[number];

/** Ops with a kernel body of their own: everything else is an epilogue, or cheap. */
const bodies = new Set([
  'Conv',
  'ConvTranspose',
  'MatMul',
  'Gemm',
  'Einsum',
  'LSTM',
  'GRU',
  'RNN',
  'Softmax',
  'LRN',
  'MaxPool',
  'AveragePool',
  'tfjs.Conv',
  'tfjs.DepthwiseConv',
  'tfjs.MaxPool',
  'tfjs.AvgPool',
  'tfjs.LRN',
]);

/** A session that refuses some regions and is the same otherwise. */
export const refusing = (session: ChipSession, refuse: (region: Region) => Support | undefined): ChipSession => ({
  ...(session.memory ? { memory: session.memory } : {}),
  ...(session.instant === undefined ? {} : { instant: session.instant }),
  regions: session.regions,
  dynamicShapes: session.dynamicShapes,
  prior: session.prior,
  byName: true,
  supports: (region) => refuse(region) ?? session.supports(region),
  ...(session.variants ? { variants: (region: Region) => session.variants!(region) } : {}),
  prepare: (region, variant, watch) => session.prepare(region, variant, watch),
  close: () => session.close(),
});

const countBodies = (region: Region): number => region.nodes.filter((n) => bodies.has(opName(n.domain, n.op))).length;

const tooMuch =
  (cut: Cut) =>
  (region: Region): Support | undefined =>
    region.nodes.length > 1 && (cut === 'node' || countBodies(region) > 1) ? refused('REGION', 'cut here for the comparison') : undefined;

/** The chips of a runtime as a comparison uses them. */
export const cutChips = (chips: readonly OpenChip[], cut: Cut): readonly OpenChip[] =>
  cut === 'whole' ? chips : chips.map((c) => (c.session.regions === 'single' ? c : { ...c, session: refusing(c.session, tooMuch(cut)) }));
