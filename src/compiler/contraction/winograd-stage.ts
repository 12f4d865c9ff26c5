/**
 * Stages of a convolution by Winograd's algorithm: one that transforms weights, once, and one whose jobs
 * transform patches, multiply through the microkernels of all contractions, and transform the results, which
 * then go through the finishing statements. Patches and products of a job stay in its core's cache.
 *
 * What is not finite in a tile spreads over all of it, so such a tile is calculated a second time, directly:
 * infinities, NaN and overflow come out as they do there.
 */
import type { Buffer } from '../loops.ts';
import { WINDOW, winogradMatrices } from '../winograd.ts';
import { plainArithmetic } from './arithmetic.ts';
import { affineText, splitIndex } from './axes.ts';
import { writePanel } from './pack.ts';
import { panelBytes, panelsOf } from './panels.ts';
import { panelStart, type Call } from './stages.ts';
import { clipHelper, eachIndex } from './text.ts';
import { columnPacker } from './tile.ts';
import { sizeOfAxes, type Axis, type StageWriter } from './types.ts';
import { imageHelpers, weightsHelpers } from './winograd-transforms.ts';
import type { SlidingAxis, WinogradPlan } from './winograd.ts';

const LINE = 64;
const lines = (bytes: number): number => Math.ceil(bytes / LINE) * LINE;

/** Bytes of the transformed weights of one panel of feature maps. */
const weightBytes = (p: WinogradPlan): number => winogradMatrices[p.m].n ** 2 * p.channels * p.tile.columns * p.tile.bytes;

export const winogradWeightBytes = (p: WinogradPlan): number => panelsOf(p.plan) * weightBytes(p);

/** Where a worker keeps what is its own, in bytes. */
interface Space {
  readonly zeros: number;
  readonly products: number;
  readonly results: number;
  readonly panel: number;
  readonly bytes: number;
}

/** Patches stand first. */
const spaceOf = (p: WinogradPlan): Space => {
  const { n } = winogradMatrices[p.m];
  const { tile } = p;
  const zeros = lines(n * n * p.plane * tile.bytes);
  const products = zeros + lines(p.channels * tile.bytes);
  const results = products + lines(n * n * p.block * tile.columns * tile.bytes);
  const panel = results + lines(p.m * p.m * tile.columns * tile.bytes);
  return { zeros, products, results, panel, bytes: panel + lines(panelBytes(p.plan)) };
};

export const winogradBytes = (p: WinogradPlan): number => spaceOf(p).bytes * p.workers;

/** Bytes one worker takes while weights are transformed. */
export const transformBytes = (p: WinogradPlan): number => lines(panelBytes(p.plan));

/** Writes the panel `panel` of plain weights to `dst`. */
const plainPanel = (w: StageWriter, p: WinogradPlan, pad: string): void => writePanel(w, p.plan, '0', pad);

/** The stage that transforms weights. @param scratch a panel for each worker. */
export const weightsStage = (p: WinogradPlan, weights: Buffer, scratch: Buffer): Call => {
  const { type: T } = p.tile;
  const count = panelsOf(p.plan);
  const write = (w: StageWriter): void => {
    w.push('  for (i64 panel = lo; panel < hi; panel++) {');
    panelStart(w, p.plan, '    ');
    w.push(`    ${T}* const plain = (${T}*)(${w.buffer(scratch)} + worker * ${w.param(transformBytes(p))});`);
    w.push(`    { ${T}* restrict dst = plain;`);
    plainPanel(w, p, '    ');
    w.push('    }');
    w.push(`    wg${p.m}_weights(plain, ${w.param(p.channels)}, (${T}*)(${w.buffer(weights)} + panel * ${w.param(weightBytes(p))}));`);
    w.push('  }');
  };
  return {
    kind: 'call',
    helpers: [clipHelper, ...columnPacker(p.tile), ...weightsHelpers(p.m, p.tile)],
    write,
    count,
    grain: 1,
    work: count * p.channels * p.tile.columns * winogradMatrices[p.m].n ** 2,
  };
};

const tileAxes = (p: WinogradPlan): { axes: readonly Axis[]; names: (w: StageWriter) => readonly string[] } => {
  const counter = (name: string, extent: number): Axis => ({ v: { kind: 'local', type: 'index', name }, extent });
  return {
    axes: [...p.images, counter('tile down', p.down), counter('tile across', p.across)],
    names: (w) => [...p.images.map((a) => w.name(a.v)), 'down', 'along'],
  };
};

