import fc from 'fast-check';
import { appendFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { VirtualClock, recordingTelemetry } from '@holdfast/testkit';
import {
  type EventInput,
  type FileJournalOptions,
  type Journal,
  type JournalRecord,
  createDriver,
  fileJournal,
  formatRecord,
  parseRecords,
  readJournal,
  replay,
  ringJournal,
} from '../src/index.js';
import { eventually } from './eventually.js';
import { type LeaseEvent, identity, leaseOptions, leasePolicy } from './lease-policy.js';

// Real sockets, files and processes take their time on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

function drive(journal: Journal, clock = new VirtualClock()) {
  const driver = createDriver({
    policy: leasePolicy,
    options: leaseOptions,
    clock,
    identity,
    journal,
    interpreter: {
      run: (effect) => (effect.kind === 'persist' ? Promise.resolve({ kind: 'persisted' }) : undefined),
      failed: () => undefined,
      halted: () => undefined,
    },
  });
  return { clock, driver };
}

const anyInput: fc.Arbitrary<EventInput<LeaseEvent>> = fc.oneof(
  fc.record({ kind: fc.constant('note' as const), text: fc.string({ minLength: 1 }) }),
  fc.record({ kind: fc.constant('write-record' as const), text: fc.string() }),
  fc.record({ kind: fc.constant('next-renewal' as const), renewAt: fc.nat({ max: 5_000 }) }),
);

describe('a replay', () => {
  it('gives the same effects and the same state as the run, through the written form (property)', async () => {
    const script = fc.array(fc.tuple(anyInput, fc.nat({ max: 300 })), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(script, async (events) => {
        const journal = ringJournal(100_000);
        const { clock, driver } = drive(journal);
        const handedOut: unknown[] = [];
        driver.subscribe((_state, _event, effects) => void handedOut.push(...effects));
        for (const [event, waitMs] of events) {
          driver.dispatch(event);
          await clock.advance(waitMs);
        }
        const written = journal.records.map(formatRecord).join('');
        const replayed = replay(leasePolicy, parseRecords(written, 'memory'));
        expect(replayed.differences).toEqual([]);
        expect(replayed.effects).toEqual(handedOut);
        expect(replayed.steps).toBe(driver.sequence);
        expect(JSON.stringify(replayed.state)).toBe(JSON.stringify(driver.state));
        await driver[Symbol.asyncDispose]();
      }),
      { numRuns: 50 },
    );
  });

  it('points at the step where another policy would have decided otherwise', async () => {
    const journal = ringJournal();
    const { clock } = drive(journal);
    await clock.advance(250);
    const lazy = {
      ...leasePolicy,
      step: (state: Parameters<typeof leasePolicy.step>[0]) => ({ state, effects: [] }),
    };
    expect(replay(lazy, journal.records).differences.map(({ sequence }) => sequence)).toEqual([1, 2]);
  });

  it('refuses a journal with a gap, of another policy, or without a beginning', async () => {
    const journal = ringJournal();
    const { driver } = drive(journal);
    for (let count = 0; count < 4; count += 1) driver.dispatch({ kind: 'note', text: 'x' });
    const gap = journal.records.filter((record) => record.sequence !== 2);
    expect(() => replay(leasePolicy, gap)).toThrow(/Step 3 follows step 1/);
    expect(() => replay(leasePolicy, journal.records.slice(1))).toThrow(/begins with step 1/);
    expect(() => replay({ ...leasePolicy, stateVersion: 2 }, journal.records)).toThrow(/state version 1/);
  });
});

describe('the journal in memory', () => {
  it('keeps the newest and says whether that is all', () => {
    const journal = ringJournal(3);
    const { driver } = drive(journal);
    driver.dispatch({ kind: 'note', text: '1' });
    driver.dispatch({ kind: 'note', text: '2' });
    expect(journal.complete).toBe(true);
    expect(journal.records.map(({ sequence }) => sequence)).toEqual([0, 1, 2]);
    for (const text of ['3', '4', '5']) driver.dispatch({ kind: 'note', text });
    expect(journal.complete).toBe(false);
    expect(journal.records.map(({ sequence }) => sequence)).toEqual([3, 4, 5]);
  });
});

describe('the journal in files', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-journal-'));
  });
  afterEach(async () => rm(folder, { recursive: true }));

  async function write(
    count: number,
    options: Partial<FileJournalOptions> = {},
  ): Promise<readonly JournalRecord[]> {
    const journal = await fileJournal({ folder, ...options });
    const { driver } = drive(journal);
    for (let index = 0; index < count; index += 1)
      driver.dispatch({ kind: 'note', text: `note ${String(index)}` });
    await driver[Symbol.asyncDispose]();
    await journal[Symbol.asyncDispose]();
    return readJournal(folder);
  }

  it('keeps every step, with its time, event, effects and reasons', async () => {
    const records = await write(3);
    expect(records.map((record) => `${record.record} ${String(record.sequence)}`)).toEqual([
      'opening 0',
      'step 1',
      'step 2',
      'step 3',
    ]);
    expect(records[1]).toMatchObject({
      event: { kind: 'note', text: 'note 0' },
      wallTime: Date.UTC(2026, 0, 1),
    });
  });

  it('goes on in the next file, keeps only so many, and each can be replayed alone', async () => {
    await write(200, { maxFileBytes: 4_000, maxFiles: 3 });
    const files = (await readdir(folder)).sort();
    expect(files).toHaveLength(3);
    for (const file of files) {
      const text = await readFile(join(folder, file), 'utf8');
      expect(text.length).toBeLessThan(4_000 + 4_000);
      const replayed = replay(leasePolicy, parseRecords(text, file));
      expect(replayed.differences).toEqual([]);
    }
    const last = replay(leasePolicy, await readJournal(folder));
    expect(last.state?.notes.at(-1)).toBe('note 199');
    expect(await readJournal(folder, 5)).toHaveLength(5);
  });

  it('begins a new file for a new life, and both lives replay', async () => {
    await write(3);
    const records = await write(2);
    expect(await readdir(folder)).toHaveLength(2);
    expect(records.filter(({ record }) => record === 'opening')).toHaveLength(2);
    expect(replay(leasePolicy, records).steps).toBe(5);
  });

  it('reads over a last line that a crash has torn, and not over a broken one before', async () => {
    await write(3);
    const file = join(folder, (await readdir(folder))[0]!);
    await appendFile(file, '{"record":"step","sequ');
    expect(await readJournal(folder)).toHaveLength(4);
    await appendFile(file, '\0\0 garbage of a lost sector\n');
    expect(await readJournal(folder)).toHaveLength(4);
    await appendFile(file, '{"record":"step","sequence":5,"event":{},"effects":[]}\n');
    await expect(readJournal(folder)).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  it('any cut of a file reads as a beginning of it (property)', async () => {
    await write(5);
    const text = await readFile(join(folder, (await readdir(folder))[0]!), 'utf8');
    const whole = parseRecords(text, 'whole');
    fc.assert(
      fc.property(fc.nat({ max: text.length }), (length) => {
        const part = parseRecords(text.slice(0, length), 'part');
        expect(part).toEqual(whole.slice(0, part.length));
      }),
    );
  });

  it('leaves out what `keep` does not want', async () => {
    const records = await write(6, { keep: (event) => event.sequence % 3 === 0 });
    expect(records.map(({ sequence }) => sequence)).toEqual([0, 3, 6]);
    expect(() => replay(leasePolicy, records)).toThrow(/thinned/);
  });

  it('leaves records out rather than hold the driver up, says so, and begins anew with the state', async () => {
    const telemetry = recordingTelemetry();
    const journal = await fileJournal({ folder, maxPendingBytes: 6_000, telemetry });
    const { driver } = drive(journal);
    for (let index = 0; index < 500; index += 1)
      driver.dispatch({ kind: 'note', text: `burst ${String(index)}` });
    await eventually(async () => (await readJournal(folder)).length).toBeGreaterThan(1);
    driver.dispatch({ kind: 'note', text: 'after' });
    driver.dispatch({ kind: 'note', text: 'last' });
    await driver[Symbol.asyncDispose]();
    await journal[Symbol.asyncDispose]();
    expect(telemetry.ofKind('journal-left-out')).toHaveLength(1);
    const replayed = replay(leasePolicy, await readJournal(folder));
    expect(replayed.state?.notes.slice(-2)).toEqual(['after', 'last']);
  });

  it('does not throw when its folder is gone', async () => {
    const telemetry = recordingTelemetry();
    const journal = await fileJournal({ folder: join(folder, 'gone'), telemetry });
    await rm(join(folder, 'gone'), { recursive: true });
    const { driver } = drive(journal);
    driver.dispatch({ kind: 'note', text: 'x' });
    await eventually(() => telemetry.ofKind('journal-left-out').length).toBe(1);
    expect(driver.dispatch({ kind: 'note', text: 'y' })).toBe(true);
    await journal[Symbol.asyncDispose]();
  });

  it('refuses a newer version', () => {
    const line = '{"record":"opening","version":99,"policy":"lease","sequence":0,"state":{}}\n';
    expect(() => parseRecords(line, 'file')).toThrow(/version 99/);
  });
});
