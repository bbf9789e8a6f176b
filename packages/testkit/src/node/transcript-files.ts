import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseTranscript, replayTranscript, type TranscriptHandlers } from '../scenario/transcript.js';

export interface RunTranscriptOptions {
  /** Writes the outputs that came into the file instead of comparing. Default: when HOLDFAST_UPDATE_TRANSCRIPTS is 1. */
  readonly update?: boolean;
}

/**
 * Runs the commands of one file and compares their output to what stands there.
 *
 * @throws Error with the file, line, command, expected and actual output of the first difference.
 */
export async function runTranscript(
  path: string,
  handlers: TranscriptHandlers,
  options: RunTranscriptOptions = {},
): Promise<void> {
  const update = options.update ?? process.env['HOLDFAST_UPDATE_TRANSCRIPTS'] === '1';
  const before = await readFile(path, 'utf8');
  const { text, difference } = await replayTranscript(parseTranscript(before, path), handlers, path);
  if (update) {
    if (text !== before) await writeFile(path, text);
    return;
  }
  if (difference === undefined) return;
  const { block, actual } = difference;
  throw new Error(
    `${path}:${String(block.line)}: ${`${block.verb} ${block.args}`.trim()}\n` +
      `expected:\n${indented(block.expected)}\nactual:\n${indented(actual)}\n` +
      'If the new output is right, run once with HOLDFAST_UPDATE_TRANSCRIPTS=1 and read the change.',
  );
}

/** The function that registers a test, in whatever runner: vitest's and node's `test` both fit. */
export type RegisterTest = (name: string, run: () => Promise<void>) => unknown;

/**
 * One test for every .txt file of a folder, each with handlers of its own.
 *
 * @throws Error when there is none: a folder that was moved must not pass.
 */
export function transcriptTests(
  test: RegisterTest,
  folder: string,
  makeHandlers: () => TranscriptHandlers,
): void {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .sort();
  if (files.length === 0) throw new Error(`There is no transcript in ${folder}.`);
  for (const file of files) {
    test(file.slice(0, -'.txt'.length), async () => runTranscript(join(folder, file), makeHandlers()));
  }
}

function indented(text: string): string {
  return text.replace(/^/gm, '  ');
}
