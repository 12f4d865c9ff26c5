/** The op set of this library: every family's records. A family is a file; each export that is a record is registered. */
import type { OpRecord } from './define.ts';
import { OpSet } from './registry.ts';
import * as activations from './activations.ts';
import * as affineGrid from './affine-grid.ts';
import * as argReduce from './arg-reduce.ts';
import * as arithmetic from './arithmetic.ts';
import * as attention from './attention.ts';
import * as bitwise from './bitwise.ts';
import * as casts from './cast.ts';
import * as causalConv from './causal-conv.ts';
import * as channelNormalize from './channel-normalize.ts';
import * as col2im from './col2im.ts';
import * as constants from './constant.ts';
import * as controlFlow from './control-flow.ts';
import * as convFused from './conv-fused.ts';
import * as convTranspose from './conv-transpose.ts';
import * as conv from './conv.ts';
import * as cumulative from './cumulative.ts';
import * as deformConv from './deform-conv.ts';
import * as det from './det.ts';
import * as dft from './dft.ts';
import * as einsum from './einsum.ts';
import * as elementwise from './elementwise.ts';
import * as embedNormalize from './embed-normalize.ts';
import * as flexAttention from './flex-attention.ts';
import * as gather from './gather.ts';
import * as geluVariants from './gelu-variants.ts';
import * as generate from './generate.ts';
import * as globalPool from './global-pool.ts';
import * as gqa from './gqa.ts';
import * as gridSample from './grid-sample.ts';
import * as imageDecoder from './image-decoder.ts';
import * as layout from './layout.ts';
import * as linearAttention from './linear-attention.ts';
import * as logic from './logic.ts';
import * as loss from './loss.ts';
import * as lpNormalize from './lp-normalize.ts';
import * as matmulFused from './matmul-fused.ts';
import * as matmulNbits from './matmul-nbits.ts';
import * as matmul from './matmul.ts';
import * as maxUnpool from './max-unpool.ts';
import * as mel from './mel.ts';
import * as mlFeatures from './ml-features.ts';
import * as mlLinear from './ml-linear.ts';
import * as mlMaps from './ml-maps.ts';
import * as mlSvm from './ml-svm.ts';
import * as mlTreesOld from './ml-trees-old.ts';
import * as mlTrees from './ml-trees.ts';
import * as msAttention from './ms-attention.ts';
import * as ngrams from './ngrams.ts';
import * as nms from './nms.ts';
import * as normalize from './normalize.ts';
import * as optimizers from './optimizers.ts';
import * as optional from './optional.ts';
import * as padding from './pad.ts';
import * as pool from './pool.ts';
import * as qAttention from './q-attention.ts';
import * as qConv from './q-conv.ts';
import * as qMatmul from './q-matmul.ts';
import * as qPool from './q-pool.ts';
import * as qRnn from './q-rnn.ts';
import * as qlinear from './qlinear.ts';
import * as quantize from './quantize.ts';
import * as rearrange from './rearrange.ts';
import * as reduce from './reduce.ts';
import * as resize from './resize.ts';
import * as rnn from './rnn.ts';
import * as roiPool from './roi-pool.ts';
import * as rotary from './rotary.ts';
import * as sampling from './sampling.ts';
import * as scanOp from './scan-op.ts';
import * as scatter from './scatter.ts';
import * as select from './select.ts';
import * as sequence from './sequence.ts';
import * as shape from './shape.ts';
import * as skipNormalize from './skip-normalize.ts';
import * as softmax from './softmax.ts';
import * as text from './text.ts';
import * as tfjsConv from './tfjs/conv.ts';
import * as tfjsPool from './tfjs/pool.ts';
import * as tfjsFft from './tfjs/fft.ts';
import * as tfjsIndexing from './tfjs/indexing.ts';
import * as tfjsNms from './tfjs/nms.ts';
import * as tfjsDilation from './tfjs/dilation.ts';
import * as tfjsLrn from './tfjs/lrn.ts';
import * as tfjsResize from './tfjs/resize.ts';
import * as tfjsWarp from './tfjs/warp.ts';
import * as topk from './topk.ts';
import * as unique from './unique.ts';

const families: readonly Readonly<Record<string, unknown>>[] = [
  activations,
  affineGrid,
  argReduce,
  arithmetic,
  attention,
  bitwise,
  casts,
  causalConv,
  channelNormalize,
  col2im,
  constants,
  controlFlow,
  convFused,
  convTranspose,
  conv,
  cumulative,
  deformConv,
  det,
  dft,
  einsum,
  elementwise,
  embedNormalize,
  flexAttention,
  gather,
  geluVariants,
  generate,
  globalPool,
  gqa,
  gridSample,
  imageDecoder,
  layout,
  linearAttention,
  logic,
  loss,
  lpNormalize,
  matmulFused,
  matmulNbits,
  matmul,
  maxUnpool,
  mel,
  mlFeatures,
  mlLinear,
  mlMaps,
  mlSvm,
  mlTreesOld,
  mlTrees,
  msAttention,
  ngrams,
  nms,
  normalize,
  optimizers,
  optional,
  padding,
  pool,
  qAttention,
  qConv,
  qMatmul,
  qPool,
  qRnn,
  qlinear,
  quantize,
  rearrange,
  reduce,
  resize,
  rnn,
  roiPool,
  rotary,
  sampling,
  scanOp,
  scatter,
  select,
  sequence,
  shape,
  skipNormalize,
  softmax,
  text,
  tfjsConv,
  tfjsPool,
  tfjsFft,
  tfjsIndexing,
  tfjsNms,
  tfjsDilation,
  tfjsLrn,
  tfjsResize,
  tfjsWarp,
  topk,
  unique,
];

const isRecord = (x: unknown): x is OpRecord => typeof x === 'object' && x !== null && 'since' in x && 'inputs' in x && 'outputs' in x;

export const opRecords: readonly OpRecord[] = families.flatMap((family) => Object.values(family).filter(isRecord));
export const opSet = new OpSet(opRecords);
/** The record of an op, if there is one. */
export const findOp = (domain: string, op: string): OpRecord | undefined => opSet.find(domain, op);
