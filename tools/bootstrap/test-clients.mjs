/*
 * `npm run test:clients`: builds what it starts, tries it with real processes, disks and other people's clients, and ends with
 * one counted line. Arguments go to vitest.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChild } from './child.mjs';
import { countVitestReport, summary, verdict } from './count.mjs';
import { ensureReady } from './ensure.mjs';
import { root, say } from './place.mjs';

await ensureReady({ filters: ['@holdfast/cli...'] });
const folder = mkdtempSync(join(tmpdir(), 'holdfast-clients-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

const report = join(folder, 'vitest.json');
const code = await runChild(process.execPath, [
  join(root, 'node_modules', 'vitest', 'vitest.mjs'),
  'run',
  `--config=${join(root, 'acceptance', 'vitest.config.ts')}`,
  '--reporter=verbose',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...process.argv.slice(2),
]);
const counts = countVitestReport(report, code);
for (const note of counts.notes) say(note);
process.stdout.write(`${summary(counts)}\n`);
process.exitCode = verdict(counts);
