/** The conformance kit's checks of the provider on this machine. Where there is nothing to check, one test says so. */
import { test } from 'vitest';
import { testProvider } from 'flagos/testing';
import { TfjsNodeProvider } from './index.ts';

await testProvider(new TfjsNodeProvider(), { test });
