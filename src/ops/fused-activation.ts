/** The activation that onnxruntime's optimizer put into an op: a name and its parameters in attributes. */
import { clamp, mul } from '../compiler/expr.ts';
import { FlagosError } from '../core/errors.ts';
import { hardSigmoid } from './activations.ts';
import { activationKinds, type Activation, type ActivationKind } from './named-activations.ts';

const kinds: ReadonlyMap<string, ActivationKind> = new Map<string, ActivationKind>([
  ...activationKinds,
  ['clip', { alpha: -Infinity, beta: Infinity, make: (low, high) => (x) => clamp(x, low, high) }],
  ['hardswish', { alpha: Math.fround(1 / 6), beta: 0.5, make: (alpha, beta) => (x) => mul(x, hardSigmoid(x, alpha, beta)) }],
]);

/**
 * The function of a name; none leaves values as they are.
 * @param parameters alpha and beta, where given.
 * @throws FLAGOS_E_ATTRIBUTE for an unknown name.
 */
export const fusedActivation = (name: string | undefined, parameters: readonly (number | undefined)[]): Activation => {
  if (name === undefined || name === '') return (x) => x;
  const kind = kinds.get(name.toLowerCase());
  if (!kind)
    throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'activation' is '${name}', it must be one of ${[...kinds.keys()].join(', ')}`);
  return kind.make(parameters[0] ?? kind.alpha ?? 0, parameters[1] ?? kind.beta ?? 0);
};
