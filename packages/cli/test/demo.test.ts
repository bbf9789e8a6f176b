import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DemoReport } from '../src/index.js';

const program = fileURLToPath(new URL('../dist/holdfast.js', import.meta.url));
const possible = process.platform === 'linux' && existsSync(program);

/** Claims about time are the machine's as much as ours: a run of all tests keeps every core busy. */
const isAboutTime = (name: string): boolean => name.includes('longest pause');

// Processes run what is built; `npm test` builds first.
describe.skipIf(!possible && process.env['HOLDFAST_REQUIRE_CLIENTS'] !== '1')(
  'the demonstration (needs: Linux, a build)',
  () => {
    let folder = '';
    let child: ChildProcess;
    let output = '';
    let notes = '';

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'hf-'));
      output = '';
      notes = '';
    });

    afterEach(async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        await once(child, 'close');
      }
      await rm(folder, { recursive: true, force: true });
    });

    const start = (...args: string[]): void => {
      // Everything of this run goes below the folder of this test.
      child = spawn(process.execPath, [program, 'demo', '--json', '--quick', '--seed', '1', ...args], {
        env: { ...process.env, TMPDIR: folder },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
      child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (notes += chunk));
    };

    it('plays every scene, loses nothing, and leaves nothing but the page', async () => {
      start();
      await once(child, 'close');
      const report = JSON.parse(output) as DemoReport;
      const failed = report.checks.filter(({ name, passed }) => !passed && !isAboutTime(name));
      expect(failed, notes).toEqual([]);
      expect(report.scenes.map(({ id }) => id)).toEqual(['a', 'b', 'a2', 'c', 'c2', 'd', 'e']);
      expect(report.workload.faults).toBe(0);
      expect(report.workload.acknowledgedWrites).toBeGreaterThan(100);
      expect(report.legs[0]?.sha256).toBe(report.legs[1]?.sha256);
      const provedAll = report.checks.every(({ passed }) => passed);
      expect(child.exitCode).toBe(provedAll ? 0 : 4);
      if (provedAll) expect(await readdir(folder)).toEqual(['holdfast-demo.html']);
      expect(await processesWith(folder)).toEqual([]);
    }, 400_000);

    it('ends its processes and removes its files when it is interrupted', async () => {
      start();
      while (!notes.includes('the preferred node is killed') && child.exitCode === null) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      child.kill('SIGINT');
      await once(child, 'close');
      expect(child.exitCode, notes).toBe(130);
      expect(await readdir(folder)).toEqual([]);
      expect(await processesWith(folder)).toEqual([]);
    }, 120_000);
  },
);

/** Command lines of living processes that name the folder. */
async function processesWith(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const id of await readdir('/proc')) {
    if (!/^\d+$/.test(id)) continue;
    const line = await readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(folder)) found.push(line.replaceAll('\0', ' '));
  }
  return found;
}
