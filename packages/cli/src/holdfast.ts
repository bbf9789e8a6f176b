#!/usr/bin/env node
import { createInterface } from 'node:readline/promises';
import type { Terminal } from './commands/terminal.js';
import { runCommandLine } from './program.js';

/** On a terminal: back to the start of the line, and erase what stands there. */
const startOver = process.stderr.isTTY ? '\r\u001b[2K' : '';

const terminal: Terminal = {
  out: (text) => void process.stdout.write(`${text}\n`),
  note: (text) => void process.stderr.write(`${startOver}${text}\n`),
  progress: (text) => {
    if (process.stderr.isTTY)
      process.stderr.write(`${startOver}${text.slice(0, process.stderr.columns - 1)}`);
  },
  ask: async (question) => {
    if (!process.stdin.isTTY) return undefined;
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return await lines.question(question);
    } finally {
      lines.close();
    }
  },
  isInteractive: process.stderr.isTTY,
  columns: process.stderr.columns || 100,
};

// A reader that goes away (`| head`) is no failure of ours.
process.stdout.on('error', () => process.exit(0));
process.exitCode = await runCommandLine(process.argv.slice(2), terminal);
