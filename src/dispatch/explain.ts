/** The words of planning: why a node runs where it runs, and why nobody can run one. */
import { FlagosError } from '../core/errors.ts';
import { opName } from '../core/graph.ts';
import type { Decision, Verdict } from '../opmanager/decision.ts';
import { signatureOf } from './planned.ts';
import type { SpecialNode } from './specialize.ts';

/** What the planner knows of a choice beyond its verdicts. */
export interface ChoiceFacts {
  readonly region: { readonly id: number; readonly nodes: number };
  /** Microseconds by which copies would grow if the node alone moved to where this candidate runs. */
  readonly moreCopiesUs: (v: Verdict) => number;
  /** Which of them are for values the node reads, with their microseconds, and the memory they would go to. */
  readonly copiesIn: (v: Verdict) => {
    readonly memory: string;
    readonly inputs: readonly { readonly name: string; readonly us: number }[];
  };
  /** Microseconds of the whole graph under this plan, where the tuner settled on it. */
  readonly wholeUs: number | undefined;
}

/** The fewest inputs, the dearest first, whose copies eat the gain. */
const winsIf = (v: Verdict, gainUs: number, copiesUs: number, { copiesIn }: ChoiceFacts): Verdict['winsIf'] => {
  const { memory, inputs } = copiesIn(v);
  const needed: string[] = [];
  let left = copiesUs;
  for (const { name, us: saved } of inputs.toSorted((a, b) => b.us - a.us)) {
    if (left < gainUs) break;
    needed.push(name);
    left -= saved;
  }
  return left < gainUs ? { inputs: needed, memory } : undefined;
};

const timeOf = (v: Verdict): number => v.expectedUs! + v.overheadUs;
const us = (n: number): string => `${n.toFixed(1)} µs`;

/** The verdict on a candidate that could have run the node, now that another one does. */
const passedOver = (v: Verdict, chosen: Verdict, facts: ChoiceFacts): Verdict => {
  const rejected = (reason: Verdict['reason'], detail: string): Verdict => ({ ...v, status: 'rejected', reason, detail });
  if (v.tier! > chosen.tier!) return rejected('POLICY', `policy ranks ${chosen.provider} before it`);
  if (facts.wholeUs !== undefined)
    return rejected(
      'SLOWER',
      `the tuner measured whole plans: the chosen one takes ${us(facts.wholeUs)} end to end, none with this was clearly faster`,
    );
  const [own, other] = [timeOf(v), timeOf(chosen)];
  const against = `${us(own)} against ${us(other)}`;
  if (own >= other) return rejected('SLOWER', `${against} (${chosen.measured ? 'measured' : 'by declared speed'})`);
  const copies = facts.moreCopiesUs(v);
  if (copies > 0)
    return {
      ...rejected('TRANSFER', `faster by itself (${against}), but copies to and from its memory would cost ${us(copies)} more`),
      winsIf: winsIf(v, other - own, copies, facts),
    };
  return rejected('REGION', `faster alone (${against}), but not with its neighbours: what is gained is lost at the boundaries of regions`);
};

/** The decision for a node. Every candidate that is not the chosen one carries its reason. */
export const explainChoice = (node: SpecialNode, chosen: Verdict, all: readonly Verdict[], facts: ChoiceFacts): Decision => {
  const rivals = all.filter((v) => v !== chosen && v.status === 'eligible' && v.tier === chosen.tier);
  const able = all.some((v) => v !== chosen && v.status === 'eligible');
  const basis = chosen.measured ? 'measured' : 'by declared speed';
  const siblings = rivals.filter((v) => v.provider === chosen.provider).length;
  return {
    node: node.node.name,
    op: opName(node.node.domain, node.node.op),
    signature: signatureOf(node),
    language: {
      provider: chosen.provider,
      kind: chosen.kind,
      why: !able
        ? 'nobody else can'
        : rivals.length === 0
          ? 'policy prefers it'
          : facts.wholeUs !== undefined
            ? 'the tuner settled on this plan for the whole graph, measured end to end'
            : `cheapest for the whole graph, ${basis}`,
    },
    kernel: {
      id: chosen.kernel,
      why: siblings ? `cheapest of ${siblings + 1} kernels of ${chosen.provider}` : `the only kernel of ${chosen.provider} that can`,
    },
    region: facts.region,
    verdicts: all.map((v): Verdict =>
      v === chosen ? { ...v, status: 'chosen' } : v.status === 'eligible' ? passedOver(v, chosen, facts) : v,
    ),
  };
};

/** Nodes named in a message; the rest are counted, and all are in the error's details. */
const SHOWN = 8;

/** What to do about ops of a domain that is not meant to leave the machine it was written on. */
const localDomains: Readonly<Record<string, string>> = {
  'com.microsoft.nchwc':
    'onnxruntime wrote this model for one kind of processor, at graph optimization level `all`: write it at level `extended`, or take the model it was made of',
};

const noKernelHint = (stuck: readonly { readonly node: SpecialNode; readonly verdicts: readonly Verdict[] }[]): string => {
  const local = stuck.find(({ node }) => Object.hasOwn(localDomains, node.node.domain));
  if (local) return localDomains[local.node.node.domain]!;
  return stuck.some((s) => s.verdicts.some((v) => v.reason === 'POLICY'))
    ? 'policy excludes some providers: see `prefer`, `fallback`, `denyVendors`'
    : 'a vendor plugin that has the op may be missing: see `flagos doctor`';
};

/** The error for nodes nobody can run: op, types and shapes, and who refused for which reason. */
export const noKernel = (stuck: readonly { readonly node: SpecialNode; readonly verdicts: readonly Verdict[] }[]): FlagosError => {
  const lines = stuck.slice(0, SHOWN).map(({ node, verdicts }) => {
    const refusals = verdicts.filter((v) => v.reason !== 'POLICY').map((v) => `${v.provider}/${v.chip} ${v.reason} (${v.detail})`);
    const excluded = [...new Set(verdicts.filter((v) => v.reason === 'POLICY').map((v) => `${v.provider}/${v.chip}`))];
    const who = verdicts.length
      ? [...refusals, ...(excluded.length ? [`POLICY excludes ${excluded.join(', ')}`] : [])].join('; ')
      : 'no chip is open';
    return `${node.node.name}: ${signatureOf(node)}: ${who}`;
  });
  if (stuck.length > SHOWN) lines.push(`and ${stuck.length - SHOWN} more`);
  const first = stuck[0]!.node.node;
  return new FlagosError(
    'FLAGOS_E_NO_KERNEL',
    `nobody can run ${stuck.length === 1 ? 'this op' : `these ${stuck.length} ops`}\n  ${lines.join('\n  ')}`,
    {
      trace: { node: first.name, op: opName(first.domain, first.op) },
      hint: noKernelHint(stuck),
      details: {
        nodes: stuck.map(({ node, verdicts }) => ({
          node: node.node.name,
          signature: signatureOf(node),
          refusals: verdicts.map((v) => ({ kernel: v.kernel, reason: v.reason, detail: v.detail })),
        })),
      },
    },
  );
};
