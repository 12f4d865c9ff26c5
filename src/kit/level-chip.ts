/** Level `chip`: what the provider says of itself stays the same when it is asked again, and is what a planner can use. */
import { wrapError } from '../core/errors.ts';
import { openChip, probeProvider } from '../plugins/probe.ts';
import { fail, pass, type Check, type Subject } from './types.ts';

export const chipChecks = (subject: Subject): Check[] => {
  const { provider, chip, session, host } = subject;
  return [
    {
      level: 'chip',
      name: 'probing again finds the same chip with the same fingerprint',
      run: async () => {
        const { chips, error } = await probeProvider(provider, host);
        if (error) return fail(error.reason);
        const found = chips.find((c) => c.id === chip.id);
        if (!found) return fail('it is not found again');
        return found.fingerprint === chip.fingerprint
          ? pass()
          : fail(`its fingerprint was '${chip.fingerprint}' and is '${found.fingerprint}'`);
      },
    },
    {
      level: 'chip',
      name: 'declared speeds are numbers a machine can have',
      run: async () => {
        const { overheadUs, gflops, gbps } = session.prior;
        const odd = [
          overheadUs > 1e6 && 'a second to start',
          gflops > 1e7 && 'more than 10¹⁶ operations a second',
          gbps > 1e5 && 'more than 10¹⁴ bytes a second',
        ].filter(Boolean);
        return odd.length === 0 ? pass() : fail(`it declares ${odd.join(', ')}`);
      },
    },
    {
      level: 'chip',
      name: 'two open sessions do not disturb each other',
      run: async () => {
        try {
          const second = await openChip(provider, chip, host);
          if (second !== session) await second.close();
          return pass(second === session ? 'both are the same one' : undefined);
        } catch (e) {
          return fail(`opening it a second time: ${wrapError('FLAGOS_E_CHIP', e).reason}`);
        }
      },
    },
  ];
};
