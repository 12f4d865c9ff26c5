/** In which version of its operator set an op's form was settled. */
import { opName } from '../../../core/graph.ts';
import { deprecatedIn, opVersions } from './op-versions.ts';

const current: ReadonlyMap<string, readonly number[]> = new Map(
  Object.entries(opVersions).map(([key, versions]) => [key, versions.filter((v) => v < (deprecatedIn[key] ?? Infinity))]),
);

/** Versions of an op in which it is not obsolete, ascending; undefined for ops ONNX does not define. */
export const versionsOf = (domain: string, op: string): readonly number[] | undefined => current.get(opName(domain, op));

/** The version in which the newest form of an op came. Only for ops ONNX defines. */
export const newestVersion = (domain: string, op: string): number => versionsOf(domain, op)!.at(-1)!;
