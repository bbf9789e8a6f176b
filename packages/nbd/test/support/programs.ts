import { execFile, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { it } from 'vitest';

/** What a program printed. */
export interface Printed {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; rejects with what it printed when it fails. Never hangs: it is killed after 60 s. */
export function run(program: string, args: readonly string[]): Promise<Printed> {
  return new Promise((resolve, reject) => {
    execFile(
      program,
      [...args],
      { timeout: 60_000, maxBuffer: 64 * 1024 * 1024, encoding: 'latin1' },
      (error, stdout, stderr) => {
        if (error === null) resolve({ stdout, stderr });
        else reject(new Error(`${program} ${args.join(' ')}: ${error.message}\n${stderr}${stdout}`));
      },
    );
  });
}

/** Starts a program that runs until it is stopped. */
export function start(program: string, args: readonly string[]): { stop(): Promise<void> } {
  const child = spawn(program, [...args], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      resolve();
    });
  });
  return {
    stop: () => {
      child.kill();
      return ended;
    },
  };
}

function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** A test that needs outside programs: skipped by name when one is missing, failed when HOLDFAST_REQUIRE_CLIENTS=1. */
export function itWith(programs: readonly string[], name: string, body: () => Promise<void>): void {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) {
    it(name, body, 90_000);
  } else if (process.env['HOLDFAST_REQUIRE_CLIENTS'] === '1') {
    it(name, () => {
      throw new Error(`needs ${missing.join(', ')}`);
    });
  } else {
    it.skip(`${name} (needs ${missing.join(', ')})`, body);
  }
}
