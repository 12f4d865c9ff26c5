#!/usr/bin/env node
/** The program `flagos`. */
import { fileURLToPath } from 'node:url';
import { exitWith, processIo } from '../cli/io.ts';
import { main } from '../cli/main.ts';

exitWith(await main(process.argv.slice(2), processIo(fileURLToPath(import.meta.url))));