/** Declares where tile `t0 + t` stands: its images, and its first result as `y0` and `x0`. */
const writePlace = (w: StageWriter, p: WinogradPlan, pad: string): void => {
  const { axes, names } = tileAxes(p);
  splitIndex(w, 't0 + t', axes, names(w), pad);
  w.push(`${pad}const i64 y0 = down * ${p.m}, x0 = along * ${p.m};`);
};

/** Pointers of a patch: into the image, or to zeros. */
const writePatch = (w: StageWriter, p: WinogradPlan, pad: string): void => {
  const { load, height, width } = p;
  const { n } = winogradMatrices[p.m];
  const sliding = new Set([height.axis.v.name, width.axis.v.name, ...p.plan.reduce.map((a) => a.v.name)]);
  const inside = (at: string, { low, high }: SlidingAxis): string => `${at} >= ${w.param(low)} && ${at} < ${w.param(high)}`;
  w.push(
    `${pad}const ${p.tile.type}* const image = (const ${p.tile.type}*)${w.buffer(load.buffer)} + (${affineText(w, load.at, (local) => (sliding.has(local.name) ? undefined : w.name(local)))});`,
  );
  w.push(`${pad}for (i64 i = 0; i < ${n}; i++) {`);
  w.push(`${pad}  const i64 y = y0 + i;`);
  w.push(`${pad}  const int in = ${inside('y', height)};`);
  w.push(`${pad}  for (i64 j = 0; j < ${n}; j++) {`);
  w.push(`${pad}    const i64 x = x0 + j;`);
  w.push(
    `${pad}    patch[i * ${n} + j] = in && ${inside('x', width)} ? image + y * ${w.param(height.stride)} + x * ${w.param(width.stride)} : zeros;`,
  );
  w.push(`${pad}  }`);
  w.push(`${pad}}`);
};

/** A tile's results anew, as a plain contraction over its patch. */
const writeDirect = (w: StageWriter, p: WinogradPlan, pad: string): void => {
  const { m, tile } = p;
  const { n } = winogradMatrices[m];
  const q = `${pad}  `;
  w.push(`${pad}if (odd) {`);
  w.push(`${q}if (plain_panel != panel) {`);
  w.push(`${q}  ${tile.type}* restrict dst = plain;`);
  plainPanel(w, p, `${q}  `);
  w.push(`${q}  plain_panel = panel;`);
  w.push(`${q}}`);
  writePatch(w, p, q);
  w.push(`${q}for (i64 r0 = 0; r0 < ${m * m}; r0 += ${tile.rows}) {`);
  w.push(`${q}  const i64 mr = min_i64(${tile.rows}, ${m * m} - r0);`);
  w.push(`${q}  for (i64 k = 0; k < ${WINDOW}; k++) for (i64 l = 0; l < ${WINDOW}; l++) for (i64 i = 0; i < mr; i++)`);
  w.push(`${q}    rows[(k * ${WINDOW} + l) * mr + i] = patch[((r0 + i) / ${m} + k) * ${n} + (r0 + i) % ${m} + l];`);
  w.push(`${q}  mk_${tile.type}[vectors - 1][mr - 1](${WINDOW * WINDOW}, rows, ${w.param(p.channels)}, 1, plain, results + r0 * across);`);
  w.push(`${q}}`);
  w.push(`${pad}}`);
};

/** Results of one tile, each through the finishing statements. */
const writeResults = (w: StageWriter, p: WinogradPlan, pad: string): void => {
  const { m, tile, height, width, finish, contraction } = p;
  const limit = (from: string, { axis }: SlidingAxis): string => `min_i64(${m}, ${w.param(axis.extent)} - ${from})`;
  w.push(`${pad}for (i64 i = 0; i < ${limit('y0', height)}; i++) for (i64 j = 0; j < ${limit('x0', width)}; j++) {`);
  w.push(`${pad}  const i64 ${w.name(height.axis.v)} = y0 + i, ${w.name(width.axis.v)} = x0 + j;`);
  w.push(`${pad}  const ${tile.type}* const row = results + (i * ${m} + j) * across;`);
  eachIndex(w, finish.columns, 'n0', 'wide', tile.columns, 'n', `${pad}  `, (column, q) => {
    w.push(`${q}const ${tile.type} ${w.name(contraction.sum)} = row[${column}];`);
    w.block(finish.stmts, q);
  });
  w.push(`${pad}}`);
};

