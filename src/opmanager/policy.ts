/**
 * Policy: who may run an op, and in which order they are asked. Plain data and pure functions; where
 * the values come from (file, environment, argument) is the host's business, see `host/config.ts`.
 *
 * An order is a list of tokens. Candidates fall into tiers by the first token that matches them; the
 * planner takes the best candidate of the lowest tier that can run at all.
 */
import { FlagosError } from '../core/errors.ts';
import { globMatches } from '../core/glob.ts';
import { nearest } from '../core/nearest.ts';
import { namePattern } from '../plugins/check-provider.ts';
import type { ProviderKind } from '../plugins/contract.ts';
import type { Level } from './evidence.ts';

/**
 * `flagos`, `vendor`, `reference` (a kind), `vendor:acme` (a vendor), `acme/cpu` (a chip of a
 * provider), or `impl:acme/cpu:Relu.default` (a kernel; without `.default`, any variant of it).
 */
export type Token = string;

/** Accuracy levels a policy may ask for, strictest first. */
export const requiredLevels = ['bitwise', 'tight', 'standard', 'loose'] as const satisfies readonly Level[];

export interface Policy {
  /** Order for ops that `perOp` does not name; empty: no preference. */
  readonly prefer: readonly Token[];
  /** Vendors that may be used; absent: all. */
  readonly allowVendors?: readonly string[] | undefined;
  /** Vendors that may not, whatever else says so. */
  readonly denyVendors: readonly string[];
  /** Order by op name (`Conv`, `com.microsoft.Gelu`) or pattern (`Reduce*`), instead of `prefer`. */
  readonly perOp: Readonly<Record<string, readonly Token[]>>;
  /** Who runs an op when nobody in its order can: no one, FlagOS's own kernels and the reference, or anyone allowed. */
  readonly fallback: 'none' | 'native' | 'any';
  /** What happens when a kernel fails while running: the error is raised, the next candidate runs, or that and the kernel is set aside. */
  readonly onFailure: 'error' | 'next' | 'quarantine';
  readonly accuracy: AccuracyPolicy;
}

export interface AccuracyPolicy {
  /** The least a kernel's evidence must show. */
  readonly min: (typeof requiredLevels)[number];
  /** Kernels without evidence: check them on the first real input, refuse them, or use them. */
  readonly unknown: 'probe' | 'deny' | 'trust';
  /** Levels for ops by name or pattern, in place of `min`. */
  readonly perOp: Readonly<Record<string, AccuracyPolicy['min']>>;
  /** What checks on real inputs may cost; what is beyond it is used unchecked, and stays unknown. */
  readonly budget: ProbeBudget;
}

export interface ProbeBudget {
  /** Largest check: bytes of inputs, constants and outputs. */
  readonly bytes: number;
  /** Time all checks of a runtime may take together, in milliseconds. */
  readonly ms: number;
}

/** Changes to a policy; what is absent stays. */
export interface PolicyOverride extends Partial<Omit<Policy, 'accuracy'>> {
  readonly accuracy?: Partial<Omit<AccuracyPolicy, 'budget'>> & { readonly budget?: Partial<ProbeBudget> | undefined };
}

export const defaultPolicy: Policy = {
  prefer: [],
  denyVendors: [],
  perOp: {},
  fallback: 'any',
  onFailure: 'next',
  accuracy: { min: 'standard', unknown: 'trust', perOp: {}, budget: { bytes: 2 ** 22, ms: 2000 } },
};

/** What a token is matched against. */
export interface PolicyCandidate {
  readonly provider: string;
  readonly kind: ProviderKind;
  readonly chip: string;
  /** `provider/chip:Op.variant`. */
  readonly kernel: string;
}

export type ParsedToken =
  | { readonly type: 'kind'; readonly kind: ProviderKind }
  | { readonly type: 'vendor'; readonly provider: string }
  | { readonly type: 'chip'; readonly provider: string; readonly chip: string }
  | { readonly type: 'kernel'; readonly kernel: string };

const kinds: readonly ProviderKind[] = ['flagos', 'vendor', 'reference'];
const isKind = (text: string): text is ProviderKind => (kinds as readonly string[]).includes(text);
const kernelId = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*:\S+$/;

const parsed = new Map<Token, ParsedToken>();

const parse = (token: Token): ParsedToken => {
  if (isKind(token)) return { type: 'kind', kind: token };
  const fail = (why: string, hint: string): never => {
    throw new FlagosError('FLAGOS_E_CONFIG', `'${token}' ${why}`, { hint, details: { token } });
  };
  if (token.startsWith('vendor:')) {
    const provider = token.slice('vendor:'.length);
    return namePattern.test(provider)
      ? { type: 'vendor', provider }
      : fail('names no vendor', 'write vendor:<name>, for example vendor:onnxruntime');
  }
  if (token.startsWith('impl:')) {
    const kernel = token.slice('impl:'.length);
    return kernelId.test(kernel)
      ? { type: 'kernel', kernel }
      : fail('names no kernel', 'write impl:<provider>/<chip>:<Op>.<variant>, as `flagos explain` shows them');
  }
  const [provider = '', chip = '', ...rest] = token.split('/');
  if (rest.length === 0 && namePattern.test(provider) && namePattern.test(chip)) return { type: 'chip', provider, chip };
  const near = nearest(token, kinds);
  const meant = near ?? (namePattern.test(token) ? `vendor:${token}` : undefined);
  return fail(
    'is not a token: flagos, vendor, vendor:<name>, reference, <provider>/<chip> or impl:<kernel id>',
    meant ? `did you mean ${meant}?` : 'see docs/cli.md for what each token means',
  );
};

