/**
 * What runs in the report page: plain JavaScript for browsers, as text. It reads the report from the page
 * (`#data`), draws with uPlot, and makes every region reachable by keyboard.
 */
export const script = String.raw`
'use strict';
const report = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);
const el = (tag, text, cls) => { const e = document.createElement(tag); if (text !== undefined) e.textContent = text; if (cls) e.className = cls; return e; };
const num = (v) => v === null || v === undefined ? '' : typeof v === 'string' ? v : v === 0 ? '0' : Math.abs(v) < 1e-3 || Math.abs(v) >= 1e5 ? v.toExponential(2) : String(Number(v.toPrecision(4)));
const asNumber = (v) => v === 'Infinity' ? Infinity : Number(v ?? 0);
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const regions = report.regions;
const eta = (r) => asNumber(r.eta);
const plots = [];
const keepPlot = (p) => { plots.push(p); return p; };
const axes = (x, y) => [x, y].map((label) => ({ label, stroke: color('--dim'), grid: { stroke: color('--line'), width: 1 }, ticks: { stroke: color('--line') }, labelSize: 16, labelFont: '11px system-ui', font: '11px system-ui' }));
const logValues = (u, ticks) => ticks.map((v) => v === null ? '' : '1e' + Math.round(v));
const log = (v) => v > 0 && Number.isFinite(v) ? Math.log10(v) : null;
const width = (host) => Math.max(260, host.clientWidth - 8);

const waterfall = () => {
  const host = $('waterfall');
  const x = regions.map((_, i) => i);
  const pick = (f) => regions.map((r) => r.outputs.length ? log(Math.max(...r.outputs.map(f))) : null);
  const local = pick((o) => { const s = o.accumulated ? o.accumulated.rms / (o.accumulated.relative || 1) : 0; return s > 0 && o.metrics ? asNumber(o.metrics.rmse) / s : 0; });
  const data = [x, pick((o) => asNumber(o.accumulated?.relative)), local, regions.map((r) => log(eta(r)))];
  const points = { show: true, size: 4 };
  const a = axes('region, in the order they run', 'log10');
  a[0].values = (u, t) => t.map((v) => Number.isInteger(v) ? String(v) : '');
  a[1].values = logValues;
  keepPlot(new uPlot({ width: width(host), height: 260, scales: { x: { time: false } }, axes: a, series: [
    { label: 'region', value: (u, v) => v === null ? '' : regions[v]?.region ?? '' },
    { label: 'accumulated, relative', stroke: color('--accent'), width: 2, points, value: (u, v) => v === null ? '0' : num(10 ** v) },
    { label: 'injected here, relative', stroke: color('--warn'), width: 1, points, value: (u, v) => v === null ? '0' : num(10 ** v) },
    { label: 'error / allowed (1 is the limit)', stroke: color('--bad'), width: 1, dash: [4, 3], points, value: (u, v) => v === null ? '0' : num(10 ** v) },
  ], hooks: { ready: [(u) => u.over.addEventListener('click', () => u.cursor.idx !== null && select(u.cursor.idx))] } }, data, host));
};

const roles = { injected: 'injected here', inherited: 'inherited', amplified: 'amplified here', clean: 'ok' };
const rowClass = (r) => r.skipped ? 'warn' : r.ok ? (r.role === 'clean' ? 'dim' : 'warn') : 'bad';
const alarmsOf = (r) => [...r.alarms, ...r.outputs.flatMap((o) => o.alarms)].map((a) => a.text).join('; ');

const table = (filter) => {
  const body = $('rows');
  body.replaceChildren();
  const order = regions.map((_, i) => i).sort((i, j) => (regions[i].ok - regions[j].ok) || i - j);
  for (const i of order) {
    const r = regions[i];
    if (filter && !(r.region + ' ' + r.ops.join(' ') + ' ' + r.kernel).toLowerCase().includes(filter)) continue;
    const tr = el('tr', undefined, 'row');
    tr.tabIndex = 0; tr.dataset.i = i; tr.setAttribute('aria-selected', 'false');
    const state = el('td', r.skipped ? 'not compared' : r.ok && r.role === 'injected' ? 'ok' : roles[r.role], rowClass(r));
    tr.append(el('td', r.region), el('td', r.ops.join(' ')), el('td', r.kernel), state, el('td', r.skipped ?? num(eta(r))), el('td', num(asNumber(r.outputs[0]?.metrics?.maxAbs))), el('td', num(asNumber(r.outputs[0]?.accumulated?.relative))), el('td', alarmsOf(r)));
    tr.onclick = () => select(i);
    tr.onkeydown = (e) => {
      if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); select(i); }
      if (e.key === 'ArrowDown') { e.preventDefault(); tr.nextElementSibling?.focus(); }
      if (e.key === 'ArrowUp') { e.preventDefault(); tr.previousElementSibling?.focus(); }
    };
    body.append(tr);
  }
};

const card = (title) => { const c = el('div', undefined, 'card'); c.append(el('h3', title)); $('detail').append(c); return c; };
const scatter = (o) => {
  const c = card('error against magnitude, with what is allowed');
  const pts = o.picture.points.filter((p) => p[0] > 0).map(([s, e, t]) => [Math.log10(s), log(e), log(t)]).sort((p, q) => p[0] - q[0]);
  if (pts.length === 0) { c.append(el('p', 'nothing to draw', 'dim')); return; }
  const a = axes('log10 |golden|', 'log10 |error|');
  a[1].values = logValues;
  keepPlot(new uPlot({ width: width(c), height: 220, scales: { x: { time: false } }, axes: a, series: [{ label: '|golden|', value: (u, v) => v === null ? '' : num(10 ** v) },
    { label: 'error', stroke: color('--accent'), paths: () => null, points: { show: true, size: 4, fill: color('--accent') }, value: (u, v) => v === null ? '0' : num(10 ** v) },
    { label: 'allowed', stroke: color('--bad'), paths: () => null, points: { show: true, size: 2, fill: color('--bad') }, value: (u, v) => v === null ? '0' : num(10 ** v) }] }, [pts.map((p) => p[0]), pts.map((p) => p[1]), pts.map((p) => p[2])], c));
};
const ulpNames = ['0', '½', '1', '2', '4', '8', '16', '32', '64', '128', '256', 'more'];
const histogram = (o) => {
  const c = card('elements by error, in units in the last place');
  const a = axes('ULP, at most', 'elements');
  a[0].values = (u, t) => t.map((v) => ulpNames[v] ?? '');
  a[0].splits = () => ulpNames.map((_, i) => i);
  keepPlot(new uPlot({ width: width(c), height: 220, scales: { x: { time: false, range: [-0.6, 11.6] } }, axes: a, series: [{ label: 'ULP', value: (u, v) => ulpNames[v] ?? '' }, { label: 'elements', stroke: color('--accent'), fill: color('--accent') + '55', paths: uPlot.paths.bars({ size: [0.8] }), points: { show: false } }] }, [ulpNames.map((_, i) => i), o.picture.ulps], c));
};
const along = (o) => o.picture.axes.forEach((values, axis) => {
  if (values.length < 2) return;
  const c = card('mean signed error along axis ' + axis + ' (' + o.shape[axis] + ')');
  keepPlot(new uPlot({ width: width(c), height: 160, scales: { x: { time: false } }, axes: axes('index', 'bias'), series: [{ label: 'bin' }, { label: 'bias', stroke: color('--accent'), width: 1.5, value: (u, v) => num(v) }] }, [values.map((_, i) => i), values], c));
});
const metricsOf = (o) => {
  const c = card('measures');
  const t = el('table');
  const rows = [['level', o.level], ['error / allowed', o.eta], ...Object.entries(o.metrics ?? {}).filter(([, v]) => typeof v !== 'object').map(([k, v]) => [k, v]), ['isolated, rms', o.isolated?.rms], ['accumulated, rms', o.accumulated?.rms], ['propagated, rms', o.propagated?.rms], ...Object.entries(o.metrics?.topK ?? {}).map(([k, v]) => ['top-' + k + ' agreement', v])];
  for (const [k, v] of rows) { if (v === undefined) continue; const tr = el('tr'); tr.append(el('td', k, 'dim'), el('td', num(typeof v === 'string' && v !== 'Infinity' ? v : v))); t.append(tr); }
  c.append(t);
};
const worst = (o) => {
  const c = card('worst elements');
  const t = el('table');
  const head = el('tr'); for (const h of ['index', 'is', 'should be', 'allowed', 'error / allowed']) head.append(el('th', h)); t.append(head);
  for (const w of o.worstElements) { const tr = el('tr'); for (const v of ['[' + w.index + ']', w.actual, w.expected, w.allowed, w.eta]) tr.append(el('td', typeof v === 'number' ? num(v) : String(v))); t.append(tr); }
  c.append(t);
};

let chosen = -1;
const select = (i) => {
  chosen = i;
  const r = regions[i];
  for (const tr of document.querySelectorAll('tr.row')) tr.setAttribute('aria-selected', String(Number(tr.dataset.i) === i));
  $('detail').replaceChildren();
  $('detail-title').textContent = r.region + ' on ' + r.kernel;
  $('detail-text').textContent = (r.skipped ?? roles[r.role]) + (alarmsOf(r) ? ': ' + alarmsOf(r) : '') + r.outputs.map((o) => (o.sampled ? '; only ' + o.sampled.elements + ' of ' + o.sampled.of + ' elements were compared' : '') + (o.doubt ? '; ' + o.doubt.says : '')).join('') + '. Nodes: ' + r.nodes.join(', ');
  for (const o of r.outputs) {
    if (r.outputs.length > 1) $('detail').append(el('h3', o.output));
    if (o.picture) { scatter(o); histogram(o); }
    metricsOf(o); worst(o);
    if (o.picture) along(o);
  }
  location.hash = 'region-' + i;
};

const shade = (r) => r.skipped ? color('--line') : !r.ok ? color('--bad') : r.role === 'inherited' || r.role === 'amplified' ? color('--warn') : 'color-mix(in srgb, ' + color('--ok') + ' ' + Math.round(25 + 75 * Math.max(0, Math.min(1, 1 - eta(r)))) + '%, ' + color('--warn') + ')';
const graph = () => {
  const ns = 'http://www.w3.org/2000/svg';
  const maker = new Map();
  regions.forEach((r, i) => r.writes.forEach((o) => maker.set(o, i)));
  const depth = [], used = [];
  const place = regions.map((r, i) => {
    const d = 1 + Math.max(-1, ...r.reads.map((n) => maker.get(n)).filter((m) => m !== undefined && m < i).map((m) => depth[m]));
    depth[i] = d; used[d] = (used[d] ?? 0) + 1;
    return [d, used[d] - 1];
  });
  const perRow = Math.max(1, Math.floor(1120 / 74)), lanes = Math.max(1, ...used.filter(Boolean));
  const at = (i) => { const [d, l] = place[i]; return [(d % perRow) * 74 + 4, Math.floor(d / perRow) * (lanes * 30 + 14) + l * 30 + 4]; };
  const svg = document.createElementNS(ns, 'svg');
  const make = (tag, attrs, parent) => { const e = document.createElementNS(ns, tag); for (const [k, v] of Object.entries(attrs)) e.setAttribute(k, v); parent.append(e); return e; };
  const rows = Math.ceil((Math.max(0, ...depth) + 1) / perRow);
  svg.setAttribute('viewBox', '0 0 ' + perRow * 74 + ' ' + (rows * (lanes * 30 + 14) + 4)); svg.setAttribute('width', '100%'); svg.setAttribute('role', 'group'); svg.setAttribute('aria-label', 'regions of the model');
  regions.forEach((r, i) => { for (const n of r.reads) { const m = maker.get(n); if (m === undefined || m >= i) continue; const [x1, y1] = at(m), [x2, y2] = at(i); if (Math.abs(y1 - y2) < lanes * 30 + 1) make('line', { x1: x1 + 64, y1: y1 + 11, x2, y2: y2 + 11 }, svg); } });
  const providers = [...new Set(regions.map((r) => r.chip))];
  regions.forEach((r, i) => {
    const [x, y] = at(i);
    const g = make('g', { tabindex: 0, role: 'button', 'aria-label': r.region + ', ' + (r.ok ? 'ok' : 'out of bounds') }, svg);
    make('rect', { x, y, width: 64, height: 22, rx: 3, fill: shade(r), stroke: color('--line') }, g);
    const t = make('text', { x: x + 3, y: y + 14, style: 'fill:#000' }, g);
    t.textContent = String.fromCharCode(65 + providers.indexOf(r.chip)) + ' ' + (r.ops[0] ?? '').slice(0, 9);
    make('title', {}, g).textContent = r.region + ' ' + r.ops.join(' ') + ' ' + r.kernel;
    g.onclick = () => select(i);
    g.onkeydown = (e) => { if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); select(i); } };
  });
  $('graph').append(svg);
  $('providers').textContent = providers.map((p, i) => String.fromCharCode(65 + i) + ' ' + p).join('   ');
};

const matrix = () => {
  const ops = [...new Set(regions.flatMap((r) => r.ops))].sort(), chips = [...new Set(regions.map((r) => r.chip))];
  const t = $('matrix');
  const head = el('tr'); head.append(el('th', 'op')); for (const c of chips) head.append(el('th', c)); t.append(head);
  for (const op of ops) {
    const tr = el('tr'); tr.append(el('td', op));
    for (const chip of chips) {
      const here = regions.filter((r) => r.chip === chip && r.ops.includes(op) && !r.skipped);
      const bad = here.filter((r) => !r.ok).length;
      tr.append(el('td', here.length === 0 ? '' : (bad > 0 ? bad + ' of ' + here.length + ' out of bounds' : here.length + ' ok') + ', η ' + num(Math.max(...here.map(eta))), bad > 0 ? 'bad' : 'ok'));
    }
    t.append(tr);
  }
};

table('');
$('filter').oninput = (e) => table(e.target.value.toLowerCase());
waterfall(); graph(); matrix();
const wanted = /^#region-(\d+)$/.exec(location.hash);
const first = regions.findIndex((r) => !r.ok);
if (regions.length > 0) select(wanted ? Math.min(Number(wanted[1]), regions.length - 1) : first >= 0 ? first : 0);
addEventListener('resize', () => plots.forEach((p) => p.root.isConnected && p.setSize({ width: width(p.root.parentElement), height: p.height })));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => location.reload());
document.documentElement.dataset.ready = 'yes';
`;
