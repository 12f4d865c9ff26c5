/** Which activation functions a recurrent op uses: names and parameters come as flat lists over directions and gates. */
import { FlagosError } from '../core/errors.ts';
import { activationKinds, type Activation } from './named-activations.ts';
import type { RecurrentAttrs } from './recurrent.ts';

/**
 * The functions of each direction. `activation_alpha` and `activation_beta` are handed out in order to
 * those that take one.
 * @param defaults names for one direction, used where the op names none.
 * @throws FLAGOS_E_ATTRIBUTE for unknown names or a wrong number of them.
 */
export const activationsOf = (attrs: RecurrentAttrs, defaults: readonly string[]): Activation[][] => {
  const directions = attrs.direction === 'bidirectional' ? 2 : 1;
  const names = attrs.activations ?? Array.from({ length: directions }, () => defaults).flat();
  // ONNX's own default for RNN names a function for each direction, whatever the direction is.
  if (names.length < directions * defaults.length) {
    throw new FlagosError(
      'FLAGOS_E_ATTRIBUTE',
      `attribute 'activations' has ${names.length} names, it must have ${directions * defaults.length}`,
    );
  }
  const alphas = [...(attrs.activation_alpha ?? [])];
  const betas = [...(attrs.activation_beta ?? [])];
  const all = names.map((name) => {
    const kind = activationKinds.get(name.toLowerCase());
    if (!kind)
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', `attribute 'activations' names '${name}', which is none of the functions the op knows`);
    const alpha = kind.alpha === undefined ? 0 : (alphas.shift() ?? kind.alpha);
    const beta = kind.beta === undefined ? 0 : (betas.shift() ?? kind.beta);
    return kind.make(alpha, beta);
  });
  return Array.from({ length: directions }, (_, d) => all.slice(d * defaults.length, (d + 1) * defaults.length));
};
