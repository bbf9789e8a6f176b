import { HoldfastError, type PolicyEvent } from '@holdfast/core';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  fileJournal,
  formatRecord,
  type JournalOpening,
  type JournalRecord,
  type JournalStep,
  parseRecords,
  readJournal,
} from '../src/index.js';
import { identity } from './lease-policy.js';

const sectorBytes = 512;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-journal-images-'));
});
afterEach(async () => rm(folder, { recursive: true }));

const openingAt = (sequence: number): JournalOpening => ({
  record: 'opening',
  version: 1,
  policy: 'p',
  stateVersion: 1,
  identity,
  sequence,
  at: sequence,
  wallTime: 0,
  state: { sequence },
});
const noteOf = (sequence: number): PolicyEvent & { readonly text: string } => ({
  kind: 'note',
  at: sequence,
  sequence,
  text: 'x'.repeat(40 * (sequence % 5)),
});
const stepAt = (sequence: number): JournalStep => ({
  record: 'step',
  sequence,
  at: sequence,
  wallTime: 0,
  event: noteOf(sequence),
  effects: [],
});

/** A journal of several sectors in one file; gives the path of the file. */
async function write(steps: number): Promise<string> {
  const journal = await fileJournal({ folder });
  journal.append(openingAt(0), () => openingAt(0));
  for (let sequence = 1; sequence <= steps; sequence += 1) {
    journal.append(stepAt(sequence), () => openingAt(sequence));
    // Some are written together, some alone.
    if (sequence % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await journal[Symbol.asyncDispose]();
  const [name = ''] = await readdir(folder);
  return join(folder, name);
}

/** A reading is a beginning of what was written, without a gap and without a changed record, or it is refused as CORRUPT. */
function judge(read: () => readonly JournalRecord[], whole: readonly string[]): string | undefined {
  try {
    const records = read().map(formatRecord);
    const wrong = records.findIndex((record, at) => record !== whole[at]);
    return wrong < 0 ? undefined : `record ${String(wrong)} is none that stood there`;
  } catch (error) {
    return HoldfastError.is(error, 'CORRUPT') ? undefined : String(error);
  }
}

/** What a file of a journal may hold when it was not synced: cut at any byte; of its sectors any one, or all from one on, zeros. */
function* images(whole: Uint8Array): Generator<{ readonly how: string; readonly bytes: Uint8Array }> {
  for (let length = 0; length <= whole.length; length += 1)
    yield { how: `cut at ${String(length)}`, bytes: whole.subarray(0, length) };
  for (let from = 0; from < whole.length; from += sectorBytes) {
    for (let to = from + sectorBytes; to < whole.length + sectorBytes; to += sectorBytes) {
      const bytes = whole.slice();
      bytes.fill(0, from, Math.min(to, bytes.length));
      yield { how: `zeros from ${String(from)} to ${String(to)}`, bytes };
      yield { how: `zeros from ${String(from)}, cut at ${String(to)}`, bytes: bytes.subarray(0, to) };
    }
  }
}

function explore(
  whole: Uint8Array,
  read: (text: string) => readonly JournalRecord[],
): { count: number; problem: string | undefined } {
  const text = new TextDecoder().decode(whole);
  const lines = text
    .split('\n')
    .slice(0, -1)
    .map((line) => `${line}\n`);
  let count = 0;
  for (const { how, bytes } of images(whole)) {
    count += 1;
    const problem = judge(() => read(new TextDecoder().decode(bytes)), lines);
    if (problem !== undefined) return { count, problem: `${how}: ${problem}` };
  }
  return { count, problem: undefined };
}

describe('the journal in files, after a loss of power', () => {
  it('reads as a beginning of what was written, or is refused: nothing behind a damaged record is taken', async () => {
    const whole = await readFile(await write(40));
    const { count, problem } = explore(whole, (text) => parseRecords(text, 'image'));
    process.stdout.write(`journal: ${String(count)} images of ${String(whole.length)} bytes\n`);
    expect(problem).toBeUndefined();
    expect(count).toBeGreaterThan(whole.length + 100);
  });

  it('would not, if what makes no sense were only left out', async () => {
    const whole = await readFile(await write(40));
    const forgiving = (text: string): readonly JournalRecord[] =>
      text.split('\n').flatMap((line) => {
        try {
          return parseRecords(`${line}\n`, 'line');
        } catch {
          return [];
        }
      });
    expect(explore(whole, forgiving).problem).toMatch(/is none that stood there/);
  });

  it('is read by a next life in the same way: its own file begins anew, and the torn end stays torn', async () => {
    const file = await write(9);
    const whole = await readFile(file);
    for (let length = whole.length - 400; length < whole.length; length += 7) {
      await writeFile(file, whole.subarray(0, length));
      const before = await readJournal(folder);
      const journal = await fileJournal({ folder });
      journal.append(openingAt(0), () => openingAt(0));
      await journal[Symbol.asyncDispose]();
      expect(await readJournal(folder)).toEqual([...before, openingAt(0)]);
      for (const name of await readdir(folder)) if (!file.endsWith(name)) await rm(join(folder, name));
    }
  });
});
