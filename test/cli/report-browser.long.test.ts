/** The report page in a real browser: light and dark, by keyboard, offline, and with a thousand regions. */
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderHtml } from '../../src/cli/diff/report/html.ts';
import type { RegionDiff } from '../../src/diff/attribute.ts';
import { SCHEMA, type DiffReport } from '../../src/diff/report.ts';
import { errorModel, metrics, score } from '../../src/accuracy/index.ts';
import { opSet } from '../../src/ops/index.ts';
import { Tensor } from '../../src/core/tensor.ts';
import { pictureOf } from '../../src/diff/picture.ts';

const places = [process.env['FLAGOS_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = places.find((p) => p !== undefined && existsSync(p));

/** A region of a real comparison: x + y with an error in every fifth one. */
const regionOf = (i: number): RegionDiff => {
  const node = { name: `add${i}`, op: 'Add', domain: '', version: 14, inputs: ['a', 'b'], outputs: ['y'], attrs: {} };
  const [a, b] = [1, 2].map((seed) =>
    Tensor.from(
      'float32',
      [4, 8],
      Float64Array.from({ length: 32 }, (_, k) => Math.sin(seed * k + i)),
    ),
  );
  const [bounds] = errorModel(opSet.find('', 'Add')!, node, [a!, b!], { numerics: { inputs: 'same', accumulate: 'same', notes: [] } });
  const golden = bounds!.golden as Tensor;
  const wrong = i % 500 === 3;
  const actual = Tensor.from(
    'float32',
    golden.dims,
    golden.toNumbers().map((v, k) => (wrong && k === 5 ? v + 0.25 : v)),
  );
  const s = score(actual, bounds!);
  const spread = { maxAbs: wrong ? 0.25 : 0, rms: wrong ? 0.04 : 1e-7, relative: 1e-7 * (i + 1), classMismatches: 0 };
  return {
    region: `</script> & region ${i}`,
    nodes: [node.name],
    ops: ['Add'],
    kernel: 'acme/npu:Add.fp32',
    chip: i % 3 === 0 ? 'flagos/cpu' : 'acme/npu',
    role: wrong ? 'injected' : 'clean',
    ok: !wrong,
    oracle: 'model',
    alarms: [],
    suspect: false,
    reads: i === 0 ? ['x'] : [`v${i - 1}`],
    outputs: [
      {
        output: `v${i}`,
        dtype: 'float32',
        shape: [4, 8],
        ok: !wrong,
        level: s.level,
        score: s,
        metrics: metrics(actual, golden),
        gate: undefined,
        isolated: spread,
        accumulated: spread,
        propagated: spread,
        alarms: [],
        picture: pictureOf(actual, bounds!),
      },
    ],
  };
};
const reportOf = (n: number): DiffReport => ({
  schema: SCHEMA,
  model: 'model.onnx',
  chips: ['vendor:acme'],
  golden: 'reference',
  mode: 'all',
  gate: 'flagos',
  notes: [],
  regions: Array.from({ length: n }, (_, i) => regionOf(i)),
  endToEnd: [],
  unable: undefined,
  coverage: { line: `${n} nodes` },
  suspects: [],
  regressions: [],
  seconds: 1,
  peakBytes: 1,
  command: 'flagos diff model.onnx --chip vendor:acme',
});

describe.skipIf(executablePath === undefined)(
  `the report page in ${executablePath ?? 'a browser (skipped: no chromium here; FLAGOS_CHROMIUM names one)'}`,
  () => {
    let browser: Browser;
    let folder: string;
    const write = (n: number): string => {
      const path = join(folder, `report-${n}.html`);
      writeFileSync(path, renderHtml(reportOf(n), 1));
      return path;
    };
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'flagos-report-'));
      browser = await chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox'] });
    }, 60_000);
    afterAll(async () => {
      await browser?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    it.each(['light', 'dark'] as const)(
      'draws everything, %s, without a fault and without the network',
      async (colorScheme) => {
        const page = await browser.newPage({ colorScheme });
        const faults: string[] = [];
        page.on('pageerror', (e) => faults.push(e.message));
        page.on('request', (r) => !r.url().startsWith('file:') && !r.url().startsWith('data:') && faults.push(r.url()));
        await page.goto(pathToFileURL(write(40)).href);
        await page.waitForSelector('html[data-ready=yes]');
        expect(faults).toEqual([]);
        expect(await page.locator('canvas').count()).toBeGreaterThanOrEqual(4);
        expect(await page.locator('#graph svg g').count()).toBe(40);
        expect(await page.locator('#detail-title').textContent()).toBe('</script> & region 3 on acme/npu:Add.fp32');
        const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
        expect(background).toBe(colorScheme === 'dark' ? 'rgb(18, 22, 27)' : 'rgb(255, 255, 255)');
        await page.close();
      },
      60_000,
    );

    it('is used by keyboard', async () => {
      const page = await browser.newPage();
      await page.goto(pathToFileURL(write(40)).href);
      await page.waitForSelector('html[data-ready=yes]');
      await page.locator('tr.row').first().focus();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      expect(await page.locator('#detail-title').textContent()).toBe('</script> & region 0 on acme/npu:Add.fp32');
      expect(await page.locator('tr.row[aria-selected=true]').count()).toBe(1);
      await page.locator('#filter').fill('region 7');
      expect(await page.locator('tr.row').count()).toBe(1);
      await page.close();
    }, 60_000);

    it('holds a thousand regions in less than 5 MB', async () => {
      const path = write(1000);
      expect(statSync(path).size).toBeLessThan(5_000_000);
      const page = await browser.newPage();
      await page.goto(pathToFileURL(path).href);
      await page.waitForSelector('html[data-ready=yes]');
      expect(await page.locator('tr.row').count()).toBe(1000);
      expect(await page.locator('#graph svg g').count()).toBe(1000);
      await page.close();
    }, 60_000);
  },
);
