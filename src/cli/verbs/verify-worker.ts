/** Internal verb: a child process of `flagos verify`. */
import { defineCommand } from '../args/command.ts';
import { usageError } from '../args/option.ts';
import { serveUnits } from '../verify/unit.ts';

export const verifyWorker = defineCommand({
  name: 'verify-worker',
  summary: 'verifies units for a parent process',
  args: {},
  options: {},
  examples: [],
  internal: true,
  run: async () => {
    if (!process.send) throw usageError('verify-worker is started by flagos verify only');
    await serveUnits();
    return 0;
  },
});
