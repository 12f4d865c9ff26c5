#!/usr/bin/env node
/** The program `flagos`. */
import { fileURLToPath } from 'node:url';
import { exitWith, onInterrupt, processIo } from '../cli/io.ts';
import { main } from '../cli/main.ts';
import { endCommands } from '../host/native/command.ts';

// Compilers run in process groups of their own, which an interrupt from the terminal does not reach.
onInterrupt(endCommands);
exitWith(await main(process.argv.slice(2), processIo(fileURLToPath(import.meta.url))));
