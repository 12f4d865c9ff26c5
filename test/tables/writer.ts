/** A process that appends rows to a table until it is done or killed, saying after each which one is kept; some compact, too. */
import { writeSync } from 'node:fs';
import { FolderStore } from '../../src/host/tables/folder-store.ts';
import { performanceRow } from '../../src/opmanager/tables/testing.ts';

const [folder, name, count, compactEvery] = process.argv.slice(2) as [string, string, string, string];
const store = new FolderStore(folder);
for (let i = 0; i < Number(count); i++) {
  const id = `${name}-${i}`;
  await store.append([performanceRow('a/b:Abs.default', `Abs(float32[${i}])`, [i + 1], { id })]);
  writeSync(1, `${id}\n`);
  if (Number(compactEvery) > 0 && i % Number(compactEvery) === 0) await store.compact();
}
