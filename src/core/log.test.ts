import { expect, it } from 'vitest';
import { lineLogger, silentLogger } from './log.ts';

it('writes lines of a level and above, with their fields', () => {
  const lines: string[] = [];
  const logger = lineLogger('info', (line) => lines.push(line));
  logger.log('debug', 'hidden');
  logger.log('info', 'plain', {});
  logger.log('error', 'broken', { op: 'Conv', ms: 3 });
  silentLogger.log('error', 'nobody hears this');
  expect(lines).toEqual(['flagos info: plain', 'flagos error: broken {"op":"Conv","ms":3}']);
});
