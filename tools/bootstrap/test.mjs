/*
 * `npm test`: makes the checkout ready, runs every test and every check of the tools, and ends with one counted line.
 * With arguments (`npm test -- --project core`) it hands them to vitest and leaves the tools out.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChild } from './child.mjs';
import { addCounts, countToolReport, countVitestReport, summary, verdict } from './count.mjs';
import { ensureReady } from './ensure.mjs';
import { root, say } from './place.mjs';

const tools = ['tidy', 'purity', 'explore'];

async function runVitest(folder, args) {
  const report = join(folder, 'vitest.json');
  const program = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const code = await runChild(process.execPath, [
    program,
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...args,
  ]);
  return countVitestReport(report, code);
}

async function runTool(folder, name) {
  const report = join(folder, `${name}.json`);
  const loader = join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs');
  const program = join(root, 'tools', name, 'main.ts');
  const code = await runChild(process.execPath, [loader, program, `--report=${report}`]);
  return countToolReport(name, report, code);
}

const args = process.argv.slice(2);
await ensureReady();
const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

let counts = await runVitest(folder, args);
if (args.length === 0) {
  for (const name of tools) counts = addCounts(counts, await runTool(folder, name));
}
for (const note of counts.notes) say(note);
process.stdout.write(`${summary(counts)}\n`);
process.exitCode = verdict(counts);
