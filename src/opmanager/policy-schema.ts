/**
 * The policy part of a configuration as a schema. What the values mean stands in `policy.ts`; here is
 * what may be written down.
 */
import * as z from 'zod/mini';
import { FlagosError } from '../core/errors.ts';
import { namePattern } from '../plugins/check-provider.ts';
import { parseToken, requiredLevels, type Token } from './policy.ts';

const token = z.string().check((context) => {
  try {
    parseToken(context.value);
  } catch (error) {
    if (!(error instanceof FlagosError)) throw error;
    context.issues.push({ code: 'custom', input: context.value, message: error.reason, params: { hint: error.hint }, continue: true });
  }
});

const order: z.ZodMiniType<Token[], unknown> = z.array(token);
const vendors = z.array(z.string().check(z.regex(namePattern, { error: 'is not the name of a vendor' })));

/** Fields of a policy, each of them optional: absent ones keep the value of the layer below. */
export const policyShape = {
  prefer: z.optional(order),
  allowVendors: z.optional(vendors),
  denyVendors: z.optional(vendors),
  perOp: z.optional(z.record(z.string(), order)),
  fallback: z.optional(z.enum(['none', 'native', 'any'])),
  onFailure: z.optional(z.enum(['error', 'next', 'quarantine'])),
  accuracy: z.optional(
    z.strictObject({
      min: z.optional(z.enum(requiredLevels)),
      unknown: z.optional(z.enum(['probe', 'deny', 'trust'])),
      perOp: z.optional(z.record(z.string(), z.enum(requiredLevels))),
      budget: z.optional(
        z.strictObject({
          bytes: z.optional(z.number().check(z.nonnegative())),
          ms: z.optional(z.number().check(z.nonnegative())),
        }),
      ),
    }),
  ),
};