/** The stage whose jobs calculate. */
export const winogradStage = (p: WinogradPlan, weights: Buffer, scratch: Buffer): Call => {
  const { m, tile, plan } = p;
  const { type: T } = tile;
  const { n } = winogradMatrices[m];
  const space = spaceOf(p);
  const panels = panelsOf(plan);
  const write = (w: StageWriter): void => {
    const [PANELS, PP, TILES, TP, PITCH, PLANE, CHANNELS, PANEL] = [
      panels,
      p.panelParts,
      p.tiles,
      p.tileParts,
      p.pitch,
      p.plane,
      p.channels,
      weightBytes(p) / tile.bytes,
    ].map((x) => w.param(x));
    w.push(`  uint8_t* const own = ${w.buffer(scratch)} + worker * ${w.param(space.bytes)};`);
    w.push(`  ${T}* const patches = (${T}*)own;`);
    for (const [name, at] of [
      ['zeros', space.zeros],
      ['products', space.products],
      ['results', space.results],
      ['plain', space.panel],
    ] as const)
      w.push(`  ${T}* const ${name} = (${T}*)(own + ${w.param(at)});`);
    w.push(`  memset(zeros, 0, ${CHANNELS} * ${tile.bytes});`);
    w.push(`  const ${T}* patch[${n * n}];`);
    w.push(`  const ${T}* rows[${tile.rows * WINDOW * WINDOW}];`);
    w.push('  for (i64 item = lo; item < hi; item++) {');
    // Jobs of the same panels follow each other: their weights may still be near.
    w.push(`    const i64 tp = item % ${TP}, pp = item / ${TP};`);
    w.push(`    const i64 p0 = ${PANELS} * pp / ${PP}, p1 = ${PANELS} * (pp + 1) / ${PP};`);
    w.push(`    const i64 t0 = ${TILES} * tp / ${TP}, count = ${TILES} * (tp + 1) / ${TP} - t0;`);
    w.push('    for (i64 t = 0; t < count; t++) {');
    writePlace(w, p, '      ');
    writePatch(w, p, '      ');
    w.push(`      wg${m}_patch(patch, patches + t * ${PITCH}, ${PLANE}, ${CHANNELS});`);
    w.push('    }');
    w.push(`    const i64 blocks = (count + ${tile.rows - 1}) / ${tile.rows};`);
    w.push('    i64 plain_panel = -1;');
    w.push('    for (i64 panel = p0; panel < p1; panel++) {');
    panelStart(w, plan, '      ');
    w.push(`      const i64 vectors = (wide + ${tile.lanes - 1}) / ${tile.lanes}, across = vectors * ${tile.lanes};`);
    w.push(`      for (i64 q = 0; q < ${n * n}; q++) for (i64 b = 0; b < blocks; b++) {`);
    // Rows are dealt evenly: no tile is much lower than the others.
    w.push('        const i64 r0 = count * b / blocks, mr = count * (b + 1) / blocks - r0;');
    w.push(`        for (i64 i = 0; i < mr; i++) rows[i] = patches + q * ${PLANE} + (r0 + i) * ${PITCH};`);
    w.push(
      `        mk_${T}[vectors - 1][mr - 1](1, rows, ${CHANNELS}, 1, (const ${T}*)${w.buffer(weights)} + panel * ${PANEL} + q * ${CHANNELS} * ${tile.columns}, products + (q * count + r0) * across);`,
    );
    w.push('      }');
    w.push('      for (i64 t = 0; t < count; t++) {');
    w.push(`        const int odd = wg${m}_results(products + t * across, count * across, results, vectors);`);
    writePlace(w, p, '        ');
    writeDirect(w, p, '        ');
    writeResults(w, p, '        ');
    w.push('      }');
    w.push('    }');
    w.push('  }');
  };
  return {
    kind: 'call',
    helpers: [clipHelper, ...plainArithmetic.helpers(tile), ...columnPacker(tile), ...imageHelpers(m, tile)],
    write,
    count: p.tileParts * p.panelParts,
    grain: p.workers > 1 ? 1 : p.tileParts * p.panelParts,
    work: 2 * n * n * p.tiles * p.channels * sizeOfAxes(plan.columns),
  };
};
