import { HoldfastError } from '@holdfast/core';

/** One command of a transcript and what it printed. */
export interface TranscriptBlock {
  /** The first word. */
  readonly verb: string;
  /** The rest of the line. */
  readonly args: string;
  /** Lines between the command and the rule, for what does not fit on one. */
  readonly input: string;
  /** Number of the command's line in the file, from 1. */
  readonly line: number;
  readonly expected: string;
}

/** Comments, blank lines and commands as they stand; only the output is ever replaced. */
type Part =
  | { readonly kind: 'text'; readonly lines: readonly string[] }
  | { readonly kind: 'block'; readonly block: TranscriptBlock; readonly head: readonly string[] };

export interface Transcript {
  readonly parts: readonly Part[];
}

/** What one command does. What it gives back, or the code and message of a HoldfastError it throws, is the output. */
export type TranscriptHandler = (block: TranscriptBlock) => string | Promise<string>;

export type TranscriptHandlers = Readonly<Record<string, TranscriptHandler>>;

const RULE = '----';

/** Stands for no output, so that a forgotten one is seen. */
const NOTHING = '(nothing)';

/**
 * Blocks of a command, the rule `----` and its output, separated by blank lines. Lines that begin with # are comments, between
 * blocks and above a command.
 *
 * @throws TypeError for a block without a rule.
 */
export function parseTranscript(text: string, source: string): Transcript {
  const parts: Part[] = [];
  const lines = text.replace(/\n$/, '').split('\n');
  let at = 0;
  while (at < lines.length) {
    const begin = at;
    while (at < lines.length && isText(lines[at])) at += 1;
    if (at > begin) parts.push({ kind: 'text', lines: lines.slice(begin, at) });
    if (at >= lines.length) break;

    const head = at;
    while (at < lines.length && lines[at] !== RULE && lines[at] !== '') at += 1;
    if (lines[at] !== RULE)
      throw new TypeError(`${source}:${String(head + 1)}: a command is followed by ${RULE} and its output.`);
    const output = at + 1;
    at = output;
    while (at < lines.length && lines[at] !== '') at += 1;

    const [command = '', ...input] = lines.slice(head, output - 1);
    const [verb = '', ...args] = command.split(' ');
    const expected = lines.slice(output, at).join('\n');
    const block = { verb, args: args.join(' '), input: input.join('\n'), line: head + 1, expected };
    parts.push({ kind: 'block', block, head: lines.slice(head, output - 1) });
  }
  return { parts };
}

export interface TranscriptRun {
  /** The text with the outputs that came. */
  readonly text: string;
  /** The first block whose output differs. */
  readonly difference: { readonly block: TranscriptBlock; readonly actual: string } | undefined;
}

/**
 * Runs every command, one after the other, and compares. All commands run even after a difference, so that `text` is whole.
 *
 * @throws TypeError for a command nobody handles, and whatever a handler throws that is no HoldfastError.
 */
export async function replayTranscript(
  transcript: Transcript,
  handlers: TranscriptHandlers,
  source: string,
): Promise<TranscriptRun> {
  const lines: string[] = [];
  let difference: TranscriptRun['difference'];
  for (const part of transcript.parts) {
    if (part.kind === 'text') {
      lines.push(...part.lines);
      continue;
    }
    const { block, head } = part;
    const actual = await outputOf(block, handlers, source);
    if (actual !== block.expected) difference ??= { block, actual };
    lines.push(...head, RULE, actual);
  }
  return { text: `${lines.join('\n')}\n`, difference };
}

async function outputOf(
  block: TranscriptBlock,
  handlers: TranscriptHandlers,
  source: string,
): Promise<string> {
  const handler = Object.hasOwn(handlers, block.verb) ? handlers[block.verb] : undefined;
  if (handler === undefined) {
    const known = Object.keys(handlers).sort().join(', ');
    throw new TypeError(
      `${source}:${String(block.line)}: nobody handles '${block.verb}'. There are: ${known}.`,
    );
  }
  try {
    return tidy(await handler(block));
  } catch (error) {
    if (!HoldfastError.is(error)) throw error;
    return tidy(`error ${error.code}: ${error.message}`);
  }
}

/** A blank line ends a block, so output has none: it is shown as a dot. */
function tidy(output: string): string {
  const text = output
    .trimEnd()
    .split('\n')
    .map((line) => (line.trim() === '' ? '.' : line.trimEnd()))
    .join('\n');
  return text === '.' ? NOTHING : text;
}

function isText(line: string | undefined): boolean {
  return line === '' || line?.startsWith('#') === true;
}