/** @throws FLAGOS_E_CONFIG with what tokens look like, and the nearest one. */
export const parseToken = (token: Token): ParsedToken => {
  let result = parsed.get(token);
  if (!result) parsed.set(token, (result = parse(token)));
  return result;
};

export const tokenMatches = (token: Token, candidate: PolicyCandidate): boolean => {
  const t = parseToken(token);
  switch (t.type) {
    case 'kind':
      return candidate.kind === t.kind;
    case 'vendor':
      return candidate.kind === 'vendor' && candidate.provider === t.provider;
    case 'chip':
      return candidate.provider === t.provider && candidate.chip === t.chip;
    case 'kernel':
      return (
        candidate.kernel === t.kernel ||
        candidate.kernel.slice(0, candidate.kernel.lastIndexOf('.')) === t.kernel ||
        (t.kernel.includes('*') && globMatches(t.kernel, candidate.kernel))
      );
  }
};

/** Whether the order for an op names this very kernel, variant and all (`impl:flagos/cpu:*.bf16` does for every op). */
export const namesKernel = (candidate: PolicyCandidate, op: string, policy: Policy): boolean =>
  orderFor(op, policy).some((token) => {
    const t = parseToken(token);
    return t.type === 'kernel' && (candidate.kernel === t.kernel || (t.kernel.includes('*') && globMatches(t.kernel, candidate.kernel)));
  });

/** Whether the allow and deny lists let a provider in; they concern vendors only. */
export const vendorAllowed = (candidate: Pick<PolicyCandidate, 'provider' | 'kind'>, policy: Policy): boolean =>
  candidate.kind !== 'vendor' ||
  (!policy.denyVendors.includes(candidate.provider) && (policy.allowVendors?.includes(candidate.provider) ?? true));

/** What a table by op says of one: its own entry, else that of the most specific pattern. */
const entryFor = <T>(op: string, perOp: Readonly<Record<string, T>>): T | undefined => {
  if (Object.hasOwn(perOp, op)) return perOp[op];
  let best: string | undefined;
  for (const pattern of Object.keys(perOp)) {
    if (globMatches(pattern, op) && (best === undefined || pattern.length > best.length)) best = pattern;
  }
  return best === undefined ? undefined : perOp[best];
};

/** The order for an op: its own entry, else that of the most specific pattern, else `prefer`. */
export const orderFor = (op: string, policy: Policy): readonly Token[] => entryFor(op, policy.perOp) ?? policy.prefer;

/** The least accuracy a kernel of an op must show. */
export const levelFor = (op: string, { accuracy }: Policy): AccuracyPolicy['min'] => entryFor(op, accuracy.perOp) ?? accuracy.min;

/**
 * The tier of a candidate for an op, 0 first; undefined if policy does not let it run the op.
 * @param op name over all domains, see `opName`.
 */
export const tierOf = (candidate: PolicyCandidate, op: string, policy: Policy): number | undefined => {
  if (!vendorAllowed(candidate, policy)) return undefined;
  const order = orderFor(op, policy);
  const named = order.findIndex((token) => tokenMatches(token, candidate));
  if (named >= 0) return named;
  if (order.length > 0 && (policy.fallback === 'none' || (policy.fallback === 'native' && candidate.kind === 'vendor'))) return undefined;
  return order.length + (candidate.kind === 'reference' ? 1 : 0);
};

const mergeAccuracy = (base: AccuracyPolicy, over: NonNullable<PolicyOverride['accuracy']>): AccuracyPolicy => ({
  min: over.min ?? base.min,
  unknown: over.unknown ?? base.unknown,
  perOp: { ...base.perOp, ...over.perOp },
  budget: { bytes: over.budget?.bytes ?? base.budget.bytes, ms: over.budget?.ms ?? base.budget.ms },
});

/** Scoped overrides, later ones win: lists as a whole, `perOp` op by op, `accuracy` field by field. */
export const mergePolicies = (base: Policy, ...overrides: readonly PolicyOverride[]): Policy =>
  overrides.reduce<Policy>(
    (policy, over) => ({
      prefer: over.prefer ?? policy.prefer,
      allowVendors: over.allowVendors ?? policy.allowVendors,
      denyVendors: over.denyVendors ?? policy.denyVendors,
      perOp: { ...policy.perOp, ...over.perOp },
      fallback: over.fallback ?? policy.fallback,
      onFailure: over.onFailure ?? policy.onFailure,
      accuracy: mergeAccuracy(policy.accuracy, over.accuracy ?? {}),
    }),
    base,
  );
