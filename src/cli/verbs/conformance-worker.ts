/** Internal verb: a child process of `flagos conformance`. */
import { defineCommand } from '../args/command.ts';
import { usageError } from '../args/option.ts';
import { serve } from '../conformance/worker.ts';

export const conformanceWorker = defineCommand({
  name: 'conformance-worker',
  summary: 'runs cases for a parent process',
  args: {},
  options: {},
  examples: [],
  internal: true,
  run: async () => {
    if (!process.send) throw usageError('conformance-worker is started by flagos conformance only');
    await serve();
    return 0;
  },
});
