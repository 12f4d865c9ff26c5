/** Optional values: a value or nothing. At run time a full optional is the value itself and an empty one is null. */
import { FlagosError } from '../core/errors.ts';
import { Tensor } from '../core/tensor.ts';
import { optionalType } from './attrs.ts';
import { anyValue, defineOp, optional, type OpRecord } from './define.ts';

export const Optional: OpRecord = defineOp({
  name: 'Optional',
  since: 15,
  inputs: { input: optional(anyValue()) },
  outputs: { output: () => undefined },
  attrs: { type: optionalType() },
  host: ({ input }, { type }) => {
    if (input === undefined && type === undefined)
      throw new FlagosError('FLAGOS_E_ATTRIBUTE', "attribute 'type' is required where no input is given");
    return input ?? null;
  },
});

/** @throws FLAGOS_E_VALUE for an empty optional, where the specification leaves the result undefined. */
export const OptionalGetElement: OpRecord = defineOp({
  name: 'OptionalGetElement',
  since: 15,
  inputs: { input: anyValue() },
  outputs: { output: () => undefined },
  host: ({ input }) => {
    if (input === null)
      throw new FlagosError('FLAGOS_E_VALUE', 'the optional is empty, it has no element to get', {
        hint: 'guard it with OptionalHasElement',
      });
    return input;
  },
});

export const OptionalHasElement: OpRecord = defineOp({
  name: 'OptionalHasElement',
  since: 15,
  inputs: { input: optional(anyValue()) },
  outputs: { output: 'bool' },
  host: ({ input }) => Tensor.scalar('bool', input !== undefined && input !== null),
});
