// A picture of a report page: node scripts/shot.mjs <report.html> <out.png> [light|dark]. Needs chromium.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const [page, out, colorScheme = 'light'] = process.argv.slice(2);
if (!page || !out) throw new Error('usage: node scripts/shot.mjs <report.html> <out.png> [light|dark]');
const browser = await chromium.launch({ executablePath: process.env.FLAGOS_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
const tab = await browser.newPage({ colorScheme, viewport: { width: 1240, height: 900 } });
await tab.goto(pathToFileURL(resolve(page)).href);
await tab.waitForSelector('html[data-ready=yes]');
await tab.screenshot({ path: out, fullPage: true });
await browser.close();
