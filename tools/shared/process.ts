import { spawn } from 'node:child_process';
import { root } from './place.js';

export interface Outcome {
  readonly code: number;
  /** Standard output and error, as they came. */
  readonly output: string;
}

/** Runs a program to its end and keeps what it says. An interrupt of this process ends it. */
export function run(file: string, args: readonly string[], options: { cwd?: string } = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd: options.cwd ?? root, stdio: ['ignore', 'pipe', 'pipe'] });
    const stop = (): void => void child.kill('SIGTERM');
    process.once('SIGTERM', stop).once('SIGINT', stop);
    let output = '';
    const keep = (chunk: Buffer): void => void (output += chunk.toString('utf8'));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const end = (code: number): void => {
      process.off('SIGTERM', stop).off('SIGINT', stop);
      resolve({ code, output });
    };
    child.once('error', (error) => {
      output += `${file} could not be started: ${error.message}`;
      end(127);
    });
    child.once('close', (code, signal) => end(code ?? (signal === null ? 1 : 128)));
  });
}

/** npm as it was started, or the one on the path. */
export function npm(args: readonly string[], options: { cwd?: string } = {}): Promise<Outcome> {
  const program = process.env['npm_execpath'];
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
  return program?.endsWith('.js') === true
    ? run(process.execPath, [program, ...args, ...quiet], options)
    : run('npm', [...args, ...quiet], options);
}

/** Applies `work` to every item, at most `width` at a time, and keeps the order. */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  width: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(items.length);
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}
