/** The op set of this library: every family's records. A family is a file; each export that is a record is registered. */
import type { OpRecord } from './define.ts';
import { OpSet } from './registry.ts';
import * as activations from './activations.ts';
import * as argReduce from './arg-reduce.ts';
import * as arithmetic from './arithmetic.ts';
import * as bitwise from './bitwise.ts';
import * as casts from './cast.ts';
import * as channelNormalize from './channel-normalize.ts';
import * as col2im from './col2im.ts';
import * as constants from './constant.ts';
import * as controlFlow from './control-flow.ts';
import * as cumulative from './cumulative.ts';
import * as det from './det.ts';
import * as elementwise from './elementwise.ts';
import * as gather from './gather.ts';
import * as geluVariants from './gelu-variants.ts';
import * as generate from './generate.ts';
import * as layout from './layout.ts';
import * as logic from './logic.ts';
import * as loss from './loss.ts';
import * as lpNormalize from './lp-normalize.ts';
import * as mlFeatures from './ml-features.ts';
import * as mlLinear from './ml-linear.ts';
import * as mlMaps from './ml-maps.ts';
import * as mlSvm from './ml-svm.ts';
import * as mlTrees from './ml-trees.ts';
import * as mlTreesOld from './ml-trees-old.ts';
import * as ngrams from './ngrams.ts';
import * as nms from './nms.ts';
import * as normalize from './normalize.ts';
import * as optimizers from './optimizers.ts';
import * as optional from './optional.ts';
import * as padding from './pad.ts';
import * as qlinear from './qlinear.ts';
import * as quantize from './quantize.ts';
import * as rearrange from './rearrange.ts';
import * as reduce from './reduce.ts';
import * as sampling from './sampling.ts';
import * as scanOp from './scan-op.ts';
import * as scatter from './scatter.ts';
import * as select from './select.ts';
import * as sequence from './sequence.ts';
import * as shape from './shape.ts';
import * as skipNormalize from './skip-normalize.ts';
import * as softmax from './softmax.ts';
import * as text from './text.ts';
import * as topk from './topk.ts';
import * as unique from './unique.ts';

const families: readonly Readonly<Record<string, unknown>>[] = [
  activations, argReduce, arithmetic, bitwise, casts, channelNormalize, col2im, constants, controlFlow, cumulative, det,
  elementwise, gather, geluVariants, generate, layout, logic, loss, lpNormalize, mlFeatures, mlLinear, mlMaps, mlSvm, mlTrees,
  mlTreesOld, ngrams, nms, normalize, optimizers, optional, padding, qlinear, quantize, rearrange, reduce, sampling, scanOp,
  scatter, select, sequence, shape, skipNormalize, softmax, text, topk, unique,
];

const isRecord = (x: unknown): x is OpRecord => typeof x === 'object' && x !== null && 'since' in x && 'inputs' in x && 'outputs' in x;

export const opRecords: readonly OpRecord[] = families.flatMap((family) => Object.values(family).filter(isRecord));
export const opSet = new OpSet(opRecords);
/** The record of an op, if there is one. */
export const findOp = (domain: string, op: string): OpRecord | undefined => opSet.find(domain, op);
