/** `npm test`: the conformance kit of flagos on this provider, every check a test. */
import { test } from 'node:test';
import { testProvider } from 'flagos/testing';
import { provider } from './index.ts';

await testProvider(provider, { test });
