/* Runs the conformance suite over the device beside it, and prints what it found. */
import { blockDeviceSuite, type BlockDeviceFixture, runSuite } from '@holdfast/testkit';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSparseFileDevice } from './sparse-file-device.js';

const marks = { passed: 'ok  ', failed: 'FAIL', 'not-applicable': '-   ' };

async function fixture(): Promise<BlockDeviceFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'custom-adapter-'));
  return {
    open: () => openSparseFileDevice(join(folder, 'blocks'), 256 * 1024 + 100),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

const report = await runSuite(blockDeviceSuite, { name: 'sparse file device', fixture });
for (const { name, outcome, reason } of report.cases) {
  console.log(`${marks[outcome]} ${name}`);
  if (reason !== undefined) console.log(`       ${reason}`);
}
console.log(
  `${String(report.passed)} passed, ${String(report.failed)} failed, ${String(report.notApplicable)} not applicable; seed ${String(report.seed)}`,
);
if (report.failed > 0) process.exitCode = 1;
