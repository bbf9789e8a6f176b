import { HoldfastError } from '@holdfast/core';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { resolve } from 'node:path';
import { ioError } from './errors.js';

const losetup = '/usr/sbin/losetup';

export interface LoopDevice {
  /** As in `/dev/loop7`. */
  readonly path: string;
  /** Detaches it; the file stays. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Makes a block device out of a file, with `losetup`. Needs root. Errors: NOT_FOUND (no such file, no losetup), NOT_AUTHORIZED, IO_FAILED. */
export async function attachLoopDevice(file: string): Promise<LoopDevice> {
  const path = (await run(['--find', '--show', resolve(file)])).trim();
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      await run(['--detach', path]);
    },
  };
}

async function run(args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(losetup, [...args])).stdout;
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    if (said === '') throw ioError('ENOENT', `running losetup ${args.join(' ')}`, losetup, error);
    if (/permission denied/i.test(said)) {
      throw new HoldfastError(
        'NOT_AUTHORIZED',
        `Loop devices need root: ${said}. Run as root, or use the file itself as the leg.`,
        {
          cause: error,
        },
      );
    }
    const code = /no such file/i.test(said) ? 'ENOENT' : 'EIO';
    throw ioError(code, `running losetup (${said})`, args.at(-1) ?? '', error);
  }
}
