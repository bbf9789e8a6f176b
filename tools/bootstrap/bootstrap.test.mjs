import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addCounts, countToolReport, countVitestReport, nothing, summary, verdict } from './count.mjs';
import { installGap } from './ensure.mjs';
import { withLock } from './lock.mjs';

let folder;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-bootstrap-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function report(content) {
  const path = join(folder, 'report.json');
  writeFileSync(path, JSON.stringify(content));
  return path;
}

describe('the last line of npm test', () => {
  const file = (status, ...assertions) => ({
    name: 'x.test.ts',
    status,
    assertionResults: assertions.map((each) => ({ status: each })),
  });

  it('counts every test, and tests that were left out as skipped', () => {
    const path = report({ testResults: [file('failed', 'passed', 'failed', 'pending', 'todo')] });
    const counts = countVitestReport(path, 1);
    expect(summary(counts)).toBe('1 passed, 1 failed, 2 skipped');
    expect(verdict(counts)).toBe(1);
  });

  it('leaves the skipped out when there are none', () => {
    expect(summary(countVitestReport(report({ testResults: [file('passed', 'passed')] }), 0))).toBe(
      '1 passed, 0 failed',
    );
  });

  it('counts a file that could not be loaded as one failure', () => {
    const counts = countVitestReport(report({ testResults: [file('passed', 'passed'), file('failed')] }), 1);
    expect(summary(counts)).toBe('1 passed, 1 failed');
  });

  it('fails when the program failed without naming a test, such as on an unhandled rejection', () => {
    const counts = countVitestReport(report({ testResults: [file('passed', 'passed')] }), 1);
    expect(summary(counts)).toBe('1 passed, 1 failed');
    expect(counts.notes[0]).toContain('named no failed test');
  });

  it('fails when a report is missing', () => {
    expect(countVitestReport(join(folder, 'absent.json'), 0).failed).toBe(1);
    expect(countToolReport('tidy', join(folder, 'absent.json'), 0).failed).toBe(1);
  });

  it('fails when nothing ran at all', () => {
    expect(verdict(nothing)).toBe(1);
    expect(verdict(countVitestReport(report({ testResults: [] }), 0))).toBe(1);
  });

  it('adds the tools to the tests', () => {
    const tool = countToolReport('tidy', report({ passed: 3, failed: 0, skipped: 1 }), 0);
    expect(summary(addCounts(tool, tool))).toBe('6 passed, 0 failed, 2 skipped');
  });
});

describe('the look at what is installed', () => {
  const wanted = {
    packages: {
      '': { name: 'holdfast' },
      'packages/core': { version: '0.1.0' },
      'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
      'node_modules/a-win32': { version: '1.0.0', integrity: 'sha512-w', optional: true },
    },
  };
  const installed = (a) => ({ packages: { 'node_modules/a': a } });

  it('is content with the versions of the lockfile, whatever was left out for other platforms', () => {
    expect(installGap(wanted, installed({ version: '1.0.0', integrity: 'sha512-a' }))).toBeUndefined();
  });

  it('names what is missing or different', () => {
    expect(installGap(wanted, undefined)).toBe('nothing is installed yet');
    expect(installGap(wanted, { packages: {} })).toBe('node_modules/a is not installed');
    expect(installGap(wanted, installed({ version: '0.9.0', integrity: 'sha512-b' }))).toBe(
      'node_modules/a is at 0.9.0, the lockfile says 1.0.0',
    );
  });
});

describe('two commands started at once', () => {
  it('take turns', async () => {
    const lock = join(folder, 'lock');
    const turns = [];
    const work = (name) => async () => {
      turns.push(`${name} in`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      turns.push(`${name} out`);
    };
    await Promise.all([withLock(lock, work('a')), withLock(lock, work('b'))]);
    expect(turns).toEqual(['a in', 'a out', 'b in', 'b out']);
  });

  it('do not wait for a holder that has died', async () => {
    const lock = join(folder, 'lock');
    // No process can have this id: it lies above the largest that Linux gives out.
    writeFileSync(lock, '4194305');
    await withLock(lock, async () => expect(readFileSync(lock, 'utf8')).toBe(String(process.pid)));
  });
});
