/** Threads of flagos/wasm in a real browser: in a page that is isolated, and in one that is not. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PageReport } from './threads-page.ts';

const places = [process.env['FLAGOS_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = places.find((p) => p !== undefined && existsSync(p));
const root = join(import.meta.dirname, '../..');

const page = `<!doctype html><script type="importmap">{ "imports": { "wabt": "/wabt.js" } }</script>`;

describe.skipIf(executablePath === undefined)(
  `threads in a browser${executablePath ? '' : ' (none found; FLAGOS_CHROMIUM names one)'}`,
  () => {
    let folder: string;
    let server: Server;
    let browser: Browser;

    const bundle = async (input: string, name: string, external: string[]): Promise<void> => {
      const build = await rolldown({ input, platform: 'browser', tsconfig: join(root, 'tsconfig.json'), external, logLevel: 'silent' });
      await build.write({ dir: folder, format: 'esm', entryFileNames: name, chunkFileNames: `${name}-[hash].js` });
      await build.close();
    };

    beforeAll(async () => {
      folder = mkdtempSync(join(root, 'node_modules/.browser-test-'));
      await bundle(join(import.meta.dirname, 'threads-page.ts'), 'page.js', ['wabt']);
      writeFileSync(join(folder, 'wabt-entry.js'), "import wabt from 'wabt'; export default wabt;");
      await bundle(join(folder, 'wabt-entry.js'), 'wabt.js', ['fs', 'path', 'crypto']);
      server = createServer((request, response) => {
        const { pathname, searchParams } = new URL(request.url!, 'http://here');
        const isolated = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
        const file = join(folder, pathname);
        if (pathname === '/')
          response.writeHead(200, { 'Content-Type': 'text/html', ...(searchParams.has('isolated') ? isolated : {}) }).end(page);
        else if (existsSync(file)) response.writeHead(200, { 'Content-Type': 'text/javascript', ...isolated }).end(readFileSync(file));
        else response.writeHead(404).end();
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      browser = await chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox'] });
    });
    afterAll(async () => {
      await browser?.close();
      await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
      rmSync(folder, { recursive: true, force: true });
    });

    const visit = async (query: string): Promise<PageReport> => {
      const tab = await browser.newPage();
      try {
        await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${query}`);
        // As text: a function would arrive as this runner has rewritten it.
        return await tab.evaluate<PageReport>("import('/page.js').then((m) => m.work(5))");
      } finally {
        await tab.close();
      }
    };

    it('give the same bits as one, on the main thread of an isolated page', async () => {
      const { missing, programs, divided, different } = await visit('?isolated');
      expect(missing).toBeUndefined();
      expect(programs).toBeGreaterThan(40);
      expect(divided).toBeGreaterThan(20);
      expect(different).toEqual([]);
    });

    it('are not there in a page that is not isolated, which is said', async () =>
      expect((await visit('')).missing).toMatch(/cross-origin isolated/));
  },
);
