import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { it } from 'vitest';

/** A program of somebody else, running. */
export class Running {
  readonly exited: Promise<number>;
  hasExited = false;
  private readonly child;
  private readonly lines: string[] = [];
  private readonly readers: Interface[];

  constructor(
    readonly program: string,
    readonly args: readonly string[],
    limitMs: number,
  ) {
    this.child = spawn(program, [...args], { stdio: ['pipe', 'pipe', 'pipe'], shell: false });
    this.readers = [this.child.stdout, this.child.stderr].map((stream) =>
      createInterface({ input: stream }).on('line', (line) => void this.lines.push(line)),
    );
    this.child.stdin.on('error', () => undefined);
    // Nothing here runs for ever: a program that hangs is ended, and that is a failure of the test.
    const timer = setTimeout(() => this.child.kill('SIGKILL'), limitMs);
    this.exited = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => {
        clearTimeout(timer);
        this.hasExited = true;
        if (signal !== null) this.lines.push(`ended by ${signal}`);
        resolve(code ?? 128);
      });
    });
    this.exited.catch(() => undefined);
  }

  get processId(): number | undefined {
    return this.child.pid;
  }

  /** Everything it printed so far. */
  get printed(): string {
    return this.lines.join('\n');
  }

  /** Gives it one line on its standard input. */
  type(line: string): void {
    this.child.stdin.write(`${line}\n`);
  }

  endInput(): void {
    this.child.stdin.end();
  }

  /** @throws Error with everything it printed when it did not end with exit code 0. */
  async succeeded(): Promise<string> {
    const code = await this.exited;
    if (code !== 0)
      throw new Error(`${this.program} ${this.args.join(' ')} ended with code ${code}:\n${this.printed}`);
    return this.printed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasExited) this.child.kill('SIGKILL');
    await this.exited.catch(() => undefined);
    for (const reader of this.readers) reader.close();
  }
}

export function start(program: string, args: readonly string[], limitMs = 150_000): Running {
  return new Running(program, args, limitMs);
}

/** Runs a program to its good end. @returns what it printed. */
export async function run(program: string, args: readonly string[], limitMs = 90_000): Promise<string> {
  await using running = start(program, args, limitMs);
  running.endInput();
  return await running.succeeded();
}

export function isInstalled(program: string): boolean {
  return [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export interface Needs {
  readonly programs?: readonly string[];
  /** Why this machine does not let the test do what it must, or undefined when it does: a right, which nobody can install. */
  readonly hindrance?: string | undefined;
}

/**
 * A test that needs something of its surroundings. What is missing is named. A missing program skips the test, and fails it with
 * HOLDFAST_REQUIRE_CLIENTS=1; a right that the machine does not give always skips it.
 */
export function itNeeding(
  { programs = [], hindrance }: Needs,
  name: string,
  body: () => Promise<void>,
  limitMs = 180_000,
): void {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length > 0 && process.env['HOLDFAST_REQUIRE_CLIENTS'] === '1') {
    it(name, () => {
      throw new Error(`needs ${missing.join(', ')}`);
    });
  } else if (missing.length > 0) it.skip(`${name} (needs ${missing.join(', ')})`, body);
  else if (hindrance !== undefined) it.skip(`${name} (${hindrance})`, body);
  else it(name, body, limitMs);
}
