/** Internal verb: a child process of `flagos conformance plugin`. */
import { defineCommand } from '../args/command.ts';
import { usageError } from '../args/option.ts';
import { serveKit } from '../plugin-kit/child.ts';

export const kitWorker = defineCommand({
  name: 'kit-worker',
  summary: 'runs checks for a parent process',
  args: {},
  options: {},
  examples: [],
  internal: true,
  run: async () => {
    if (!process.send) throw usageError('kit-worker is started by flagos conformance plugin only');
    await serveKit();
    return 0;
  },
});
