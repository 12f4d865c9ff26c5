/** Which calls of a running model are kept as cases, and the folders they become. */
import { join } from 'node:path';
import { globMatches } from '../../core/glob.ts';
import { opName, subgraphsOf } from '../../core/graph.ts';
import { Tensor } from '../../core/tensor.ts';
import type { RegionDiff, RegionTensors } from '../../diff/attribute.ts';
import type { PlannedRegion } from '../../dispatch/planner.ts';
import { callOf, distinctNames, writeCase, type CaseParts } from './case-folder.ts';
import { sentence } from './report/files.ts';

export interface CaptureOptions {
  readonly folder: string;
  /** Patterns of op names; undefined: all. */
  readonly ops: readonly string[] | undefined;
  /** Patterns of node names; undefined: all. */
  readonly nodes: readonly string[] | undefined;
  /** Calls kept of one signature (op, attributes, types and shapes). */
  readonly each: number;
  /** Calls kept in all. */
  readonly limit: number;
  /** What each case says of where it comes from. */
  readonly about: Pick<CaseParts, 'chips' | 'plugins' | 'from'>;
}

export interface CapturedCase {
  readonly node: string;
  readonly op: string;
  readonly signature: string;
  readonly kernel: string;
  readonly folder: string;
  /** Whether what the kernel made is within its bounds; undefined: not known. */
  readonly ok: boolean | undefined;
}

/** Why a call that was asked for is no case. */
export interface NotCaptured {
  readonly node: string;
  readonly why: string;
}

export class Capture {
  readonly cases: CapturedCase[] = [];
  readonly left: NotCaptured[] = [];
  readonly #o: CaptureOptions;
  readonly #kept = new Map<string, number>();
  readonly #name = distinctNames();

  constructor(options: CaptureOptions) {
    this.#o = options;
  }

  /** Whether this call is kept. Counts it: ask once for each. */
  wants({ region, signature }: PlannedRegion): boolean {
    const { ops, nodes, each, limit } = this.#o;
    const [node] = region.nodes;
    if (!node || region.nodes.length !== 1) return false;
    const op = opName(node.domain, node.op);
    if (ops && !ops.some((p) => globMatches(p, op))) return false;
    if (nodes && !nodes.some((p) => globMatches(p, node.name))) return false;
    const known = this.#kept.get(signature) ?? 0;
    const all = [...this.#kept.values()].reduce((n, k) => n + k, 0);
    if (known >= each || all >= limit) return false;
    this.#kept.set(signature, known + 1);
    return true;
  }

  /** Writes a call, or notes why it cannot be one. */
  take(region: RegionDiff, tensors: RegionTensors): void {
    const { planned } = tensors;
    const node = planned.region.nodes[0]!;
    const why = this.#whyNot(tensors);
    if (why !== undefined) {
      this.left.push({ node: node.name, why });
      return;
    }
    const folder = join(this.#o.folder, this.#name(node.name));
    const title = `A call of ${node.op}`;
    const says =
      region.skipped === undefined
        ? `As it ran, ${sentence(region)}.`
        : `It ran on ${region.kernel}; what is right is not known: ${region.skipped}.`;
    writeCase(folder, { ...callOf(tensors), ...this.#o.about, title, says });
    const ok = region.skipped === undefined ? region.ok : undefined;
    this.cases.push({
      node: node.name,
      op: opName(node.domain, node.op),
      signature: planned.signature,
      kernel: region.kernel,
      folder,
      ok,
    });
  }

  #whyNot({ planned: { region }, inputs, outputs }: RegionTensors): string | undefined {
    const [node] = region.nodes;
    if (subgraphsOf(node!).length > 0) return 'it has subgraphs: their nodes are calls of their own';
    if ([...inputs, ...outputs].some((v) => v === undefined)) return "its tensors are in a chip's own memory";
    if (![...inputs, ...outputs].every((v) => v instanceof Tensor)) return 'it has values that are no tensors; a case holds tensors only';
    return undefined;
  }
}
