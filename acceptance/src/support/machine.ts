import { execFileSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

function works(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, [...args], { stdio: 'ignore', timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

/** Why this machine lets nobody mount a file system in memory, or undefined when it does. Found out by mounting one. */
export function noMounting(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root, to mount a file system';
  const folder = mkdtempSync(join(tmpdir(), 'hf-probe-'));
  try {
    if (!works('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]))
      return 'may not mount here, even as root';
    works('umount', [folder]);
    return undefined;
  } finally {
    rmdirSync(folder);
  }
}

/** Why this machine gives no loop device over a FUSE file, or undefined when it does. */
export function noLoopOverFuse(): string | undefined {
  const hindrance = noMounting();
  if (hindrance !== undefined) return hindrance;
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
  } catch {
    return 'needs /dev/fuse';
  }
  return works('losetup', ['--find']) ? undefined : 'needs a free loop device';
}

/** What was done last is undone first. */
export class Undoing {
  private readonly steps: (() => Promise<unknown>)[] = [];

  defer(step: () => Promise<unknown>): void {
    this.steps.push(step);
  }

  /** Undoes what was done last; it counts as undone even when that fails. */
  async undoLast(): Promise<void> {
    await this.steps.pop()?.();
  }

  /** Undoes all that is left. Failures are not told: after the failure of a test, that one is the one to show. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.steps.length > 0) await this.undoLast().catch(() => undefined);
  }
}
